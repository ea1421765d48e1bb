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

class Progress {
 public:
  /// A record.
  void take(Nanos delay);
  /// All records so far stand in the stream's first `messages` messages.
  void settle(uint64_t messages);
  /// The stream's first `messages` messages are durable: the newest point that this makes good, if
  /// it is a new one.
  std::optional<Nanos> commit(uint64_t messages);
  Nanos elapsed() const { return elapsed_; }

 private:
  struct Pending {
    uint64_t messages = 0;
    Nanos elapsed{0};
  };
  static constexpr size_t kPendingMax = 1024;

  Nanos elapsed_{0};
  bool has_records_ = false;
  Nanos told_{-1};
  std::deque<Pending> pending_;
};

}  // namespace stele::sudolog
