#include "ledger/record_scan.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "base/check.h"
#include "merkle/hash.h"
#include "os/thread.h"

namespace stele::ledger {
namespace {

using segment::kHeaderBytes;
using segment::kLeafBytes;

// Big enough to be worth handing over, small enough to stay in the cache of the core that reads it.
constexpr size_t kRangeBytes = size_t{256} << 10;
// What framing reads at once of small records; of large ones no more than the front.
constexpr size_t kLookBytes = size_t{8} << 10;
constexpr size_t kRecordBytesMax = kLeafBytes + segment::kSegmentBytesMax;
constexpr size_t kFrontBytes = kLeafBytes + kHeaderBytes;

// A run of whole records, as leaves and headers say; not read yet.
struct Range {
  uint64_t offset = 0;
  std::vector<size_t> record_bytes = {};
  size_t bytes = 0;
};

ScannedRecord check_record(uint64_t offset, ByteSpan bytes) {
  ScannedRecord r;
  r.offset = offset;
  r.bytes = bytes.size();
  if (bytes.size() < kLeafBytes + segment::kSignatureBytes)
    return r.problem = "too short for a record", r;
  const ByteSpan leaf_bytes = bytes.first(kLeafBytes), segment = bytes.subspan(kLeafBytes);
  r.leaf_hash = merkle::leaf_hash(leaf_bytes);
  r.hashes = segment::hash_segment(segment);
  const auto leaf = segment::parse_leaf(leaf_bytes);
  if (!leaf) return r.problem = leaf.error().context, r;
  r.leaf = *leaf;
  const auto view = segment::parse_segment(segment);
  if (!view) return r.problem = view.error().context, r;
  r.header = view->header;
  std::copy(view->signature.begin(), view->signature.end(), r.signature.begin());
  if (r.header.kind >= segment::Kind::kHost)
    r.manifest.assign(view->manifest.begin(), view->manifest.end());
  if (r.hashes.segment != leaf->segment_hash)
    return r.problem = "the segment's hash is not the leaf's", r;
  if (!segment::agrees(*leaf, r.header, r.hashes.segment))
    return r.problem = "leaf and segment contradict each other", r;
  r.whole = true;
  return r;
}

using Checked = Result<std::vector<ScannedRecord>>;

// `buffer` is used again and again: fresh memory for each range would cost more than reading it.
Checked check_range(os::File& file, const Range& range, Bytes& buffer) {
  buffer.resize(range.bytes);
  TRY(const size_t got, file.read_at(range.offset, buffer));
  if (got < range.bytes) return fail(Code::kIo, "the volume became shorter while it was read");
  std::vector<ScannedRecord> checked;
  checked.reserve(range.record_bytes.size());
  size_t at = 0;
  for (const size_t bytes : range.record_bytes) {
    checked.push_back(check_record(range.offset + at, ByteSpan(buffer).subspan(at, bytes)));
    at += bytes;
  }
  return checked;
}

// Cuts a volume into records by what leaves and headers say of sizes.
class Framer {
 public:
  Framer(os::File& file, uint64_t size) : file_(file), size_(size) {}

  uint64_t offset() const { return offset_; }

  // The next records; none: the volume's end, or a tail that is no record.
  Result<Range> next() {
    Range range{offset_};
    while (range.bytes < kRangeBytes) {
      TRY(const size_t size, record_at(offset_, range.bytes == 0));
      if (size == 0) break;
      range.record_bytes.push_back(size);
      range.bytes += size;
      offset_ += size;
      ahead_ = size < kLookBytes ? kLookBytes : kFrontBytes;
    }
    return range;
  }

 private:
  // Up to so many bytes at `offset`, fewer where the volume ends.
  Result<ByteSpan> look(uint64_t offset, size_t bytes) {
    bytes = static_cast<size_t>(std::min<uint64_t>(bytes, size_ - offset));
    if (offset < seen_from_ || offset + bytes > seen_from_ + seen_.size()) {
      seen_.resize(std::min<uint64_t>(std::max(bytes, ahead_), size_ - offset));
      TRY(const size_t got, file_.read_at(offset, seen_));
      seen_.resize(got);
      seen_from_ = offset;
      bytes = std::min(bytes, got);
    }
    return ByteSpan(seen_).subspan(static_cast<size_t>(offset - seen_from_), bytes);
  }

