// The spool: the agent's durable queue of sealed segments that no checkpoint it verified covers yet
// (docs/formats/spool.md).
//
// Invariants
//  1. Only what a sync covered is handed out, and counts as taken.
//  2. A segment is freed only by covered(); what is refused or damaged goes to aside/ first.
//  3. What leaves is what was put in: a segment is hashed again when it is handed out.
//  4. The state is durable before a file is removed.
//  5. After a failed sync nothing is taken and nothing handed out until the spool is opened anew.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "os/file_system.h"
#include "spool/account.h"
#include "spool/aside.h"
#include "spool/ballast.h"
#include "spool/record_files.h"
#include "spool/streams.h"

namespace stele::spool {

struct SpoolOptions {
  Quota quota;
  uint64_t file_bytes_max = uint64_t{16} << 20;  // a spool file that holds this much is ended
};

/// A segment to be shipped.
struct Outgoing {
  StreamId stream{};
  uint32_t sequence = 0;
  Hash hash{};
  Bytes bytes;
};

/// A segment that the server has, at an index that is still to be proven.
struct Acknowledged {
  uint64_t index = 0;
  StreamId stream{};
  uint32_t sequence = 0;
  std::array<uint8_t, segment::kLeafBytes> leaf{};
  BootTime since;
};

/// Where a stream stands, as far as is durable.
struct StreamState {
  StreamId stream{};
  uint32_t owner = 0;
  segment::Tail tail;  // where it was set aside: as the last segment before that left it
  uint64_t taken = 0;  // the recorder sends again from this message on
  uint64_t waiting = 0;
  uint32_t acknowledged = 0;  // segments that the server has, from the first on
  uint8_t retention_class = 0;
  bool set_aside = false;  // nothing can be appended: what follows needs a stream of its own
  std::optional<segment::Kind> kind = {};  // of what waits; nullopt: nothing does
};

/// For heartbeats.
struct Depth {
  uint64_t segments = 0, bytes = 0;  // that wait: not freed, not set aside
  uint64_t unshipped = 0;            // of them, not accepted
  std::optional<WallTime> oldest_unshipped = {};
  std::optional<BootTime> oldest_acknowledged = {};  // accepted and not covered since then
  uint64_t charged_bytes = 0, ordinary_bytes_left = 0, disk_bytes = 0;
};

/// Something that a person should hear of. It is said once for each opening.
struct Finding {
  enum class Kind {
    kTorn,        // the end of a file was not whole: what a crash leaves
    kDamaged,     // bytes that were durable are not what they were
    kMissing,     // a file or a segment is gone
    kUnreadable,  // the disk does not give it
    kRefused,     // a stream was set aside because it was asked for
    kNotKept,     // something could not be kept aside now, or the ballast not made
  };
  Kind kind = Kind::kTorn;
  std::string what;
  std::optional<StreamId> stream = {};
  uint32_t sequence = 0;
};

/// Not thread-safe; one process (and object) at a time has a directory open. The file system and
/// the clock must outlive it.
class Spool {
 public:
  /// Recovers what is there. kBusy: somebody has it open.
  static Result<std::unique_ptr<Spool>> open(os::FileSystem& files, const std::string& directory,
                                             Clock& clock, const SpoolOptions& options);

  /// Puts a segment behind its stream's last. Not durable before sync(). `taken`: how many of the
  /// recorder's messages are in this segment and those before it. `owner`: the uid of the session.
  /// kLimit: the owner's share is full; kNoSpace: the spool is, or the disk; kConflict: it can not
  /// follow; kInvalid: taken went back, or another owner. Then nothing was taken. Any other error:
  /// open the spool anew.
  Status append(ByteSpan segment, uint64_t taken, uint32_t owner, Room room = Room::kOrdinary);

  /// Makes everything appended durable, with one sync. After an error: open the spool anew.
  Status sync();

  /// The next segments to ship, each stream's in order, streams in turn; at most so many bytes
  /// and segments, but at least one segment if there is any. Handed out once, until
  /// send_again() or send_all_again().
  Result<std::vector<Outgoing>> next(size_t bytes_max, size_t count_max);

  /// The server has it, durably, and says that this is its leaf. In the order of the stream.
  /// kUnauthentic: the leaf is not of this segment; kConflict: the index can not be right, or
  /// contradicts what was said before; kNotFound: no such segment waits. Nothing is marked then.
  Status accepted(const StreamId& stream, uint32_t sequence, uint64_t index, ByteSpan leaf);

