// Progress: how far a session of sudo's log protocol has come, and what of it may be called
// committed.
//
// A client counts in elapsed time, the sum of its records' delays; a session's stream in messages.
// A commit point says: all records up to this time are durable. Where several records have the same
// time, a client that comes again sends all but the first of them again, and so it is counted here.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sudolog/message.h"

namespace stele::sudolog {

struct CommitPoint {
  Nanos elapsed{0};
  uint64_t records = 0;  // that a client does not send again when it resumes here
  bool operator==(const CommitPoint&) const = default;
};

/// What has to be known to go on after a cut.
struct Standing {
  uint64_t records = 0, messages = 0;  // taken, and in the stream
  std::vector<CommitPoint> points;     // that were given, the newest last
  bool operator==(const Standing&) const = default;
};
inline constexpr size_t kPointsMax = 64;

std::string encode(const Standing& standing);
/// kCorrupt: not that.
Result<Standing> parse_standing(std::string_view text);

class Progress {
 public:
  /// A record.
  void take(Nanos delay);
  /// All records so far stand in the stream's first `messages` messages.
  void settle(uint64_t messages);
  /// The stream's first `messages` messages are durable: the newest point that this makes good, if
  /// it is a new one.
  std::optional<CommitPoint> commit(uint64_t messages);
  /// Where all that was taken stands.
  CommitPoint now() const { return {elapsed_, first_at_elapsed_}; }
  uint64_t records() const { return records_; }
  Nanos elapsed() const { return elapsed_; }

  /// Goes on from a point; the records that stand behind it already, and will be sent again.
  uint64_t resume(const CommitPoint& from, uint64_t records);

 private:
  struct Pending {
    uint64_t messages = 0;
    CommitPoint point;
  };
  static constexpr size_t kPendingMax = 1024;

  Nanos elapsed_{0};
  uint64_t records_ = 0, first_at_elapsed_ = 0;
  Nanos told_{-1};
  std::deque<Pending> pending_;
};

}  // namespace stele::sudolog
