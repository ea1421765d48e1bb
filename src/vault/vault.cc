#include "vault/vault.h"

#include <algorithm>

namespace stele::vault {

Status RecordCursor::open_volume() {
  file_.reset();  // else a failure would leave the one before, under this one's name
  TRY(file_, vault_.read_volume(at_.volume));
  if (past_cache_) file_->drop_cache();
  ahead_size_ = 0;
  TRY(bytes_, file_->size());
  listed_bytes_ = bytes_;
  TRY(next_, vault_.volume_after(at_.volume));
  return {};
}

// A volume ends where the next one begins, whatever bytes follow: a record torn by a power cut may
// have its full length. A successor that was not listed can only begin behind what was there then,
// or at a record that is torn.
bool RecordCursor::is_successor_there(Found found) const {
  const VolumeName next = at_.successor();
  if (next_) return *next_ == next;
  if (found == Found::kRecord && at_.offset < listed_bytes_) return false;
  return vault_.has_volume(next);
}

Result<Found> RecordCursor::look() {
  if (!file_) TRY_VOID(open_volume());
  for (;;) {
    TRY(const Found found, look_here());
    if (!is_successor_there(found)) return found;
    at_ = {at_.successor(), 0, at_.index};
    TRY_VOID(open_volume());
  }
}

// Leaves are small and records often too: one read shows several.
Result<ByteSpan> RecordCursor::read_leaf() {
  if (at_.offset < ahead_at_ || at_.offset + segment::kLeafBytes > ahead_at_ + ahead_size_) {
    ahead_at_ = at_.offset;
    ahead_size_ = 0;
    TRY(ahead_size_, file_->read_at(at_.offset, ahead_));
  }
  const size_t from = at_.offset - ahead_at_;
  return ByteSpan(ahead_).subspan(from, std::min(ahead_size_ - from, segment::kLeafBytes));
}

Result<Found> RecordCursor::look_here() {
  TRY(const ByteSpan bytes, read_leaf());
  if (bytes.empty()) return Found::kEnd;
  if (bytes.size() < segment::kLeafBytes) return Found::kTorn;
  auto leaf = segment::parse_leaf(bytes);
  if (!leaf) return Found::kTorn;
  const uint64_t end = segment_offset() + leaf->segment_bytes;
  if (end > bytes_) {
    TRY(bytes_, file_->size());
    if (end > bytes_) return Found::kTorn;
  }
  leaf_ = *leaf;
  return Found::kRecord;
}

Status RecordCursor::read_segment(Bytes& out) {
  out.resize(leaf_.segment_bytes);
  TRY(const size_t got, file_->read_at(segment_offset(), out));
  if (got != out.size()) {
    return fail(Code::kIo, "volume " + to_string(at_.volume) + " became shorter while it was read");
  }
  return {};
}

void RecordCursor::advance() {
  at_.offset += segment::kLeafBytes + leaf_.segment_bytes;
  ++at_.index;
}

}  // namespace stele::vault
