#include "ledger/shared_ledger.h"

#include <algorithm>
#include <set>

#include "base/hex.h"
#include "crypto/sha256.h"

namespace stele::ledger {
namespace {

/// "20261129"
std::string day_of(WallTime time) {
  std::string day = rfc3339(time).substr(0, 10);
  std::erase(day, '-');
  return day;
}

std::vector<StreamId> streams_of(std::span<const Incoming> batch) {
  std::set<StreamId> streams;
  for (const Incoming& segment : batch) streams.insert(segment.header.stream);
  return {streams.begin(), streams.end()};
}

/// The end of the latest day that a leaf names.
WallTime longest(const std::vector<segment::Leaf>& leaves) {
  uint32_t day = 0;
  for (const segment::Leaf& leaf : leaves) day = std::max(day, leaf.retain_until_day);
  return day == 0 ? WallTime() : WallTime(std::chrono::days(day) + std::chrono::days(1));
}

/// Something is not as it was left; else nobody answered.
bool is_wrong(const Error& error) {
  return error.code == Code::kCorrupt || error.code == Code::kConflict ||
         error.code == Code::kExists || error.code == Code::kUnauthentic ||
         error.code == Code::kNotFound;
}

/// Nothing was committed, or it does no harm to submit it again.
tl::unexpected<Error> later(Error error) {
  error.code = Code::kBusy;
  return fail(std::move(error));
}

}  // namespace

SharedLedger::SharedLedger(SharedParts parts) : parts_(parts), publisher_(std::move(parts)) {}

Result<std::unique_ptr<SharedLedger>> SharedLedger::open(SharedParts parts) {
  std::unique_ptr<SharedLedger> ledger(new SharedLedger(std::move(parts)));
  TRY_VOID(ledger->recover());
  return ledger;
}

Status SharedLedger::recover() {
  TRY_VOID(publisher_.check_head());
  TRY(const merkle::Frontier head, parts_.commits.head());
  size_ = head.size();
  TRY(const Publication publication, parts_.commits.publication());
  published_ = publication.size;
  if (size_ == 0) return {};
  TRY(const auto last, parts_.commits.volume_with(size_ - 1));
  if (!last) return fail(Code::kCorrupt, "the database has no volume for the last leaf");
  auto there = parts_.vault.fetch(*last);
  if (there) return {};
  if (there.error().code == Code::kNotFound) {
    return fail(Code::kConflict, "rolled back: the database says " + std::to_string(size_) +
                                     " leaves, the store does not have the last of them (" +
                                     last->key + "). Nothing was changed; run stele verify");
  }
  return fail(std::move(there).error());
}

SharedLedger::Placed SharedLedger::place_all(std::span<const Incoming> batch, const TailMap& tails,
                                             WallTime now) const {
  Placed placed;
  placed.results.reserve(batch.size());
  const TailOf tail_of = [&](const StreamId& stream) -> Result<std::optional<segment::Tail>> {
    if (const auto moved = placed.tails.find(stream); moved != placed.tails.end())
      return std::optional(moved->second);
    const auto found = tails.find(stream);
    return found == tails.end() ? std::nullopt : std::optional(found->second);
  };
  for (const Incoming& segment : batch) {
    auto one = place(tail_of, segment, placed.leaves.size(), now);
    if (one && one->index) {
      placed.tails[segment.header.stream] = segment::tail_after(one->leaf);
      placed.leaves.push_back(one->leaf);
      const auto leaf = segment::encode(one->leaf);
      placed.records.insert(placed.records.end(), leaf.begin(), leaf.end());
      placed.records.insert(placed.records.end(), segment.bytes.begin(), segment.bytes.end());
    }
    placed.results.push_back(std::move(one));
  }
  return placed;
}

// What is remembered is right for whoever is alone, and costs no question.
Result<SharedLedger::Placed> SharedLedger::guess(std::span<const Incoming> batch, WallTime now) {
  for (const StreamId& stream : streams_of(batch)) {
    if (known_.contains(stream)) continue;
    TRY(const auto tail, parts_.commits.tail(stream));
    if (tail) remember({{stream, *tail}});
  }
  return place_all(batch, known_, now);
}

void SharedLedger::remember(const TailMap& tails) {
  for (const auto& [stream, tail] : tails) known_[stream] = tail;
  while (known_.size() > kStreamsKnown) known_.erase(known_.begin());  // the oldest: ids are times
}

Result<SharedLedger::Written> SharedLedger::write(const Placed& placed, WallTime now) {
  Written object;
  object.hash = crypto::sha256(placed.records);
  object.key = parts_.prefix + "batch/" + day_of(now) + "/" + to_hex(object.hash);
  TRY(object.version,
      parts_.objects.put(object.key, placed.records, vault::Keep::locked(longest(placed.leaves))));
  return object;
}

Result<std::optional<uint64_t>> SharedLedger::commit(std::span<const Incoming> batch,
                                                     const Written& object, WallTime now,
                                                     Placed& placed) {
  TRY(const auto turn, parts_.commits.take_turn());
  if (turn->head().size() < size_) {
    return fail(Code::kCorrupt, "head rolled back: the database says " +
                                    std::to_string(turn->head().size()) + " leaves, and said " +
                                    std::to_string(size_) +
                                    " before. Nothing was changed; was it "
                                    "restored from a backup? See docs/vault.md");
  }
  TRY(const TailMap tails, turn->tails(streams_of(batch)));
  for (const StreamId& stream : streams_of(batch)) known_.erase(stream);
  remember(tails);
  const merkle::Frontier head = turn->head();
  Bytes as_written = std::move(placed.records);
  placed = place_all(batch, tails, now);
  size_ = head.size();
  if (placed.leaves.empty()) return size_;  // nothing is left of it that could be committed
  if (placed.records != as_written) return std::nullopt;

  Commit commit{head,
                {head.size(), static_cast<uint32_t>(placed.leaves.size()), placed.records.size(),
                 object.hash, object.key, object.version},
                placed.tails};
  for (const segment::Leaf& leaf : placed.leaves)
    commit.next.append(merkle::leaf_hash(segment::encode(leaf)));
  Status done = turn->commit(commit);
  if (!done && done.error().code == Code::kConflict) return std::nullopt;  // the turn was over
  if (!done && done.error().code == Code::kOutcomeUnknown) {
    TRY(const auto there, parts_.commits.volume_with(head.size()));
    if (!there || there->hash != object.hash) return std::nullopt;
    done = {};
  }
  if (!done) return fail(std::move(done).error());
  remember(placed.tails);
  size_ = commit.next.size();
  return head.size();
}

Result<std::vector<Result<Appended>>> SharedLedger::append(std::span<const Incoming> batch) {
  const WallTime now = parts_.clock.wall();
  auto placed = guess(batch, now);
  if (!placed) return later(std::move(placed).error());
  std::optional<Written> object;
  Hash written{};
  for (int tries = 0; tries < kTriesMax; ++tries) {
    // Where nothing can be written by what is remembered, a turn tells whether that is so.
    const Hash hash = crypto::sha256(placed->records);
    if (!placed->leaves.empty() && (!object || written != hash)) {
      auto put = write(*placed, now);
      if (!put) return later(std::move(put).error());
      object = *std::move(put);
      written = hash;
    }
    auto first = commit(batch, object.value_or(Written{}), now, *placed);
    if (!first && first.error().code == Code::kCorrupt) return fail(std::move(first).error());
    if (!first) return later(std::move(first).error());
    if (!*first) continue;
    for (auto& result : placed->results)
      if (result && result->index) *result->index += **first;
    return std::move(placed->results);
  }
  return fail(Code::kBusy, "other servers were first, again and again");
}

Result<std::optional<segment::Tail>> SharedLedger::tail(const StreamId& stream) const {
  const auto found = known_.find(stream);
  if (found != known_.end()) return std::optional(found->second);
  return parts_.commits.tail(stream);
}

Result<KeyEpochs> SharedLedger::key_epochs(const HostKeys& enrolled) const {
  TRY(const KeptKeys kept, parts_.commits.kept_keys());
  KeyEpochs epochs;
  if (!kept.bytes.empty()) {
    TRY(epochs, KeyEpochs::parse(kept.bytes));
  }
  TRY_VOID(replay_keys(epochs, parts_, kept.size, size_, enrolled));
  Status asked;
  epochs.forget_what_came([&](const StreamId& stream) -> std::optional<segment::Tail> {
    const auto found = tail(stream);
    if (found) return *found;
    asked = fail(found.error());
    return std::nullopt;
  });
  TRY_VOID(asked);
  return epochs;
}

Status SharedLedger::publish_now() {
  publish_tried_ = parts_.clock.boot();
  const Status done = publisher_.publish();
  if (!done) return is_wrong(done.error()) ? done : later(done.error());
  TRY(const Publication publication, parts_.commits.publication());
  published_ = publication.size;
  return {};
}

Status SharedLedger::publish_if_due() {
  const BootTime now = parts_.clock.boot();
  if (publish_tried_ && now < *publish_tried_ + kPublishEvery) return {};
  return publish_now();
}

Status SharedLedger::publish_through(uint64_t size) {
  while (published_ < size) {
    const uint64_t before = published_;
    TRY_VOID(publish_now());
    if (published_ == before)
      return fail(Code::kInvalid, "leaves beyond the ledger's end can not be covered");
  }
  return {};
}

Status SharedLedger::publish_empty() { return publish_now(); }

}  // namespace stele::ledger
