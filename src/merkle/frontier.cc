#include "merkle/frontier.h"

#include <bit>

#include "base/check.h"

namespace stele::merkle {

void Frontier::append(const Hash& leaf) {
  CHECK(size_ < kSizeMax);
  Hash peak = leaf;
  for (uint64_t n = size_; (n & 1) != 0; n >>= 1) {
    peak = node_hash(peaks_.back(), peak);
    peaks_.pop_back();
  }
  peaks_.push_back(peak);
  ++size_;
}

Hash Frontier::root() const { return fold_peaks(peaks_); }

Bytes Frontier::encode() const {
  Bytes out;
  ByteWriter writer(out);
  writer.u64(size_);
  for (const Hash& peak : peaks_) writer.bytes(peak);
  return out;
}

Result<Frontier> Frontier::parse(ByteSpan bytes) {
  ByteReader reader(bytes);
  Frontier frontier;
  frontier.size_ = reader.u64();
  if (frontier.size_ > kSizeMax) return fail(Code::kCorrupt, "frontier: impossible size");
  for (int i = std::popcount(frontier.size_); i > 0; --i) {
    frontier.peaks_.push_back(reader.array<kHashBytes>());
  }
  if (!reader.done())
    return fail(Code::kCorrupt, "frontier: not one hash for each bit of its size");
  return frontier;
}

Hash fold_peaks(const std::vector<Hash>& peaks) {
  if (peaks.empty()) return empty_root();
  Hash root = peaks.back();
  for (size_t i = peaks.size() - 1; i > 0; --i) root = node_hash(peaks[i - 1], root);
  return root;
}

}  // namespace stele::merkle
