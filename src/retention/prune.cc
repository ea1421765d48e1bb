#include "retention/prune.h"

#include <algorithm>

#include "crypto/sha256.h"
#include "event/codec.h"
#include "ledger/recipients_list.h"
#include "ledger/tails.h"
#include "merkle/hash.h"
#include "receipt/note.h"

namespace stele::retention {
namespace {

constexpr size_t kCheckpointBytesMax = size_t{64} << 10;

bool speaks_in_clear(const segment::Leaf& leaf) {
  return leaf.kind == segment::Kind::kServer &&
         (leaf.has(segment::kOpen) || leaf.has(segment::kRekey));
}

std::string name_of(const vault::VolumeName& volume) {
  return "vault/volume/" + vault::to_string(volume);
}

}  // namespace

Status Prune::load() {
  if (files_.exists(layout_.shared()))
    return fail(Code::kUnsupported, layout_.directory +
                                        ": its vault is an object store, and nothing is removed "
                                        "from there");
  TRY(const auto log, ledger::load_verifier_key(files_, layout_.log_vkey()));
  TRY(hosts_, ledger::HostKeys::load(files_, layout_.host_vkey()));
  TRY(policies_, ledger::PolicyHistory::load(files_, layout_));
  if (policies_.empty())
    return fail(Code::kNotFound,
                layout_.policy() + ": no signed policy is here, so everything is kept for ever");
  Error error;
  auto tree = ledger::read_tree(vault_, [&]() -> std::optional<receipt::Checkpoint> {
    const auto note = vault_.get("checkpoint", kCheckpointBytesMax);
    const auto checkpoint = note ? receipt::open_checkpoint(*note, log)
                                 : Result<receipt::Checkpoint>(fail(note.error()));
    if (checkpoint) return *checkpoint;
    error = checkpoint.error();
    return std::nullopt;
  });
  if (!tree) return fail(std::move(error).within(vault_.log_path("checkpoint")));
  tree_.emplace(*std::move(tree));
  if (!tree_->establish())
    return fail(Code::kCorrupt, "the tiles do not give the checkpoint's root; run stele verify");
  TRY(const ledger::Head head, ledger::HeadStore(files_, layout_.head()).load());
  TRY(const auto tails, ledger::Tails::load(files_, layout_, head));
  needed_ = tails.start().volume;
  expiry_.emplace(policies_, clock_.wall());
  return {};
}

Status Prune::look() {
  TRY_VOID(load());
  TRY_VOID(read_on());
  if (index_ < tree_->checkpoint().size)
    return fail(Code::kCorrupt,
                "leaves from " + std::to_string(index_) + " on are nowhere; run stele verify");
  // A day of margin, for clocks that are set: nobody is to say later that it went too soon.
  const uint32_t proven = expiry_->proven_day();
  day_ = proven == 0 ? 0 : proven - 1;
  judge();
  return {};
}

// Whatever is there now.
Status Prune::read_on() {
  for (;;) {
    TRY(const auto found, walk_.next());
    if (!found) return {};
    TRY_VOID(take(*found));
  }
}

Status Prune::take(const ledger::LeafWalk::Found& found) {
  const auto wrong = [&](const std::string& why) {
    return fail(Code::kCorrupt, "leaf " + std::to_string(found.index) + " " + why +
                                    "; nothing is removed, run stele verify");
  };
  if (found.index != index_) return wrong("is not where it should be");
  const bool is_covered = index_ < tree_->checkpoint().size;
  if (is_covered && merkle::leaf_hash(segment::encode(found.leaf)) != tree_->leaves()[index_])
    return wrong("is not what the checkpoint commits to");
  ++index_;
  expiry_->take(found.index, found.leaf);
  if (speaks_in_clear(found.leaf)) TRY_VOID(take_holds(found));
  if (found.where != ledger::LeafWalk::Where::kVolume) return {};
  if (volumes_.empty() || volumes_.back().name != found.volume)
    volumes_.push_back({.name = found.volume});
  Volume& volume = volumes_.back();
  volume.next = index_;
  volume.bytes += segment::kLeafBytes + found.leaf.segment_bytes;
  if (found.leaf.kind == segment::Kind::kSession) volume.sessions.insert(found.leaf.stream);
  return {};
}

// A hold that can not be read may be on anything: then nothing goes.
Status Prune::take_holds(const ledger::LeafWalk::Found& found) {
  const auto wrong = [&](const std::string& why) {
    return fail(Code::kCorrupt, "leaf " + std::to_string(found.index) + ", of the server's own, " +
                                    why +
                                    ": what it says of holds is not known, and nothing is "
                                    "removed");
  };
  Bytes bytes;
  if (const Status read = walk_.read_segment(bytes); !read) return wrong(read.error().message());
  const segment::Hashes hashes = segment::hash_segment(bytes);
  if (hashes.segment != found.leaf.segment_hash) return wrong("is damaged");
  TRY(const segment::View view, segment::parse_segment(bytes));
  TRY(const auto manifest, segment::parse_manifest(view.manifest));
  const auto* const signer = hosts_.find(view.header.host_key, view.header.key_epoch);
  const bool is_own = signer != nullptr && signer->name == hosts_.entries().front().name &&
                      crypto::verify(signer->key, hashes.message, view.signature);
  if (is_own) expiry_->take_holds(manifest);
  return {};
}

void Prune::judge() {
  for (size_t i = 0; i < volumes_.size(); ++i) {
    Volume& volume = volumes_[i];
    if (volume.name >= needed_ || i + 1 == volumes_.size()) {
      volume.stays = "the ledger still opens from here";
      continue;
    }
    if (volume.sessions.empty()) volume.stays = "holds no session, and so nothing that expires";
    if (volume.next > tree_->checkpoint().size) volume.stays = "not covered by a checkpoint";
    for (const StreamId& session : volume.sessions) {
      if (!volume.stays.empty()) break;
      if (const auto why = expiry_->why_kept(session, day_))
        volume.stays = "session " + to_string(session) + ": " + *why;
    }
  }
}

bool Prune::may_go() const {
  return std::any_of(volumes_.begin(), volumes_.end(),
                     [](const Volume& volume) { return volume.stays.empty(); });
}

Status Prune::check_key(const ledger::PrivateKey& key) const {
  const auto id = segment::host_key_id(key.name, key.key.public_key().bytes);
  if (policies_.may_prune(id, expiry_->proven_day())) return {};
  return fail(Code::kPermission, "the policy does not name this key (" + key.name +
                                     ") as the one that may say that something expired");
}

// Records of streams that are for ever, as they stand in the volume.
Status Prune::keep(const Volume& volume) {
  vault::RecordCursor cursor(vault_, {volume.name, 0, volume.name.first_index});
  Bytes kept, bytes;
  for (; cursor.position().index < volume.next; cursor.advance()) {
    TRY(const vault::Found found, cursor.look());
    const auto leaf = segment::encode(cursor.leaf());
    if (found != vault::Found::kRecord ||
        merkle::leaf_hash(leaf) != tree_->leaves()[cursor.position().index])
      return fail(Code::kCorrupt, name_of(volume.name) + " is damaged; run stele verify");
    if (cursor.leaf().kind == segment::Kind::kSession) continue;
    TRY_VOID(cursor.read_segment(bytes));
    if (crypto::sha256(bytes) != cursor.leaf().segment_hash)
      return fail(Code::kCorrupt, name_of(volume.name) + " is damaged; run stele verify");
    kept.insert(kept.end(), leaf.begin(), leaf.end());
    kept.insert(kept.end(), bytes.begin(), bytes.end());
  }
  TRY_VOID(files_.make_directories(layout_.vault() + "/kept"));
  TRY_VOID(files_.put_once(vault_.kept_path(volume.name), kept));
  (void)files_.protect(vault_.kept_path(volume.name), os::Protection::kImmutable);
  return {};
}

Result<segment::Sealed> Prune::seal_record(const ledger::PrivateKey& key,
                                           const RandomSource& random) const {
  TRY(Bytes note, files_.read(layout_.recipients(), ledger::kRecipientsListBytesMax));
  TRY(const auto policy, ledger::load_verifier_key(files_, layout_.policy_vkey()));
  TRY(const auto listed, ledger::open_signed_recipients(std::move(note), policy));
  const segment::HostKeyId id = segment::host_key_id(key.name, key.key.public_key().bytes);
  segment::Sealer sealer(make_uuid_v7(clock_.wall(), random), segment::Kind::kPrune,
                         {key.key, id, 1}, listed.sealing, random);
  segment::Batch batch;
  batch.wall_first = clock_.wall();
  batch.boot_first = batch.boot_last = clock_.boot();
  event::LaneEncoder facts;
  facts.begin(batch.boot_first);
  std::vector<segment::LeafRange> ranges;
  for (const Volume& volume : volumes_) {
    if (!volume.stays.empty()) continue;
    facts.event(batch.boot_first,
                event::Change{"- volume " + vault::to_string(volume.name) +
                              " sessions=" + std::to_string(volume.sessions.size())});
    ++batch.event_count;
    if (!ranges.empty() && ranges.back().next == volume.name.first_index) {
      ranges.back().next = volume.next;
    } else {
      ranges.push_back({volume.name.first_index, volume.next});
    }
  }
  if (ranges.size() > segment::kExpiredMax)
    return fail(Code::kLimit, "too many volumes at once: " + std::to_string(ranges.size()));
  batch.lanes[static_cast<size_t>(event::Lane::kFacts)] = facts.take();
  sealer.carry({.expired = std::move(ranges)});
  return sealer.seal(batch, true);
}

Status Prune::remove_volume(const Volume& volume) {
  const std::string path = vault_.path(volume.name);
  const auto protection = files_.protection(path);
  if (protection && *protection != os::Protection::kNone) {
    const Status lifted = files_.protect(path, os::Protection::kNone);
    if (!lifted)
      return fail(Code::kPermission, path + ": its flag can not be lifted (" +
                                         lifted.error().message() +
                                         "); CAP_LINUX_IMMUTABLE is wanted");
  }
  return files_.remove(path);
}

Status Prune::remove(const ledger::PrivateKey& key, ledger::LogSigner log,
                     const RandomSource& random) {
  TRY_VOID(check_key(key));
  TRY(const auto alone, files_.lock(layout_.state() + "/prune.lock", os::Wait::kNo));
  for (const Volume& volume : volumes_)
    if (volume.stays.empty()) TRY_VOID(keep(volume));
  if (!may_go()) return {};
  TRY(const auto record, seal_record(key, random));
  {
    TRY(auto ledger, ledger::DirectoryLedger::open(files_, layout_, clock_, std::move(log)));
    TRY_VOID(ledger->append(record.bytes));
    TRY_VOID(ledger->sync());
    TRY_VOID(ledger->publish_through(ledger->size()));
  }
  // From here on nobody appends: what is read now is all that there is.
  TRY(const auto still, files_.lock(layout_.append_lock(), os::Wait::kYes));
  std::vector<Volume> before = std::exchange(volumes_, {});
  TRY_VOID(read_on());
  std::swap(before, volumes_);
  judge();
  for (Volume& volume : volumes_) {
    if (!volume.stays.empty()) continue;
    TRY_VOID(remove_volume(volume));
  }
  return {};
}

}  // namespace stele::retention
