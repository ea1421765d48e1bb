// What a recorder and its host's agent say to each other (docs/formats/wire-session.md). One
// message, one packet.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/uuid.h"
#include "event/event.h"

namespace stele::wire {

inline constexpr uint8_t kSessionProtocol = 5;
inline constexpr size_t kPacketBytesMax = 65'600;
/// Output or input of one event: what fits in a packet with room to spare.
inline constexpr size_t kContentBytesMax = size_t{48} << 10;
inline constexpr size_t kTitleBytesMax = 1024, kDirectoryBytesMax = 4096, kTerminalBytesMax = 1024;
inline constexpr size_t kClaimBytesMax = 256, kProofBytesMax = size_t{24} << 10;
inline constexpr size_t kRecorderBytesMax = 64, kArgumentCountMax = 4096;
inline constexpr size_t kBannerBytesMax = 4096, kRefusalBytesMax = 400;
inline constexpr size_t kBreakGlassBytesMax = 400, kRuleNameBytesMax = 255;
inline constexpr uint32_t kWindowBytesMin = 128U << 10, kWindowBytesMax = 8U << 20;
inline constexpr uint32_t kPatienceMsMax = 3'600'000;

/// The number of the `hello`; events count on from there.
inline constexpr uint64_t kOpeningNumber = 1;

// From the recorder.

/// What the recorder runs, where it knows: it runs that program itself, by a path that is only
/// root's to write, with no shell between and nothing of the person's environment that could load
/// code into it.
enum class Program : uint8_t { kAny = 0, kSftpServer = 1, kScpTo = 2, kScpFrom = 3 };

struct Hello {
  event::InputPolicy input_policy = event::InputPolicy::kRedact;  // a wish
  event::WindowSize size;
  std::string recorder;  // UTF-8
  std::string title, cwd;
  std::string terminal;            // environment: a claim, as the next four
  std::string connection;          // $SSH_CONNECTION
  std::string invoker;             // $SUDO_USER
  std::string proof;               // what is in the file that $SSH_USER_AUTH names
  std::string forwarded_agent;     // $SSH_AUTH_SOCK
  std::string break_glass;         // UTF-8: why; empty: not asked for
  std::optional<StreamId> parent;  // environment: a claim
  Program program = Program::kAny;
  std::vector<std::string> argv;  // at least one
  bool operator==(const Hello&) const = default;
};

struct Resume {
  StreamId session{};
  uint64_t first = 2;  // the first message the recorder still holds, or will make next
  bool operator==(const Resume&) const = default;
};

struct Said {  // `event`
  uint64_t number = 2;
  event::Event event;  // extra is empty
  bool operator==(const Said&) const = default;
};

struct Bye {
  uint64_t last = 1;
  bool operator==(const Bye&) const = default;
};

// From PAM, as root.

/// What let a person in; each empty where PAM does not know it.
struct Arrived {
  std::string service, user, remote_host, remote_user, terminal;
  std::string connection;  // $SSH_CONNECTION of PAM's environment
  std::string proof;       // $SSH_AUTH_INFO_0 of it
  bool operator==(const Arrived&) const = default;
};

/// They are gone.
struct Left {
  bool operator==(const Left&) const = default;
};

using FromRecorder = std::variant<Hello, Resume, Said, Bye, Arrived, Left>;

// From the agent.

struct Lanes {
  bool output = true, input = true;  // facts always
  bool operator==(const Lanes&) const = default;
};

/// What holds for a session, whatever was asked for. lanes.input exactly when input_policy is not
/// none.
struct Terms {
  event::InputPolicy input_policy = event::InputPolicy::kRedact;
  Lanes lanes;
  bool lines_in_facts = false;    // else, as the rest of what is typed, in input
  bool digests = false;           // content of files that are copied is kept as a digest
  bool open = false;              // goes on when nothing can be recorded
  uint32_t patience_ms = 60'000;  // 1 … kPatienceMsMax
  uint32_t window_bytes = kWindowBytesMax;
  std::string banner;       // UTF-8
  std::string break_glass;  // UTF-8: why it was granted; empty: it was not
  uint32_t rule = 0;        // that fitted, from 1; 0: none did
  std::string rule_name;    // UTF-8
  uint64_t policy_version = 0;
  std::optional<Hash> policy_hash;  // of the signed policy, exactly if its version is not 0
  bool operator==(const Terms&) const = default;
};

/// What a recorder says of its terms once it has shown the banner.
event::Terms facts_of(const Terms& terms);

struct Welcome {
  StreamId session{};
  uint64_t next = 2;
  Terms terms;
  bool operator==(const Welcome&) const = default;
};

enum class SessionRefusal : uint8_t {
  kMalformed = 1,
  kVersion,
  kPolicy,
  kUnknownSession,
  kNotYours,
  kHole,
  kNotNow,
  kFailed
};

struct SessionRefused {
  SessionRefusal code = SessionRefusal::kMalformed;
  std::string reason;  // UTF-8
  bool operator==(const SessionRefused&) const = default;
};

struct Taken {
  uint64_t number = 1;
  bool operator==(const Taken&) const = default;
};

/// Policy has the session left out.
struct Unrecorded {
  std::string banner;  // UTF-8
  bool operator==(const Unrecorded&) const = default;
};

struct Noted {
  bool operator==(const Noted&) const = default;
};

using FromAgent = std::variant<Welcome, SessionRefused, Taken, Unrecorded, Noted>;

/// kLimit: a field or the whole is larger than its bound; kInvalid: no argv.
Result<Bytes> encode(const Hello& hello);
Bytes encode(const Resume& resume);
Bytes encode(const Bye& bye);
/// kLimit: a field is larger than its bound.
Result<Bytes> encode(const Arrived& arrived);
Bytes encode(const Left& left);
/// `lane` output or input, at most kContentBytesMax: a bug otherwise.
Bytes encode_content(uint64_t number, BootTime at, event::Lane lane, ByteSpan content);
/// kLimit: the event is larger than a packet.
Result<Bytes> encode_event(uint64_t number, BootTime at, event::Lane lane, const event::Body& body);

/// A banner, reason or name that is too long is cut, one that is not UTF-8 mended; patience and
/// window are brought within their bounds.
Bytes encode(const Welcome& welcome);
Bytes encode(const SessionRefused& refused);
Bytes encode(const Taken& taken);
Bytes encode(const Unrecorded& unrecorded);
Bytes encode(const Noted& noted);

/// kCorrupt: no such message, or not its one spelling; kLimit: over a bound; kUnsupported: another
/// protocol version.
Result<FromRecorder> parse_from_recorder(ByteSpan packet);
Result<FromAgent> parse_from_agent(ByteSpan packet);

}  // namespace stele::wire
