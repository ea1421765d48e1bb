// What the spool knows of each stream, and whose turn it is to be shipped. No I/O.
//
// A stream's segments stand in one row, front to back; three cursors divide it:
//   [0, accepted) the server has them · [accepted, sent) handed out · [sent, durable) to be shipped
//   · [durable, end) not yet synced
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "segment/leaf.h"
#include "spool/record_files.h"
#include "spool/state.h"

namespace stele::spool {

/// A segment that waits: about 100 bytes of memory.
struct Stored {
  Place place;
  Hash hash{};
  segment::HostKeyId host_key{};
  uint64_t taken = 0;
  WallTime spooled;
  uint64_t index = 0;  // of its leaf, once accepted
  bool closes = false;
  bool from_reserve = false;
  segment::Kind kind = segment::Kind::kSession;
  uint8_t retention_class = 0;
};

struct Stream {
  uint32_t owner = 0;
  Progress freed;  // its next sequence number is that of segments.front()
  std::deque<Stored> segments;
  size_t accepted = 0, sent = 0, durable = 0;
  uint64_t waiting_bytes = 0;  // of all segments here, as records
  uint64_t index_min = 0;      // what the next leaf's index must be at least
  BootTime not_before;         // no turn before this
  bool queued = false;         // has a turn
  bool stuck = false;      // a segment could not be read: no turn until the spool is opened anew
  bool forgotten = false;  // nothing will follow
  /// Set aside from the next sequence number on; this many messages are in what was kept.
  std::optional<uint64_t> aside_taken;
  std::optional<Kept> kept;  // all from there on is in aside/, durably
  uint64_t last_file = 0;    // no record of it is in a file of a higher number

  uint32_t sequence_of(size_t i) const {
    return freed.tail.next_sequence + static_cast<uint32_t>(i);
  }
  /// The segment's place in the row; none: freed, or never here.
  std::optional<size_t> find(uint32_t sequence) const;
  /// How far the stream was before its i-th segment.
  Progress before(size_t i) const;
  Progress durable_progress() const { return before(durable); }
  Progress progress() const { return before(segments.size()); }
  bool has_unsent() const { return sent < durable; }
};

class Streams {
 public:
  using Map = std::map<StreamId, Stream>;

  Stream* find(const StreamId& id);
  const Stream* find(const StreamId& id) const;
  bool is_finished(const StreamId& id) const { return finished_.contains(id); }
  Stream& add(const StreamId& id, uint32_t owner) {
    Stream& stream = all_[id];
    stream.owner = owner;
    return stream;
  }
  const Map& all() const { return all_; }
  Map& all() { return all_; }

  void push(const StreamId& id, Stream& stream, Stored stored);
  /// All that was pushed is durable.
  void synced();
  /// Takes the row's first segment off.
  Stored free_front(Stream& stream);
  /// Takes the row's last off.
  Stored drop_back(Stream& stream);
  /// Forgets a stream that is closed or given up, once nothing of it waits.
  void finish_if_done(const StreamId& id);
  void add_finished(const FreedStream& line, uint64_t last_file) {
    finished_[line.stream] = {line, last_file};
  }

  /// Whose turn it is; none: nobody's. Each call must be followed by rejoin().
  std::optional<StreamId> take_turn(BootTime now);
  /// Gives the stream a turn if it has something to ship: as the next, or as the last.
  enum class Turn { kNext, kLast };
  void rejoin(const StreamId& id, Stream& stream, Turn turn = Turn::kLast);

  /// The lines of the state, when files numbered below `oldest` are no more.
  std::vector<FreedStream> freed(uint64_t oldest) const;
  void forget_finished(uint64_t oldest);

 private:
  struct Finished {
    FreedStream line;
    uint64_t last_file = 0;
  };
  Map all_;
  std::map<StreamId, Finished> finished_;  // while a file may still hold a record of them
  std::deque<StreamId> turns_;
  std::vector<StreamId> unsynced_;
};

}  // namespace stele::spool
