#include "ledger/shared_publisher.h"

#include <algorithm>

#include "crypto/sha256.h"
#include "ledger/key_replay.h"
#include "ledger/vault_tiles.h"

namespace stele::ledger {
namespace {

constexpr size_t kVolumesRead = 64;

}  // namespace

Status replay_keys(KeyEpochs& epochs, const SharedParts& parts, uint64_t from, uint64_t to,
                   const HostKeys& enrolled) {
  if (from >= to) return {};
  TRY(const auto first, parts.commits.volume_with(from));
  if (!first) return fail(Code::kCorrupt, "the database has no volume for a leaf that it counts");
  const vault::Position start{{first->first_index, 0}, 0, first->first_index};
  return replay_keys(epochs, parts.vault, start, from, to, enrolled);
}

SharedPublisher::SharedPublisher(SharedParts parts)
    : parts_(std::move(parts)), key_(parts_.signer->key()) {}

Result<std::optional<receipt::Checkpoint>> SharedPublisher::open(const std::string& note) const {
  if (note.empty()) return std::nullopt;
  TRY(const auto checkpoint, receipt::open_checkpoint(as_bytes(note), key_));
  return checkpoint;
}

Result<std::optional<receipt::Checkpoint>> SharedPublisher::published() const {
  TRY(const Publication publication, parts_.commits.publication());
  return open(publication.checkpoint);
}

// A database that was put back to where it was once would have another tree grow from there. The
// copy in the store is in another failure domain, and may be some seconds old.
Status SharedPublisher::check_head() const {
  TRY(const merkle::Frontier head, parts_.commits.head());
  TRY(const auto published, this->published());
  std::optional<receipt::Checkpoint> newest = published;
  // Of all its versions, whatever lies over them: what the log did not sign is nobody's word.
  const std::string key = parts_.vault.log_path("checkpoint");
  TRY(const auto versions, vault::versions_of(parts_.objects, key));
  for (const vault::ObjectVersion& version : versions) {
    if (version.is_marker) continue;
    const auto note = parts_.objects.get(key, version.id);
    if (!note && note.error().code == Code::kNotFound)
      return fail(Code::kBusy, key + ": another server writes it at this moment");
    if (!note) return fail(note.error());
    const auto stored = receipt::open_checkpoint(*note, key_);
    if (stored && (!newest || stored->size > newest->size)) newest = *stored;
  }
  if (!newest) return {};
  if (newest->size > head.size()) {
    return fail(Code::kConflict,
                "head rolled back: a checkpoint of " + std::to_string(newest->size) +
                    " leaves was published, the database says " + std::to_string(head.size()) +
                    ". Nothing was changed; was it restored from a backup? See docs/vault.md");
  }
  if (newest->size == head.size() && newest->root != head.root()) {
    return fail(Code::kConflict,
                "the published checkpoint and the database have different roots at " +
                    std::to_string(head.size()) + " leaves; run stele verify");
  }
  return {};
}

Status SharedPublisher::begin(const Publication& from) {
  has_begun_ = false;
  VaultTiles tiles(parts_.vault);
  TRY(tree_, merkle::TileBuilder::restore(tiles, from.size));
  TRY(const auto checkpoint, open(from.checkpoint));
  if (checkpoint && (checkpoint->size != tree_.size() || checkpoint->root != tree_.root())) {
    return fail(Code::kCorrupt, "the tiles in " + parts_.vault.log_path("tile") +
                                    " do not give the checkpoint's root; run stele verify");
  }
  TRY(const KeptKeys kept, parts_.commits.kept_keys());
  if (kept.size > from.size) return fail(Code::kBusy, "another server publishes at this moment");
  epochs_ = KeyEpochs();
  if (!kept.bytes.empty()) {
    TRY(epochs_, KeyEpochs::parse(kept.bytes));
  }
  keys_size_ = kept.size;
  TRY_VOID(replay_keys(epochs_, parts_, kept.size, from.size, *enrolled_));
  has_begun_ = true;
  return {};
}

Status SharedPublisher::take_record(const segment::Leaf& leaf, ByteSpan segment) {
  // One flipped bit between writing and signing has ended certificate logs.
  if (crypto::sha256(segment) != leaf.segment_hash)
    return fail(Code::kCorrupt, "a segment is not what its leaf says; nothing was signed");
  if (leaf.kind == segment::Kind::kHost) {
    const auto nowhere = [](const StreamId&) { return std::nullopt; };
    // What is wrong with it is a verifier's to say; it introduces nothing.
    if (const auto view = segment::parse_segment(segment))
      epochs_.take_host_segment(*enrolled_, view->header, view->manifest, nowhere);
  }
  epochs_.took(leaf.stream, leaf.sequence, leaf.has(segment::kClose));
  return tree_.append(segment::encode(leaf));
}

Status SharedPublisher::take_volume(const CommittedVolume& volume) {
  const auto wrong = [&](std::string what) {
    return fail(Code::kCorrupt, volume.key + ": " + std::move(what));
  };
  if (volume.first_index != tree_.size())
    return wrong("does not begin where the one before it ends");
  TRY(const auto bytes, parts_.vault.fetch(volume));
  ByteSpan rest = *bytes;
  for (uint32_t i = 0; i < volume.count; ++i) {
    if (rest.size() < segment::kLeafBytes) return wrong("has fewer leaves than were committed");
    TRY(const segment::Leaf leaf, segment::parse_leaf(rest.first(segment::kLeafBytes)));
    rest = rest.subspan(segment::kLeafBytes);
    if (rest.size() < leaf.segment_bytes) return wrong("ends within a segment");
    auto taken = take_record(leaf, rest.first(leaf.segment_bytes));
    if (!taken) return fail(std::move(taken).error().within(volume.key));
    rest = rest.subspan(leaf.segment_bytes);
  }
  return rest.empty() ? Status() : wrong("has more than was committed");
}

Status SharedPublisher::publish() {
  TRY(const Publication before, parts_.commits.publication());
  if (before.size < seen_) {
    return fail(Code::kCorrupt, "head rolled back: a checkpoint of " + std::to_string(seen_) +
                                    " leaves was published, the database has one of " +
                                    std::to_string(before.size) + "; nothing was signed");
  }
  seen_ = before.size;
  TRY(const merkle::Frontier head, parts_.commits.head());
  if (before.size == head.size() && !before.checkpoint.empty()) return {};
  TRY(enrolled_, parts_.enrolled());
  if (!has_begun_ || tree_.size() != before.size) TRY_VOID(begin(before));
  has_begun_ = false;  // until all of it went well
  while (tree_.size() < head.size()) {
    TRY(const auto volumes, parts_.commits.volumes_from(tree_.size(), kVolumesRead));
    if (volumes.empty()) return fail(Code::kCorrupt, "the database has fewer volumes than leaves");
    for (const CommittedVolume& volume : volumes) {
      if (tree_.size() == head.size()) break;
      TRY_VOID(take_volume(volume));
    }
  }
  if (tree_.size() != head.size() || tree_.root() != head.root())
    return fail(Code::kCorrupt, "the volumes do not give the root that was committed");
  TRY_VOID(write(before, head));
  has_begun_ = true;
  return {};
}

Status SharedPublisher::put_keys(Publication& next) {
  if (next.size < keys_size_ + kKeysEvery) return {};
  Status asked;
  epochs_.forget_what_came([&](const StreamId& stream) -> std::optional<segment::Tail> {
    const auto tail = parts_.commits.tail(stream);
    if (tail) return *tail;
    asked = fail(tail.error());
    return std::nullopt;
  });
  TRY_VOID(asked);
  next.keys.emplace();
  epochs_.encode(next.keys->bytes);
  next.keys->size = next.size;
  return {};
}

Status SharedPublisher::write(const Publication& before, const merkle::Frontier& head) {
  for (const merkle::TileFile& file : tree_.take_full())
    TRY_VOID(parts_.vault.put_once(merkle::path(file.tile), file.bytes));
  Publication next{head.size(), "", {}, std::nullopt};
  for (const merkle::TileFile& file : tree_.partial())
    next.partial.emplace(merkle::path(file.tile), file.bytes);
  // Whoever read the checkpoint before is reading its tiles.
  for (const merkle::Tile& tile : merkle::partial_tiles(before.size)) {
    const auto found = before.partial.find(merkle::path(tile));
    if (found != before.partial.end()) next.partial.insert(*found);
  }
  TRY_VOID(put_keys(next));
  TRY(next.checkpoint,
      receipt::sign_checkpoint({key_.name, head.size(), head.root()}, *parts_.signer));
  const Status published = parts_.commits.publish(before.size, next);
  if (!published && published.error().code == Code::kConflict) return {};  // another was first
  if (published) seen_ = next.size;
  if (published && next.keys) keys_size_ = next.keys->size;
  if (published) put_copy(next.checkpoint);
  return published;
}

// For whoever reads the store alone, and to notice a database that went back. What is not written
// now is the next time.
void SharedPublisher::put_copy(const std::string& checkpoint) {
  const BootTime now = parts_.clock.boot();
  if (copied_at_ && now < *copied_at_ + kCopyEvery) return;
  const std::string key = parts_.vault.log_path("checkpoint");
  const auto written = parts_.objects.put(key, as_bytes(checkpoint), vault::Keep::loosely());
  if (!written) return;
  copied_at_ = now;
  const auto versions = vault::versions_of(parts_.objects, key);
  if (!versions) return;
  // Those before it: another server's may be newer.
  auto older = std::find_if(versions->begin(), versions->end(),
                            [&](const auto& each) { return each.id == *written; });
  while (older != versions->end() && ++older != versions->end())
    (void)parts_.objects.remove(key, older->id);
}

}  // namespace stele::ledger
