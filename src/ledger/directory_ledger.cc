#include "ledger/directory_ledger.h"

#include <algorithm>
#include <map>

#include "base/check.h"
#include "crypto/sha256.h"
#include "ledger/key_replay.h"

namespace stele::ledger {
namespace {

// What the processes of one boot tell each other (os::SharedWords).
enum Word : size_t {
  kDurable,
  kPublishedAt,
  kPublishedSize,
  kPoisoned,
  kVolumeFirst,
  kVolumeAttempt
};

constexpr Micros kPublishEvery = std::chrono::seconds(1);

}  // namespace

DirectoryLedger::DirectoryLedger(os::FileSystem& files, const Layout& layout, Clock& clock,
                                 LogSigner signer)
    : files_(files),
      layout_(layout),
      clock_(clock),
      vault_(files, layout.vault()),
      heads_(files, layout.head()),
      publisher_(files, layout, std::move(signer)) {}

Result<std::unique_ptr<DirectoryLedger>> DirectoryLedger::open(os::FileSystem& files,
                                                               const Layout& layout, Clock& clock,
                                                               LogSigner signer) {
  std::unique_ptr<DirectoryLedger> ledger(
      new DirectoryLedger(files, layout, clock, std::move(signer)));
  TRY_VOID(ledger->recover());
  return ledger;
}

Status DirectoryLedger::recover() {
  TRY(words_, files_.share(layout_.words()));
  std::unique_ptr<os::Lock> sync;
  if (words_->load(kPoisoned) != 0) {
    TRY(sync, files_.lock(layout_.sync_lock(), os::Wait::kYes));
  }
  TRY(const auto append, files_.lock(layout_.append_lock(), os::Wait::kYes));
  TRY(const Head head, load_committed());
  const bool poisoned = words_->load(kPoisoned) != 0;
  TRY_VOID(replay(head, poisoned));
  if (poisoned) {
    // What the failed sync left is either re-read from the device and right, or behind a closed
    // volume.
    TRY_VOID(open_end());
    TRY_VOID(file_->sync());
    words_->store(kDurable, end().index);
    words_->store(kPoisoned, 0);
  }
  words_->store(kDurable, std::min(words_->load(kDurable), end().index));
  words_->store(kVolumeFirst, end().volume.first_index);
  words_->store(kVolumeAttempt, end().volume.attempt);
  return {};
}

// The head, and the tails it names. Whoever publishes meanwhile may replace both between our two
// looks, and remove the older tails: then there is a newer head.
Result<Head> DirectoryLedger::load_committed() {
  for (;;) {
    TRY(const Head head, publisher_.load_head());
    auto tails = Tails::load(files_, layout_, head);
    if (tails) {
      tails_ = *std::move(tails);
      return head;
    }
    TRY(const Head now, heads_.load());
    if (tails.error().code != Code::kNotFound || now == head) return fail(std::move(tails).error());
  }
}

Status DirectoryLedger::replay(const Head& head, bool past_cache) {
  cursor_.emplace(vault_, tails_.start());
  if (past_cache) cursor_->read_past_cache();
  Bytes segment;
  for (;;) {
    auto found = cursor_->look();
    if (!found && found.error().code == Code::kNotFound && head.size == 0) return start_volume();
    if (!found) return fail(std::move(found).error());
    bool whole = *found == vault::Found::kRecord;
    if (whole && end().index >= head.size) {
      TRY_VOID(cursor_->read_segment(segment));
      whole = crypto::sha256(segment) == cursor_->leaf().segment_hash;
    }
    if (!whole) return finish_replay(head, *found);
    TRY_VOID(tails_.apply(cursor_->leaf()));
    cursor_->advance();
  }
}

Status DirectoryLedger::finish_replay(const Head& head, vault::Found found) {
  if (end().index < head.size) {
    return fail(Code::kConflict,
                "rolled back: the head says " + std::to_string(head.size) +
                    " leaves, the volumes hold " + std::to_string(end().index) + " whole ones (" +
                    vault_.path(end().volume) + ", offset " + std::to_string(end().offset) +
                    "). Nothing was changed; run stele verify, and restore the missing volumes");
  }
  // A torn record is never cut off: its volume ends here, and the next one's name says so.
  if (found != vault::Found::kEnd) return start_volume();
  return {};
}

Status DirectoryLedger::check_usable() const {
  if (broken_) return fail(Code::kIo, "the ledger stopped after an earlier error");
  if (words_->load(kPoisoned) != 0) {
    return fail(Code::kIo,
                "a sync of this ledger failed in another process; nothing more is taken until it "
                "is opened anew");
  }
  return {};
}

Status DirectoryLedger::open_end() {
  if (file_ && file_volume_ == end().volume) return {};
  TRY(file_, vault_.append_volume(end().volume));
  file_volume_ = end().volume;
  return {};
}

// Ends the current volume, whatever stands behind its last whole record, and begins the next. Under
// the append lock. The old one becomes immutable last: a crash before that leaves one that can
// still be opened for its sync.
Status DirectoryLedger::start_volume() {
  vault::VolumeName next{};
  const bool first = !vault_.has_volume(end().volume);
  if (!first) {
    TRY_VOID(open_end());
    if (auto synced = file_->sync(); !synced) return poison(std::move(synced).error());
    next = end().successor();
  }
  TRY(file_, vault_.create_volume(next));
  if (!first) vault_.close_volume(end().volume);
  file_volume_ = next;
  words_->store(kVolumeFirst, next.first_index);
  words_->store(kVolumeAttempt, next.attempt);
  cursor_.emplace(vault_, vault::Position{next, 0, end().index});
  return {};
}

// What anyone wrote; false: bytes follow that are no whole record.
Result<bool> DirectoryLedger::catch_up() {
  for (;;) {
    TRY(const vault::Found found, cursor_->look());
    if (found == vault::Found::kTorn) return false;
    if (found == vault::Found::kEnd) break;
    TRY_VOID(tails_.apply(cursor_->leaf()));
    cursor_->advance();
  }
  if (words_->load(kVolumeFirst) != end().volume.first_index ||
      words_->load(kVolumeAttempt) != end().volume.attempt) {
    return fail(Code::kCorrupt, "another process found the end of volume " +
                                    vault::to_string(end().volume) +
                                    " damaged and went on without it");
  }
  return true;
}

Result<std::vector<Result<Appended>>> DirectoryLedger::append(std::span<const Incoming> batch) {
  TRY_VOID(check_usable());
  TRY(const auto lock, files_.lock(layout_.append_lock(), os::Wait::kYes));
  TRY(const bool is_whole, catch_up());
  if (!is_whole || end().offset >= volume_bytes_max_) TRY_VOID(start_volume());
  const uint64_t before = end().index;
  std::vector<Result<Appended>> results;
  results.reserve(batch.size());
  std::map<StreamId, segment::Tail> moved;
  const TailOf tail_of = [&](const StreamId& stream) -> Result<std::optional<segment::Tail>> {
    const auto found = moved.find(stream);
    return found == moved.end() ? tails_.find(stream) : std::optional(found->second);
  };
  Bytes records;
  uint64_t count = 0;
  for (const Incoming& segment : batch) {
    auto placed = place(tail_of, segment, end().index + count, clock_.wall());
    if (placed && placed->index) {
      ++count;
      moved[segment.header.stream] = segment::tail_after(placed->leaf);
      const auto leaf = segment::encode(placed->leaf);
      records.insert(records.end(), leaf.begin(), leaf.end());
      records.insert(records.end(), segment.bytes.begin(), segment.bytes.end());
    }
    results.push_back(std::move(placed));
  }
  if (count == 0) return results;
  const Status written = write(records, count);
  if (written) return results;
  if (written.error().code != Code::kNoSpace || end().index == before) return fail(written.error());
  // The disk took the first of them. What is said of the others holds only where it took all.
  for (auto& each : results)
    if (!each || !each->index || *each->index >= end().index) each = fail(written.error());
  return results;
}

// What was written is read back through the function that recovery uses: of a full disk too, which
// may have taken some of it.
Status DirectoryLedger::write(const Bytes& records, uint64_t count) {
  TRY_VOID(open_end());
  const uint64_t expected = end().index + count;
  Status appended = file_->append({records});
  TRY_VOID(catch_up());
  if (!appended) return appended;
  if (end().index != expected)
    return poison({Code::kIo, "what was appended can not be read back", 0});
  return {};
}

tl::unexpected<Error> DirectoryLedger::poison(Error error) {
  broken_ = true;
  words_->store(kPoisoned, 1);
  return fail(std::move(error));
}

// Where streams stood then is not known now; what came meanwhile is forgotten at the end.
Result<KeyEpochs> DirectoryLedger::key_epochs(const HostKeys& enrolled) const {
  TRY(KeyEpochs epochs, tails_.snapshot_keys());
  TRY_VOID(replay_keys(epochs, vault_, tails_.start(), 0, size(), enrolled));
  epochs.forget_what_came([this](const StreamId& stream) {
    const auto found = tails_.find(stream);
    return found ? *found : std::nullopt;
  });
  return epochs;
}

Status DirectoryLedger::sync() {
  TRY_VOID(check_usable());
  const uint64_t wanted = end().index;
  TRY(const auto lock, files_.lock(layout_.sync_lock(), os::Wait::kYes));
  TRY_VOID(check_usable());
  if (words_->load(kDurable) >= wanted) return {};
  {
    TRY(const auto append, files_.lock(layout_.append_lock(), os::Wait::kYes));
    TRY_VOID(catch_up());
    TRY_VOID(open_end());
  }
  const uint64_t written = end().index;
  if (auto synced = file_->sync(); !synced) return poison(std::move(synced).error());
  words_->store(kDurable, written);
  return {};
}

Status DirectoryLedger::publish_if_due() {
  const auto now = static_cast<uint64_t>(micros(clock_.boot()));
  const uint64_t last = words_->load(kPublishedAt);
  if (words_->load(kPublishedSize) >= words_->load(kDurable)) return {};
  if (last != 0 && now < last + static_cast<uint64_t>(kPublishEvery.count())) return {};
  auto lock = files_.lock(layout_.publish_lock(), os::Wait::kNo);
  if (!lock && lock.error().code == Code::kBusy) return {};
  if (!lock) return fail(std::move(lock).error());
  return publish_locked();
}

Status DirectoryLedger::publish_through(uint64_t size) {
  CHECK(size <= words_->load(kDurable));
  if (words_->load(kPublishedSize) >= size) return {};
  TRY(const auto lock, files_.lock(layout_.publish_lock(), os::Wait::kYes));
  if (words_->load(kPublishedSize) >= size) return {};
  return publish_locked();
}

Status DirectoryLedger::publish_empty() {
  TRY(const auto lock, files_.lock(layout_.publish_lock(), os::Wait::kYes));
  return publisher_.publish(0);
}

Status DirectoryLedger::publish_locked() {
  TRY_VOID(check_usable());
  const uint64_t durable = words_->load(kDurable);
  TRY_VOID(publisher_.publish(durable));
  words_->store(kPublishedSize, durable);
  words_->store(kPublishedAt, static_cast<uint64_t>(micros(clock_.boot())));
  return {};
}

uint64_t DirectoryLedger::published() const { return words_->load(kPublishedSize); }

}  // namespace stele::ledger
