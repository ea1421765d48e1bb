#include "ledger/record_scan.h"

#include <algorithm>
#include <deque>
#include <future>

#include "base/check.h"
#include "merkle/hash.h"

namespace stele::ledger {
namespace {

using segment::kHeaderBytes;
using segment::kLeafBytes;

// Big enough that the largest record fits, small enough to stay near the core that hashes it.
constexpr size_t kBlockBytes = size_t{1} << 20;
constexpr size_t kRecordBytesMax = kLeafBytes + segment::kSegmentBytesMax;
constexpr size_t kFrontBytes = kLeafBytes + kHeaderBytes;

struct Extent {
  size_t offset, bytes;
};

// A run of whole records, read at once. Used again and again: fresh memory for each would cost more
// than the reading.
struct Block {
  uint64_t offset = 0;
  Bytes bytes;
  std::vector<Extent> records;
  std::vector<ScannedRecord> checked;
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
  if (r.header.kind == segment::Kind::kHost || r.header.kind == segment::Kind::kServer)
    r.manifest.assign(view->manifest.begin(), view->manifest.end());
  if (r.hashes.segment != leaf->segment_hash)
    return r.problem = "the segment's hash is not the leaf's", r;
  if (!segment::agrees(*leaf, r.header, r.hashes.segment))
    return r.problem = "leaf and segment contradict each other", r;
  r.whole = true;
  return r;
}

Block check_block(Block block) {
  block.checked.clear();
  for (const Extent& e : block.records) {
    block.checked.push_back(
        check_record(block.offset + e.offset, ByteSpan(block.bytes).subspan(e.offset, e.bytes)));
  }
  return block;
}

// Cuts a volume into records by what leaves and headers say of sizes.
class Framer {
 public:
  Framer(os::File& file, uint64_t size) : file_(file), size_(size) {}

  uint64_t offset() const { return offset_; }

  // The next run of records; without records: the volume's end, or a tail that is no record.
  Result<Block> next(Block block) {
    block.offset = offset_;
    block.records.clear();
    TRY_VOID(read(block.bytes, kBlockBytes));
    size_t at = 0;
    for (;;) {
      TRY(const size_t size, record_at(block, at));
      if (size == 0 || at + size > block.bytes.size()) break;
      block.records.push_back({at, size});
      at += size;
      if (at >= kBlockBytes) break;
    }
    block.bytes.resize(at);
    offset_ += at;
    return block;
  }

 private:
  Status read(Bytes& out, size_t bytes) {
    out.resize(std::min<uint64_t>(bytes, size_ - offset_));
    TRY(const size_t got, file_.read_at(offset_, out));
    out.resize(got);
    return {};
  }

  // The size of the record at `at`; 0: none begins there, or it is cut off. Grows the block to hold
  // the first one.
  Result<size_t> record_at(Block& block, size_t at) {
    if (block.bytes.size() - at < kFrontBytes) return at == 0 ? size_t{0} : block.bytes.size() + 1;
    const ByteSpan front = ByteSpan(block.bytes).subspan(at);
    const auto leaf = segment::parse_leaf(front.first(kLeafBytes));
    const auto header = segment::parse_header(front.subspan(kLeafBytes));
    if (leaf && header && header->segment_bytes() == leaf->segment_bytes) {
      return fit(block, at, kLeafBytes + leaf->segment_bytes);
    }
    if (at != 0) return block.bytes.size() + 1;  // damage: look at it with a block of its own
    TRY_VOID(read(block.bytes, kRecordBytesMax * 2));
    const std::array<size_t, 2> told = {leaf ? leaf->segment_bytes : 0,
                                        header ? header->segment_bytes() : 0};
    for (size_t bytes : told) {
      const uint64_t end = offset_ + kLeafBytes + bytes;
      if (bytes != 0 && (end == size_ || begins_record(block.bytes, kLeafBytes + bytes)))
        return kLeafBytes + bytes;
    }
    for (size_t next = 1; next + kFrontBytes <= block.bytes.size(); ++next) {
      if (begins_record(block.bytes, next)) return next;
    }
    return size_t{0};
  }

  Result<size_t> fit(Block& block, size_t at, size_t bytes) {
    if (offset_ + at + bytes > size_) return size_t{0};
    if (at == 0 && bytes > block.bytes.size()) TRY_VOID(read(block.bytes, bytes));
    return bytes;
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
};

}  // namespace

Status scan_volume(os::File& volume, unsigned threads, const ScanSink& sink) {
  TRY(const uint64_t size, volume.size());
  Framer framer(volume, size);
  std::deque<std::future<Block>> pending;
  std::vector<Block> spare;
  const auto drain = [&](size_t keep) {
    while (pending.size() > keep) {
      spare.push_back(pending.front().get());
      pending.pop_front();
      for (const ScannedRecord& r : spare.back().checked) sink.record(r);
    }
  };
  for (;;) {
    Block reused;
    if (!spare.empty()) {
      reused = std::move(spare.back());
      spare.pop_back();
    }
    TRY(Block block, framer.next(std::move(reused)));
    if (block.records.empty()) break;
    if (sink.progress) sink.progress(block.bytes.size());
    const auto policy = threads > 1 ? std::launch::async : std::launch::deferred;
    pending.push_back(
        std::async(policy, [b = std::move(block)]() mutable { return check_block(std::move(b)); }));
    drain(threads > 1 ? threads : 0);
  }
  drain(0);
  if (framer.offset() < size) sink.tail(framer.offset(), size - framer.offset());
  return {};
}

}  // namespace stele::ledger
