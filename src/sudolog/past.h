// Past: what a client of sudo's log protocol has said since the oldest point at which its log may
// be gone on with, and where that stands in the session's stream (docs/formats/agent-state.md,
// "What sudo said").
//
// A client that goes on sends everything behind the point once more. What of it is durable already
// is told here, to the byte: a record by how many of its pieces are, typed bytes by their number,
// and what was made of these, a line that was submitted, by where they ended it.
//
// Each change is an entry of a file that outlives the agent; the same entries make the same Past.
#pragma once

#include <array>
#include <deque>
#include <optional>

#include "base/clock.h"
#include "sudolog/progress.h"

namespace stele::sudolog {

/// What a record, or a decision inside, looks like from outside.
struct Heard {
  enum class Kind : uint8_t { kTtyIn, kTtyOut, kIn, kOut, kError, kWindow, kSuspend, kDecision };
  Kind kind = Kind::kTtyOut;
  Nanos delay{0};
  uint32_t bytes = 0;
  uint64_t digest = 0;  // of the message; 0 for what is typed, which nothing may tell
  bool operator==(const Heard&) const = default;
};

struct Past {
  static constexpr size_t kRecordsMax = 65'536, kPointsMax = 16;
  static constexpr size_t kFileBytesMax = size_t{32} << 20;
  using Token = std::array<uint8_t, 16>;

  struct Record {
    Heard heard;
    uint32_t pieces = 0;      // messages of the stream that it is in; none of what is typed
    uint32_t done = 0;        // of them, before `first`
    uint64_t first_left = 0;  // the number of the next; 0: it is to be heard again
    bool operator==(const Record&) const = default;
    bool is_done() const { return heard.kind != Heard::Kind::kTtyIn && done == pieces; }
  };
  struct Typed {
    uint64_t upto = 0;     // of all that was typed
    uint64_t counted = 0;  // as the session's end counts it
    uint64_t message = 0;  // its number in the stream; 0: it is durable
    bool is_redacted = false;
    bool operator==(const Typed&) const = default;
  };
  struct Line {
    uint64_t upto = 0;     // of all that was typed: behind the Enter that submitted it
    uint64_t message = 0;  // as above
    bool operator==(const Line&) const = default;
  };

  Past() = default;
  Past(const Token& of_log, BootTime began_at) : token(of_log), began(began_at) {}

  // Each returns its entry, for the file, and keeps within the bounds.

  /// Record `number`, from 1 on; the one that was heard there before is to be heard no more.
  Bytes hear(uint64_t number, const Record& record);
  Bytes type(const Typed& what);
  /// Nothing is kept, nor returned, of one that can not be typed again.
  Bytes line(const Line& what);
  /// A point that the client is told.
  Bytes tell(const Point& point);
  /// The log goes on behind `point`, one of `points`; the stream's first `durable` messages are.
  Bytes go_on(const Point& point, uint64_t durable);

  /// The number of the first record that was not heard yet.
  uint64_t next() const { return base + records.size(); }
  /// None: it was not heard yet, or so long ago that it is forgotten (`base`).
  const Record* record(uint64_t number) const;
  const Point* point(Nanos elapsed) const;
  /// How many of the typed bytes are durable, after go_on().
  uint64_t typed_durable() const;
  /// How the durable ones behind `typed` count.
  uint64_t counted_since(uint64_t typed) const;
  /// Whether any of these typed bytes, all behind the oldest point, was redacted.
  bool is_redacted(uint64_t from, uint64_t upto) const;

  /// The whole file anew, with nothing in it that is not needed any more.
  Bytes encode() const;
  bool operator==(const Past&) const = default;

  Token token{};  // who has it may go on
  BootTime began{};
  uint64_t base = 1;  // the number of the first of `records`
  std::deque<Record> records;
  std::deque<Typed> typed;
  std::deque<Line> lines;    // after go_on(): those that are durable
  std::deque<Point> points;  // that the client was told, the last kPointsMax

 private:
  void forget_unknown();
  void forget_before_now();
};

/// kCorrupt: not that. A last entry that is not whole was never acted upon, and is left out.
Result<Past> parse_past(ByteSpan file);

}  // namespace stele::sudolog
