#include "ledger/leaf_walk.h"

#include <algorithm>

#include "merkle/bundle.h"
#include "receipt/checkpoint.h"
#include "receipt/note.h"

namespace stele::ledger {
namespace {

using merkle::kTileWidth;

constexpr size_t kCheckpointBytesMax = size_t{64} << 10;

// How many leaves the log says that it has; nobody asks who signed that.
uint64_t covered(const vault::Vault& vault) {
  const auto bytes = vault.get("checkpoint", kCheckpointBytesMax);
  if (!bytes) return 0;
  const auto note = receipt::parse_note(*bytes);
  const auto checkpoint = note ? receipt::parse_checkpoint(note->text)
                               : Result<receipt::Checkpoint>(fail(note.error()));
  return checkpoint ? checkpoint->size : 0;
}

}  // namespace

// False: there is no volume at all.
Result<bool> LeafWalk::enter() {
  TRY(const auto volumes, vault_.volumes());
  if (volumes.empty()) return false;
  TRY_VOID(pass(volumes.front()));
  return true;
}

// Goes on at a volume that does not follow what was told so far.
Status LeafWalk::pass(const vault::VolumeName& to) {
  absent_ = cursor_ ? cursor_->position().index : 0;
  absent_end_ = to.first_index;
  TRY_VOID(read_kept(absent_end_));
  cursor_.emplace(vault_, vault::Position{to, 0, to.first_index});
  stands_ = false;
  return {};
}

Status LeafWalk::read_kept(uint64_t next) {
  kept_.clear();
  kept_at_ = 0;
  TRY(const auto names, vault_.kept());
  std::array<uint8_t, segment::kLeafBytes> front{};
  for (const vault::VolumeName& name : names) {
    if (name.first_index < absent_ || name.first_index >= next) continue;
    TRY(const auto file, vault_.read_kept(name));
    for (uint64_t offset = 0;;) {
      TRY(const size_t got, file->read_at(offset, front));
      const auto leaf = got == front.size() ? segment::parse_leaf(front)
                                            : Result<segment::Leaf>(fail(Code::kCorrupt, ""));
      if (!leaf) break;
      kept_.push_back({*leaf, name, offset + segment::kLeafBytes});
      offset += segment::kLeafBytes + leaf->segment_bytes;
    }
  }
  return {};
}

bool LeafWalk::load_bundle(uint64_t bundle) {
  if (bundle_ == bundle) return true;
  merkle::Tile tile{merkle::kEntries, bundle, kTileWidth};
  constexpr size_t kBytesMax = kTileWidth * (2 + segment::kLeafBytes);
  auto bytes = vault_.get(merkle::path(tile), kBytesMax);
  if (!bytes) {
    const uint64_t size = covered(vault_);
    if (size <= bundle * kTileWidth) return false;
    tile.width = static_cast<uint16_t>(std::min<uint64_t>(kTileWidth, size - bundle * kTileWidth));
    bytes = vault_.get(merkle::path(tile), kBytesMax);
  }
  const auto entries = bytes ? merkle::parse_bundle(*bytes, tile.width)
                             : Result<std::vector<ByteSpan>>(fail(bytes.error()));
  if (!entries) return false;
  entries_.clear();
  for (const ByteSpan entry : *entries) {
    const auto leaf = segment::parse_leaf(entry);
    if (!leaf) return false;
    entries_.push_back(*leaf);
  }
  bundle_ = bundle;
  return true;
}

std::optional<LeafWalk::Found> LeafWalk::take_absent() {
  while (absent_ < absent_end_) {
    const uint64_t index = absent_++;
    if (!load_bundle(index / kTileWidth)) {
      absent_ = std::min(absent_end_, (index / kTileWidth + 1) * kTileWidth);
      continue;
    }
    if (index % kTileWidth >= entries_.size()) continue;
    Found found{index, entries_[index % kTileWidth], Where::kGone, {}, 0};
    if (kept_at_ < kept_.size() && kept_[kept_at_].leaf == found.leaf) {
      found.where = Where::kKept;
      found.volume = kept_[kept_at_].volume;
      found.offset = kept_[kept_at_++].offset;
    }
    return found;
  }
  return std::nullopt;
}

Result<std::optional<LeafWalk::Found>> LeafWalk::next() {
  if (!cursor_) {
    TRY(const bool is_there, enter());
    if (!is_there) return std::nullopt;
  }
  if (std::exchange(stands_, false)) cursor_->advance();
  for (;;) {
    if (auto absent = take_absent()) {
      last_ = *absent;
      return last_;
    }
    TRY(vault::Found found, cursor_->look());
    if (found == vault::Found::kRecord) break;
    TRY(const auto after, vault_.volume_after(cursor_->position().volume));
    if (!after || after->first_index <= cursor_->position().index) return std::nullopt;
    // What was written since is there before the volume behind it.
    TRY(found, cursor_->look());
    if (found == vault::Found::kRecord) break;
    TRY_VOID(pass(*after));
  }
  const vault::Position& at = cursor_->position();
  last_ = {at.index, cursor_->leaf(), Where::kVolume, at.volume, cursor_->segment_offset()};
  stands_ = true;
  return last_;
}

Status LeafWalk::read_segment(Bytes& out) {
  if (last_.where == Where::kVolume) return cursor_->read_segment(out);
  if (last_.where == Where::kGone)
    return fail(Code::kNotFound, "leaf " + std::to_string(last_.index) + ": its volume is gone");
  TRY(const auto file, vault_.read_kept(last_.volume));
  out.resize(last_.leaf.segment_bytes);
  TRY(const size_t got, file->read_at(last_.offset, out));
  if (got != out.size()) return fail(Code::kCorrupt, "what is kept of a volume is cut short");
  return {};
}

}  // namespace stele::ledger
