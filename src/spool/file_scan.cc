#include "spool/file_scan.h"

#include <algorithm>

#include "crypto/sha256.h"

namespace stele::spool {
namespace {

constexpr size_t kSearchBytes = size_t{64} << 10;

/// Records and what lies between them, up to `end`.
class Scanner {
 public:
  Scanner(os::File& file, uint64_t end) : file_(file), end_(end) {}

  /// The record at `offset`, if a whole one begins there.
  Result<std::optional<Front>> at(uint64_t offset) const {
    TRY(auto front, front_at(offset));
    if (front && front->record_bytes() > end_ - offset) front.reset();
    return front;
  }

  /// The same, but its segment may be cut off.
  Result<std::optional<Front>> front_at(uint64_t offset) const {
    std::array<uint8_t, kRecordBytesMin> bytes{};
    if (offset > end_ || end_ - offset < bytes.size()) return std::nullopt;
    TRY(const size_t got, file_.read_at(offset, bytes));
    auto front = parse_front(ByteSpan(bytes).first(got));
    if (front) return std::optional(*std::move(front));
    if (front.error().code == Code::kUnsupported) return fail(std::move(front).error());
    return std::nullopt;
  }

  /// Where the next record begins behind `offset`; end_ if none does.
  Result<uint64_t> search(uint64_t offset) const {
    Bytes block(kSearchBytes);
    while (end_ - offset >= kRecordBytesMin) {
      const size_t wanted = std::min<uint64_t>(block.size(), end_ - offset);
      TRY(const size_t got, file_.read_at(offset, MutableByteSpan(block).first(wanted)));
      if (got < kRecordMagic.size()) break;
      const auto last = block.begin() + static_cast<ptrdiff_t>(got);
      for (auto from = block.begin();; ++from) {
        from = std::search(from, last, kRecordMagic.begin(), kRecordMagic.end());
        if (from == last) break;
        const uint64_t found = offset + static_cast<uint64_t>(from - block.begin());
        TRY(const auto front, at(found));
        if (front) return found;
      }
      offset += got - (kRecordMagic.size() - 1);
    }
    return end_;
  }

  Result<bool> is_segment_right(const ScannedRecord& record) const {
    Bytes segment(record.front.header.segment_bytes());
    TRY(const size_t got, file_.read_at(record.offset + kFrontBytes, segment));
    return got == segment.size() && crypto::sha256(segment) == record.front.segment_hash;
  }

  /// Everything up to end_, damage and all.
  Result<FileScan> all() const {
    FileScan scan;
    scan.end = end_;
    for (uint64_t offset = 0; offset < end_;) {
      TRY(auto front, at(offset));
      if (front) {
        const uint64_t bytes = front->record_bytes();
        scan.records.push_back({offset, *std::move(front)});
        offset += bytes;
        continue;
      }
      TRY(const uint64_t next, search(offset + 1));
      scan.damaged.push_back({offset, next - offset});
      offset = next;
    }
    return scan;
  }

 private:
  os::File& file_;
  const uint64_t end_;
};

// Where the newest file ends: behind what a sync covered, at the first byte that is not of a whole,
// right record.
Result<uint64_t> find_end(const Scanner& scanner, const FileScan& all) {
  uint64_t durable = 0;
  for (const ScannedRecord& r : all.records)
    durable = std::max(durable, std::min(r.front.durable, r.offset));
  uint64_t end = all.end;
  for (const Region& gap : all.damaged) {
    if (gap.offset + gap.bytes <= durable) continue;
    end = std::max(gap.offset, durable);
    break;
  }
  for (const ScannedRecord& r : all.records) {
    if (r.offset < durable) continue;
    if (r.offset >= end) break;
    TRY(const bool right, scanner.is_segment_right(r));
    if (!right) return r.offset;
  }
  return end;
}

}  // namespace

Result<FileScan> scan_ended(os::File& file, uint64_t end) {
  TRY(const uint64_t size, file.size());
  TRY(FileScan scan, Scanner(file, std::min(size, end)).all());
  if (size < end) scan.damaged.push_back({size, end - size});
  scan.end = end;
  return scan;
}

Result<FileScan> scan_newest(os::File& file) {
  TRY(const uint64_t size, file.size());
  const Scanner scanner(file, size);
  TRY(FileScan scan, scanner.all());
  TRY(scan.end, find_end(scanner, scan));
  std::erase_if(scan.records, [&](const ScannedRecord& r) { return r.offset >= scan.end; });
  std::erase_if(scan.damaged, [&](const Region& r) { return r.offset >= scan.end; });
  if (!scan.damaged.empty()) {
    Region& last = scan.damaged.back();
    last.bytes = std::min(last.bytes, scan.end - last.offset);
  }
  scan.torn = {scan.end, size - scan.end};
  TRY(scan.torn_front, scanner.front_at(scan.end));
  return scan;
}

}  // namespace stele::spool
