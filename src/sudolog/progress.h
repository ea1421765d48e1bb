// Progress: how far a session of sudo's log protocol has come, and what of it may be called
// committed.
//
// A client counts in elapsed time, the sum of its records' delays; a session's stream in messages.
// A commit point says: all records up to this time are durable.
#pragma once

#include <deque>
#include <optional>

#include "sudolog/message.h"

namespace stele::sudolog {

/// A moment at which all records so far were in the stream, and what had come by then.
struct Point {
  Nanos elapsed{0};
  uint64_t messages = 0;  // in the stream
  uint64_t records = 0;   // and decisions inside
  uint64_t typed = 0;     // bytes at the terminal
  uint64_t output_bytes = 0, input_bytes = 0;
  uint16_t rows = 0, columns = 0;
  uint8_t line = 0;  // that is typed: 0 between two, 1 within one, 2 within a paste
  bool operator==(const Point&) const = default;
};

class Progress {
 public:
  Progress() = default;
  /// Of a log that goes on from a point that the client has.
  explicit Progress(const Point& from) : elapsed_(from.elapsed), told_(from.elapsed) {}

  /// A record.
  void take(Nanos delay);
  /// All records so far stand in the stream's first `at.messages` messages. Of several moments at
  /// one elapsed time the first is the point, and the last says when it is good: a client may go on
  /// right behind the first of such records, or behind them all.
  void settle(Point at);
  /// The stream's first `messages` messages are durable: the newest point that this makes good, if
  /// it is a new one.
  std::optional<Point> commit(uint64_t messages);
  Nanos elapsed() const { return elapsed_; }

 private:
  struct Pending {
    Point point;
    uint64_t messages = 0;  // that are to be durable
  };
  static constexpr size_t kPendingMax = 1024;

  Nanos elapsed_{0};
  bool has_records_ = false;
  Nanos told_{-1};
  std::deque<Pending> pending_;
};

}  // namespace stele::sudolog
