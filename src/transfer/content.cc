#include "transfer/content.h"

namespace stele::transfer {

void Content::pass(uint64_t offset, ByteSpan bytes) {
  bytes_ += bytes.size();
  if (offset != next_) return spoil("not in order");
  next_ += bytes.size();
  if (flaw_.empty()) hash_.update(bytes);
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