  // The size of the record at `offset`; 0: none begins there, or it is cut off, or, not being the
  // `first` of its range, it is damaged: that one gets a range of its own.
  Result<size_t> record_at(uint64_t offset, bool first) {
    TRY(const ByteSpan front, look(offset, kFrontBytes));
    if (front.size() < kFrontBytes) return size_t{0};
    const auto leaf = segment::parse_leaf(front.first(kLeafBytes));
    const auto header = segment::parse_header(front.subspan(kLeafBytes));
    if (leaf && header && header->segment_bytes() == leaf->segment_bytes) {
      const size_t bytes = kLeafBytes + leaf->segment_bytes;
      return offset + bytes > size_ ? size_t{0} : bytes;
    }
    if (!first) return size_t{0};
    const std::array<size_t, 2> told = {leaf ? leaf->segment_bytes : 0,
                                        header ? header->segment_bytes() : 0};
    TRY(const ByteSpan ahead, look(offset, kRecordBytesMax * 2));
    for (size_t bytes : told) {
      const uint64_t end = offset + kLeafBytes + bytes;
      if (bytes != 0 && (end == size_ || begins_record(ahead, kLeafBytes + bytes)))
        return kLeafBytes + bytes;
    }
    for (size_t next = 1; next + kFrontBytes <= ahead.size(); ++next) {
      if (begins_record(ahead, next)) return next;
    }
    return size_t{0};
  }

  static bool begins_record(ByteSpan bytes, size_t at) {
    if (at + kFrontBytes > bytes.size()) return false;
    const auto leaf = segment::parse_leaf(bytes.subspan(at, kLeafBytes));
    if (!leaf) return false;
    const auto header = segment::parse_header(bytes.subspan(at + kLeafBytes));
    return header && header->stream == leaf->stream && header->sequence == leaf->sequence;
  }

  os::File& file_;
  const uint64_t size_;
  uint64_t offset_ = 0;
  Bytes seen_;
  uint64_t seen_from_ = 0;
  size_t ahead_ = kLookBytes;
};

// One thread a handle, each with a buffer of its own. Ranges are given out in order and come back
// in order. The threads end when it does.
class Checkers {
 public:
  static Result<std::unique_ptr<Checkers>> start(std::span<const std::unique_ptr<os::File>> files) {
    auto checkers = std::make_unique<Checkers>();
    for (const auto& file : files) {
      TRY(std::thread thread, os::start_thread([c = checkers.get(), &file] { c->work(*file); }));
      checkers->threads_.push_back(std::move(thread));
    }
    return checkers;
  }
  Checkers() = default;
  Checkers(const Checkers&) = delete;
  Checkers& operator=(const Checkers&) = delete;
  ~Checkers() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  size_t given() const { return given_.size(); }
  void give(Range range) {
    std::promise<Checked> promise;
    given_.push_back(promise.get_future());
    {
      const std::lock_guard lock(mutex_);
      waiting_.emplace_back(std::move(range), std::move(promise));
    }
    wake_.notify_one();
  }
  // Of the range that was given first.
  Checked take() {
    Checked checked = given_.front().get();
    given_.pop_front();
    return checked;
  }

 private:
  void work(os::File& file) {
    Bytes buffer;
    for (;;) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return done_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      auto [range, promise] = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      promise.set_value(check_range(file, range, buffer));
    }
  }

  std::vector<std::thread> threads_;
  std::deque<std::future<Checked>> given_;  // the caller's
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::pair<Range, std::promise<Checked>>> waiting_;
  bool done_ = false;
};

Status tell(const Checked& checked, const ScanSink& sink) {
  if (!checked) return fail(checked.error());
  for (const ScannedRecord& r : *checked) sink.record(r);
  return {};
}

}  // namespace

Status scan_volume(std::span<const std::unique_ptr<os::File>> handles, const ScanSink& sink) {
  CHECK(!handles.empty());
  os::File& file = *handles.front();
  TRY(const uint64_t size, file.size());
  Framer framer(file, size);
  std::unique_ptr<Checkers> checkers;
  if (handles.size() > 1) {
    TRY(checkers, Checkers::start(handles.subspan(1)));
  }
  Bytes buffer;
  Status framed;
  for (;;) {
    auto range = framer.next();
    if (!range) framed = fail(std::move(range).error());
    if (!range || range->bytes == 0) break;
    if (sink.progress) sink.progress(range->bytes);
    if (!checkers) {
      TRY_VOID(tell(check_range(file, *range, buffer), sink));
      continue;
    }
    checkers->give(*std::move(range));
    if (checkers->given() > 2 * handles.size()) TRY_VOID(tell(checkers->take(), sink));
  }
  while (checkers && checkers->given() > 0) TRY_VOID(tell(checkers->take(), sink));
  TRY_VOID(framed);
  if (framer.offset() < size) sink.tail(framer.offset(), size - framer.offset());
  return {};
}

}  // namespace stele::ledger
