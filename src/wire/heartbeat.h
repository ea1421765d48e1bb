// POST /v1/heartbeats: what a host says every ten seconds, and the clock it is answered with
// (docs/formats/api.md).
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"

namespace stele::wire {

inline constexpr std::string_view kHeartbeatType = "application/vnd.stele.heartbeat-v1";
inline constexpr size_t kHeartbeatBytes = 136;
/// A heartbeat, or its answer, of a newer minor version: what follows what is known is not read.
inline constexpr size_t kHeartbeatBytesMax = 512;

/// Terminals since the agent started (docs/formats/host-stream.md, "Terminals without a
/// recording").
struct Terminals {
  uint64_t seen = 0, covered = 0, unrecorded = 0;
  bool operator==(const Terminals&) const = default;
};

struct Heartbeat {
  WallTime wall;  // the host's, when it was sent
  BootTime boot;
  uint64_t sessions = 0;  // the newest session's number
  uint64_t open = 0;      // sessions that are recorded now
  uint64_t excluded = 0, lost = 0;
  uint64_t waiting = 0, waiting_bytes = 0;  // segments in the spool
  uint64_t checkpoint_size = 0;             // the last verified
  Hash checkpoint_root{};                   // zero where the size is
  std::optional<Terminals> terminals;       // nullopt: of an agent that does not say it yet
  bool operator==(const Heartbeat&) const = default;
};

Bytes encode(const Heartbeat& heartbeat);
/// kCorrupt: not a heartbeat; kUnsupported: of another version; kLimit: over kHeartbeatBytesMax.
Result<Heartbeat> parse_heartbeat(ByteSpan bytes);

struct HeartbeatAnswer {
  WallTime wall;      // the server's
  Hash recipients{};  // of the signed recipients list in force
  bool operator==(const HeartbeatAnswer&) const = default;
};

Bytes encode(const HeartbeatAnswer& answer);
Result<HeartbeatAnswer> parse_heartbeat_answer(ByteSpan bytes);

/// The server's clock less this one, if the answer left in the middle between both times.
Micros clock_offset(WallTime sent, WallTime server, WallTime received);

}  // namespace stele::wire