  /// Hands out again, from this segment on, what was not accepted; not before `wait` has passed.
  void send_again(const StreamId& stream, uint32_t sequence, Micros wait);
  /// The same for all streams: no answer came.
  void send_all_again();
  /// The server lost what it had accepted: everything that was not covered is sent again.
  void start_over();

  /// What was accepted at indexes below `size` and is not covered, ascending by index.
  std::vector<Acknowledged> acknowledged(uint64_t size, size_t count_max) const;

  /// Since when the server owes a checkpoint: the oldest that was accepted at an index from `size`
  /// on.
  std::optional<BootTime> oldest_beyond(uint64_t size) const;

  /// The agent has verified that the leaf is included in a checkpoint: frees the segment. In the
  /// order of the stream; kInvalid otherwise, or if it was not accepted. Freed before: success.
  Status covered(const StreamId& stream, uint32_t sequence);

  /// Gives up shipping a stream from this segment on; all of it is kept in aside/. What is not
  /// synced yet is synced first. kNotFound: no such segment waits. After any other error the
  /// next opening may do it; until then, try again.
  Status set_aside(const StreamId& stream, uint32_t sequence, std::string_view why);

  /// Nothing will follow in this stream: it goes from streams() once nothing of it waits.
  void forget(const StreamId& stream);

  /// Streams that something waits of, or that are still open.
  std::vector<StreamState> streams() const;
  std::optional<StreamState> find(const StreamId& stream) const;
  Depth depth() const;
  /// What was found since the last call.
  std::vector<Finding> take_findings();

 private:
  struct Found;
  struct Recovery;

  Spool(os::FileSystem& files, const std::string& directory, Clock& clock,
        const SpoolOptions& options);

  Status recover();
  Status load_state(Recovery& recovery);
  Status read_files(Recovery& recovery);
  Status read_file(Recovery& recovery, const FileName& name, std::optional<uint64_t> end);
  void note_missing(const Recovery& recovery, const std::vector<FileName>& names);
  Status keep_damage(os::File& file, const FileName& name, uint64_t offset, uint64_t bytes);
  Status queue_stream(Recovery& recovery, const StreamId& id, std::vector<Found> found);
  struct Numbered;
  Status end_stream(Recovery& recovery, const StreamId& id, Stream& stream,
                    std::vector<Numbered> apart);
  Result<std::optional<Decision>> decide(const Recovery& recovery, const StreamId& id,
                                         const Stream& stream, bool broken);
  Result<bool> is_kept(Status status);

  Status check_usable() const;
  tl::unexpected<Error> broken(Error error);
  Result<Place> write(const Front& front, ByteSpan segment);
  enum class Readback { kRight, kDamaged, kUnreadable };
  Result<Readback> read_back(const StreamId& id, const Stream& stream, size_t i, Bytes& record);
  struct Batch;
  Result<bool> hand_out(const StreamId& id, Stream& stream, Batch& batch);
  Status put_aside(const StreamId& id, Stream& stream, size_t from, std::string_view why);
  struct Numbered {
    uint32_t sequence;
    Stored stored;
  };
  Status keep_aside(const StreamId& id, Stream& stream, const Progress& before,
                    const std::vector<Numbered>& records);
  std::vector<Numbered> drop_from(Stream& stream, size_t from);
  void take(const Stream& stream, const Stored& stored);
  void give_back(const Stream& stream, const Stored& stored);
  Status sweep();
  Status write_state(const std::vector<uint64_t>& without);
  Status move_out(uint64_t file);
  StreamState state_of(const StreamId& id, const Stream& stream) const;
  void note(Finding finding) { findings_.push_back(std::move(finding)); }

  os::FileSystem& files_;
  const Layout layout_;
  Clock& clock_;
  const SpoolOptions options_;
  std::unique_ptr<os::Lock> lock_;
  Account account_;
  RecordFiles records_;
  Streams streams_;
  Aside aside_;
  Ballast ballast_;
  std::map<uint64_t, Acknowledged> acknowledged_;  // by index
  std::vector<Finding> findings_;
  bool state_is_due_ = false;  // something was set aside that the state does not say yet
  bool broken_ = false;
};

}  // namespace stele::spool
