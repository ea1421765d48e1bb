#include "transfer/content.h"

namespace stele::transfer {

Digest Content::pass(uint64_t offset, ByteSpan bytes) {
  bytes_ += bytes.size();
  if (offset != next_) {
    spoil("not in order");
  } else {
    next_ += bytes.size();
  }
  if (!flaw_.empty()) return {bytes.size(), 0, crypto::sha256(bytes)};
  hash_.update(bytes);
  return {bytes.size(), offset, hash_.finish()};
}

void Content::spoil(const std::string& why) {
  if (flaw_.empty()) flaw_ = why;
}

void Content::tell(event::Transfer& transfer) const {
  transfer.bytes = bytes_;
  if (!transfer.why.empty()) return;
  if (flaw_.empty() && is_whole_) {
    transfer.hash = hash_.finish();
  } else {
    transfer.why = flaw_.empty() ? "not the whole file" : flaw_;
  }
}

}  // namespace stele::transfer
