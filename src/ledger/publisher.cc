#include "ledger/publisher.h"

#include <algorithm>

#include "base/check.h"
#include "base/hex.h"
#include "crypto/sha256.h"
#include "ledger/key_replay.h"
#include "ledger/vault_tiles.h"

namespace stele::ledger {
namespace {

constexpr size_t kCheckpointBytesMax = size_t{64} << 10;
// A snapshot of the tails costs 61 bytes a stream, replaying without one a short read a leaf.
constexpr uint64_t kSnapshotLeavesMin = 1024;
constexpr uint64_t kSnapshotShare = 4;
// So many streams' snapshot is written at each new volume, so that those before it are not needed.
constexpr uint64_t kSnapshotCheap = 16'384;

}  // namespace

Publisher::Publisher(os::FileSystem& files, const Layout& layout, LogSigner signer)
    : files_(files),
      layout_(layout),
      signer_(std::move(signer)),
      key_(signer_->key()),
      vault_(files, layout.vault()),
      heads_(files, layout.head()) {}

Result<std::optional<receipt::Checkpoint>> Publisher::published() const {
  auto note = vault_.get("checkpoint", kCheckpointBytesMax);
  if (!note && note.error().code == Code::kNotFound) return std::nullopt;
  if (!note) return fail(std::move(note).error());
  auto checkpoint = receipt::open_checkpoint(*note, key_);
  if (!checkpoint) return fail(std::move(checkpoint).error().within(vault_.log_path("checkpoint")));
  return *checkpoint;
}

// The checkpoint is read first: others publish meanwhile, and the head moves before the checkpoint.
Result<Head> Publisher::load_head() const {
  TRY(const auto checkpoint, published());
  TRY(const Head head, heads_.load());
  if (!checkpoint) return head;
  if (checkpoint->size > head.size) {
    return fail(Code::kConflict,
                "head rolled back: a checkpoint of " + std::to_string(checkpoint->size) +
                    " leaves was published, the head says " + std::to_string(head.size) +
                    ". Nothing was changed; `stele repair` mends it if the volumes are whole");
  }
  if (checkpoint->size == head.size && checkpoint->root != head.root) {
    return fail(Code::kConflict, "the published checkpoint and the head have different roots at " +
                                     std::to_string(head.size) + " leaves; run stele verify");
  }
  return head;
}

// Brings tree, tails and cursor to the head, from wherever they are.
Status Publisher::follow(const Head& head) {
  if (cursor_ && cursor_->position().index == head.size && tree_.size() == head.size) return {};
  const bool behind = cursor_ && cursor_->position().index < head.size;
  if (!behind) {
    TRY(tails_, Tails::load(files_, layout_, head));
    TRY(epochs_, tails_.snapshot_keys());
    cursor_.emplace(vault_, tails_.start());
  }
  while (cursor_->position().index < head.size) {
    TRY(const vault::Found found, cursor_->look());
    if (found != vault::Found::kRecord) return fail(Code::kCorrupt, "volumes end before the head");
    TRY_VOID(follow_record());
    cursor_->advance();
  }
  VaultTiles tiles(vault_);
  TRY(tree_, merkle::TileBuilder::restore(tiles, head.size));
  if (tree_.root() != head.root) {
    return fail(Code::kCorrupt, "the tiles in " + vault_.log_path("tile") +
                                    " do not give the head's root; run stele verify");
  }
  return {};
}

// What the record under the cursor changes of tails and keys.
Status Publisher::follow_record() {
  TRY_VOID(tails_.apply(cursor_->leaf()));
  const auto enrolled = [this]() -> Result<const HostKeys*> {
    if (!enrolled_) {
      TRY(enrolled_, HostKeys::load(files_, layout_.host_vkey()));
    }
    return &*enrolled_;
  };
  return take_keys(epochs_, *cursor_, enrolled, [this](const StreamId& stream) {
    const auto tail = tails_.find(stream);
    return tail ? *tail : std::nullopt;
  });
}

Status Publisher::take_record() {
  TRY(const vault::Found found, cursor_->look());
  const std::string where = vault_.path(cursor_->position().volume) + ", offset " +
                            std::to_string(cursor_->position().offset);
  if (found != vault::Found::kRecord)
    return fail(Code::kCorrupt, where + ": a record that was written is not there");
  // One flipped bit between writing and signing has ended certificate logs.
  TRY_VOID(cursor_->read_segment(segment_));
  if (crypto::sha256(segment_) != cursor_->leaf().segment_hash) {
    return fail(Code::kCorrupt, where + ": a segment is not what was written; nothing was signed");
  }
  return tree_.append(segment::encode(cursor_->leaf()));
}

Status Publisher::snapshot_tails(const Head& head, Head& next) {
  const uint64_t due = std::max(kSnapshotLeavesMin, tails_.snapshot_count() / kSnapshotShare);
  const bool is_in_another =
      next.next.volume != tails_.start().volume && tails_.snapshot_count() <= kSnapshotCheap;
  if (next.size - head.tails_size < due && !is_in_another) return {};
  TRY(const Bytes bytes, tails_.snapshot(next.next, epochs_));
  TRY_VOID(files_.replace(layout_.tails(next.size), bytes));
  next.tails_size = next.size;
  next.tails_hash = crypto::sha256(bytes);
  return {};
}

Status Publisher::commit(const Head& head) {
  Head next{tree_.size(), tree_.root(), cursor_->position(), head.tails_size, head.tails_hash};
  TRY_VOID(snapshot_tails(head, next));
  TRY_VOID(heads_.advance(head, next));
  if (next.tails_size != head.tails_size) {
    TRY(tails_, Tails::load(files_, layout_, next));
    if (head.tails_size > 0) TRY_VOID(files_.remove(layout_.tails(head.tails_size)));
  }
  return {};
}

// Of the partial tiles, those of `current` stay, and those of `keep` that no full tile replaces
// yet.
void Publisher::remove_stale_tiles(uint64_t keep, uint64_t current) {
  for (const merkle::Tile& tile : merkle::partial_tiles(keep)) {
    const std::string file = merkle::path(tile);
    const std::string folder = file.substr(0, file.rfind('/'));
    const auto names = vault_.list(folder);
    if (!names) continue;
    for (const std::string& name : *names) {
      const auto found = merkle::parse_tile_path(folder + "/" + name);
      if (!found || merkle::exists(*found, current)) continue;
      const merkle::Tile full{found->level, found->index, merkle::kTileWidth};
      if (merkle::exists(*found, keep) && !merkle::exists(full, current)) continue;
      (void)vault_.remove_partial_tile(folder + "/" + name);
    }
  }
}

Status Publisher::write_log(uint64_t size_before) {
  for (const merkle::TileFile& file : tree_.take_full()) {
    TRY_VOID(vault_.put_once(merkle::path(file.tile), file.bytes));
  }
  for (const merkle::TileFile& file : tree_.partial()) {
    TRY_VOID(vault_.replace(merkle::path(file.tile), file.bytes));
  }
  TRY(const std::string note,
      receipt::sign_checkpoint({key_.name, tree_.size(), tree_.root()}, *signer_));
  TRY_VOID(vault_.replace("checkpoint", as_bytes(note)));
  remove_stale_tiles(size_before, tree_.size());
  return {};
}

// A crash fell between head and checkpoint: the tiles may end anywhere in between, so grow the tree
// from the checkpoint.
Status Publisher::republish(const Head& head, const std::optional<receipt::Checkpoint>& before) {
  VaultTiles tiles(vault_);
  TRY(tree_, merkle::TileBuilder::restore(tiles, before ? before->size : 0));
  TRY(const auto volumes, vault_.volumes());
  vault::VolumeName first;  // the last that begins no later: others may be gone
  for (const vault::VolumeName& name : volumes)
    if (name.first_index <= tree_.size()) first = name;
  TRY(const Tails tails, Tails::load(files_, layout_, head));
  const bool near = tails.start().index <= tree_.size();
  cursor_.emplace(vault_, near ? tails.start() : vault::Position{first, 0, first.first_index});
  while (cursor_->position().index < tree_.size()) {
    TRY(const vault::Found found, cursor_->look());
    if (found != vault::Found::kRecord)
      return fail(Code::kCorrupt, "volumes end before the checkpoint");
    cursor_->advance();
  }
  for (; tree_.size() < head.size; cursor_->advance()) TRY_VOID(take_record());
  if (tree_.root() != head.root)
    return fail(Code::kCorrupt, "the volumes do not give the head's root; run stele verify");
  TRY_VOID(write_log(before ? before->size : 0));
  cursor_.reset();  // the tails were not brought along
  return {};
}

Status Publisher::publish(uint64_t durable) {
  enrolled_.reset();
  TRY(const Head head, heads_.load());
  TRY(const auto before, published());
  if (!before || before->size < head.size) TRY_VOID(republish(head, before));
  if (durable <= head.size) return {};
  TRY_VOID(follow(head));
  for (; tree_.size() < durable; cursor_->advance()) {
    TRY_VOID(take_record());
    TRY_VOID(follow_record());
  }
  TRY_VOID(commit(head));
  return write_log(head.size);
}

}  // namespace stele::ledger
