#include "ledger/ledger.h"

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

Ledger::Ledger(os::FileSystem& files, const Layout& layout, Clock& clock, LogSigner signer)
    : files_(files),
      layout_(layout),
      clock_(clock),
      vault_(files, layout.vault()),
      heads_(files, layout.head()),
      publisher_(files, layout, std::move(signer)) {}

Result<std::unique_ptr<Ledger>> Ledger::open(os::FileSystem& files, const Layout& layout,
                                             Clock& clock, LogSigner signer) {
  std::unique_ptr<Ledger> ledger(new Ledger(files, layout, clock, std::move(signer)));
  TRY_VOID(ledger->recover());
  return ledger;
}

Status Ledger::recover() {
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
Result<Head> Ledger::load_committed() {
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

Status Ledger::replay(const Head& head, bool past_cache) {
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

Status Ledger::finish_replay(const Head& head, vault::Found found) {
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

Status Ledger::check_usable() const {
  if (broken_) return fail(Code::kIo, "the ledger stopped after an earlier error");
  if (words_->load(kPoisoned) != 0) {
    return fail(Code::kIo,
                "a sync of this ledger failed in another process; nothing more is taken until it "
                "is opened anew");
  }
  return {};
}

Status Ledger::open_end() {
  if (file_ && file_volume_ == end().volume) return {};
  TRY(file_, vault_.append_volume(end().volume));
  file_volume_ = end().volume;
  return {};
}

// Ends the current volume, whatever stands behind its last whole record, and begins the next. Under
// the append lock. The old one becomes immutable last: a crash before that leaves one that can
// still be opened for its sync.
Status Ledger::start_volume() {
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
Result<bool> Ledger::catch_up() {
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

Result<Incoming> Incoming::of(ByteSpan segment) {
  TRY(const segment::View view, segment::parse_segment(segment));
  return Incoming{view.header, crypto::sha256(segment), segment};
}

Result<Appended> Ledger::append(ByteSpan segment) {
  TRY(const Incoming one, Incoming::of(segment));
  TRY(auto results, append(std::span(&one, 1)));
  return std::move(results.front());
}

/// The tails as they will be when a batch is written.
class Ledger::Ahead {
 public:
  explicit Ahead(const Tails& tails) : tails_(tails) {}

  Result<std::optional<segment::Tail>> find(const StreamId& stream) const {
    const auto found = moved_.find(stream);
    if (found == moved_.end()) return tails_.find(stream);
    return std::optional(found->second);
  }
  void move(const segment::Leaf& leaf) { moved_[leaf.stream] = segment::tail_after(leaf); }

 private:
  const Tails& tails_;
  std::map<StreamId, segment::Tail> moved_;
};

// Whether it may be written; without an index: it need not be.
Result<Appended> Ledger::place(const Ahead& tails, const Incoming& segment, uint64_t index) const {
  const segment::Header& header = segment.header;
  const auto refuse = [&](Error error) {
    return fail(std::move(error).within("stream " + to_string(header.stream)));
  };
  TRY(const auto tail, tails.find(header.stream));
  if (tail && owner_rule_ && tail->owner != header.host_key &&
      !owner_rule_(tail->owner, header.host_key))
    return refuse({Code::kPermission, "belongs to another host", 0});
  Appended placed{index, segment::make_leaf(header, segment.hash, clock_.wall(), 0)};
  if (tail && tail->next_sequence == header.sequence + 1 && tail->last_hash == segment.hash) {
    placed.index.reset();
    return placed;
  }
  auto follows = segment::check_follows(tail ? &*tail : nullptr, header);
  if (!follows) return refuse(std::move(follows).error());
  return placed;
}

Result<std::vector<Result<Appended>>> Ledger::append(std::span<const Incoming> batch) {
  TRY_VOID(check_usable());
  TRY(const auto lock, files_.lock(layout_.append_lock(), os::Wait::kYes));
  TRY(const bool is_whole, catch_up());
  if (!is_whole || end().offset >= volume_bytes_max_) TRY_VOID(start_volume());
  const uint64_t before = end().index;
  std::vector<Result<Appended>> results;
  results.reserve(batch.size());
  Ahead tails(tails_);
  Bytes records;
  uint64_t count = 0;
  for (const Incoming& segment : batch) {
    auto placed = place(tails, segment, end().index + count);
    if (placed && placed->index) {
      ++count;
      tails.move(placed->leaf);
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
Status Ledger::write(const Bytes& records, uint64_t count) {
  TRY_VOID(open_end());
  const uint64_t expected = end().index + count;
  Status appended = file_->append({records});
  TRY_VOID(catch_up());
  if (!appended) return appended;
  if (end().index != expected)
    return poison({Code::kIo, "what was appended can not be read back", 0});
  return {};
}

tl::unexpected<Error> Ledger::poison(Error error) {
  broken_ = true;
  words_->store(kPoisoned, 1);
  return fail(std::move(error));
}

// Where streams stood then is not known now; what came meanwhile is forgotten at the end.
Result<KeyEpochs> Ledger::key_epochs(const HostKeys& enrolled) const {
  TRY(KeyEpochs epochs, tails_.snapshot_keys());
  vault::RecordCursor cursor(vault_, tails_.start());
  const auto hosts = [&enrolled]() -> Result<const HostKeys*> { return &enrolled; };
  const auto nowhere = [](const StreamId&) { return std::nullopt; };
  while (cursor.position().index < size()) {
    TRY(const vault::Found found, cursor.look());
    if (found != vault::Found::kRecord)
      return fail(Code::kCorrupt, vault_.path(cursor.position().volume) +
                                      ": a record that was there a moment ago is not");
    TRY_VOID(take_keys(epochs, cursor, hosts, nowhere));
    cursor.advance();
  }
  epochs.forget_what_came([this](const StreamId& stream) {
    const auto found = tails_.find(stream);
    return found ? *found : std::nullopt;
  });
  return epochs;
}

Status Ledger::sync() {
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

Status Ledger::publish_if_due() {
  const auto now = static_cast<uint64_t>(micros(clock_.boot()));
  const uint64_t last = words_->load(kPublishedAt);
  if (words_->load(kPublishedSize) >= words_->load(kDurable)) return {};
  if (last != 0 && now < last + static_cast<uint64_t>(kPublishEvery.count())) return {};
  auto lock = files_.lock(layout_.publish_lock(), os::Wait::kNo);
  if (!lock && lock.error().code == Code::kBusy) return {};
  if (!lock) return fail(std::move(lock).error());
  return publish_locked();
}

Status Ledger::publish_through(uint64_t size) {
  CHECK(size <= words_->load(kDurable));
  if (words_->load(kPublishedSize) >= size) return {};
  TRY(const auto lock, files_.lock(layout_.publish_lock(), os::Wait::kYes));
  if (words_->load(kPublishedSize) >= size) return {};
  return publish_locked();
}

Status Ledger::publish_empty() {
  TRY(const auto lock, files_.lock(layout_.publish_lock(), os::Wait::kYes));
  return publisher_.publish(0);
}

Status Ledger::publish_locked() {
  TRY_VOID(check_usable());
  const uint64_t durable = words_->load(kDurable);
  TRY_VOID(publisher_.publish(durable));
  words_->store(kPublishedSize, durable);
  words_->store(kPublishedAt, static_cast<uint64_t>(micros(clock_.boot())));
  return {};
}

uint64_t Ledger::published() const { return words_->load(kPublishedSize); }

}  // namespace stele::ledger
