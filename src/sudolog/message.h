// The messages of sudo's own log protocol, sudo_logsrv.proto(5): what sudo, or sudo_sendlog, says
// to a log server, and what it is answered. docs/sudo-logsrv.md says what becomes of it.
//
// Each is a protobuf behind its size as a big-endian u32. The reader is strict where protobuf is
// lax: a member that may stand once, and stands twice, is corrupt. Unknown members are skipped, as
// protobuf demands.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace stele::sudolog {

/// sudo says that a server takes at least this much.
inline constexpr size_t kMessageBytesMax = size_t{2} << 20;
inline constexpr size_t kFrameBytes = 4;
inline constexpr size_t kInfosMax = 256, kWordsMax = 65'536;

/// As sudo counts: elapsed time, or time since 1970.
using Nanos = std::chrono::nanoseconds;
inline constexpr int64_t kSecondsMax = int64_t{1} << 33;  // Nanos still hold it

struct Hello {
  std::string client;  // e.g. "sudoers 1.9.13p3"
  bool operator==(const Hello&) const = default;
};

/// Something that is known of a command: one of these values.
struct Info {
  std::string key;
  std::variant<int64_t, std::string, std::vector<std::string>, std::vector<int64_t>> value;
  bool operator==(const Info&) const = default;
};

/// An AcceptMessage, RejectMessage or AlertMessage.
struct Decision {
  enum class Kind : uint8_t { kAccept, kReject, kAlert };
  Kind kind = Kind::kAccept;
  Nanos at{0};                   // since 1970
  std::string reason = {};       // not of what is accepted
  std::vector<Info> infos = {};  // at most kInfosMax
  bool expects_data = false;     // of what is accepted: records follow
  bool operator==(const Decision&) const = default;
};

struct Exit {
  Nanos run_time{0};
  int32_t status = 0;
  bool dumped_core = false;
  std::string signal = {};  // without its "SIG"; empty: none
  std::string error = {};
  bool operator==(const Exit&) const = default;
};

struct Restart {
  std::string log;
  Nanos resume_point{0};  // elapsed
  bool operator==(const Restart&) const = default;
};

// Records; `delay` is the time since the one before.

struct Data {
  enum class Way : uint8_t { kTtyIn, kTtyOut, kIn, kOut, kError };
  Way way = Way::kTtyOut;
  Nanos delay{0};
  Bytes bytes = {};
  bool operator==(const Data&) const = default;
};

struct WindowSize {
  Nanos delay{0};
  uint16_t rows = 0, columns = 0;
  bool operator==(const WindowSize&) const = default;
};

struct Suspend {
  Nanos delay{0};
  std::string signal;
  bool operator==(const Suspend&) const = default;
};

using ClientMessage = std::variant<Hello, Decision, Exit, Restart, Data, WindowSize, Suspend>;

/// One message, without its size. kCorrupt: it is none; kUnsupported: of a kind that is newer than
/// this program; kLimit: more in it than is taken.
Result<ClientMessage> parse_client_message(ByteSpan message);

/// Puts messages together from a stream of bytes. Memory: one message.
class Frames {
 public:
  void add(ByteSpan bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  /// The next whole message; none: not yet. kLimit: it would be larger than kMessageBytesMax;
  /// kCorrupt: it would be empty.
  Result<std::optional<Bytes>> next();

 private:
  Bytes bytes_;
  size_t taken_ = 0;  // of bytes_
};

// What a server says, each with its size.

/// `subcommands`: what is executed inside may be said as well.
Bytes encode_hello(std::string_view server, bool subcommands);
Bytes encode_commit_point(Nanos elapsed);
Bytes encode_log_id(std::string_view id);
Bytes encode_error(std::string_view why);
/// The client is to kill the command.
Bytes encode_abort(std::string_view why);

}  // namespace stele::sudolog
