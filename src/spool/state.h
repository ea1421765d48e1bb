// What the state file says: which spool files still count, and where streams stand whose segments
// were freed; and what a .why file says (docs/formats/spool.md, "State", "aside/"). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "segment/chain.h"

namespace stele::spool {

/// How far a stream has come: what its last segment leaves for the next, and how many of the
/// recorder's messages are in all of them.
struct Progress {
  segment::Tail tail;
  uint64_t taken = 0;
  uint8_t retention_class = 0;  // as its last segment says
  bool operator==(const Progress&) const = default;
};

inline constexpr uint64_t kOpenEnd = UINT64_MAX;  // the file is still appended to

struct FileEnd {
  uint64_t number = 0;
  uint64_t end = kOpenEnd;
  bool operator==(const FileEnd&) const = default;
};

/// Of a stream that was set aside: all of it from there on is in aside/, and so many messages are
/// in what is whole of the stream, there and before.
struct Kept {
  uint32_t from = 0;
  uint64_t taken = 0;
  bool operator==(const Kept&) const = default;
};

struct FreedStream {
  StreamId stream{};
  bool finished = false;
  std::optional<Kept> kept;
  uint32_t owner = 0;
  Progress freed;  // tail.closed is false: what is closed and freed is finished
  bool operator==(const FreedStream&) const = default;
};

struct State {
  uint64_t through = 0;              // files up to this number count only if listed
  std::vector<FileEnd> files;        // ascending
  std::vector<FreedStream> streams;  // ascending
  bool operator==(const State&) const = default;
};

inline constexpr size_t kStateBytesMax = size_t{1} << 30;

Bytes encode(const State& state);
/// kCorrupt: damaged, or a second spelling.
Result<State> parse_state(ByteSpan bytes);

/// Why a stream is not shipped from one of its segments on.
struct Decision {
  StreamId stream{};
  uint32_t sequence = 0;
  std::string why;  // one line
  bool operator==(const Decision&) const = default;
};

inline constexpr size_t kWhyBytesMax = 400;
inline constexpr size_t kDecisionBytesMax = 1024;

/// A reason as a .why file can hold it: one line of at most kWhyBytesMax bytes.
std::string one_line(std::string_view why);
std::string to_text(const Decision& decision);
Result<Decision> parse_decision(std::string_view text);

}  // namespace stele::spool
