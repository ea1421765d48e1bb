// Events: what happened in a session, as values. docs/formats/event.md has the bytes
// (event/codec.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/uuid.h"

namespace stele::event {

/// Which recipients may read an event. An event goes in the most private lane it was derived from.
enum class Lane : uint8_t { kFacts = 0, kOutput = 1, kInput = 2 };
inline constexpr size_t kLaneCount = 3;
std::string_view lane_name(Lane lane);

/// What of the input is kept: all that was echoed or typed in raw mode; secrets guessed out as
/// well; nothing.
enum class InputPolicy : uint8_t { kAll, kRedact, kNone };
std::string_view input_policy_name(InputPolicy policy);
std::optional<InputPolicy> parse_input_policy(std::string_view name);

/// Where something is known from, the surest first: the kernel said it; an authority signed it; the
/// user database has it; the environment has it, which is no more than a claim.
enum class Known : uint8_t { kKernel = 0, kSignature = 1, kDatabase = 2, kEnvironment = 3 };
std::string_view known_name(Known known);

struct WindowSize {
  uint16_t rows = 0, columns = 0, width_pixels = 0, height_pixels = 0;
  auto operator<=>(const WindowSize&) const = default;
};

/// facts. Everything known when the session began; strings are raw bytes as the kernel gave them.
struct Start {
  std::string title;              // --title, may be empty
  std::vector<std::string> argv;  // the command
  std::string cwd;
  uint32_t uid = 0, euid = 0, gid = 0;
  std::string user;  // name of uid; empty if it has none
  std::vector<uint32_t> groups;
  std::vector<std::string> group_names;   // of those groups that have one
  std::optional<uint32_t> login_uid;      // /proc/self/loginuid; none: unset
  std::string login_user;                 // name of login_uid
  std::optional<uint32_t> audit_session;  // /proc/self/sessionid; none: unset
  std::string tty;                        // the outer terminal, e.g. /dev/pts/3; empty: none
  std::string terminal;                   // $TERM
  WindowSize size;
  std::string host, machine_id, boot_id, kernel;
  std::string parent_session;       // in which the recorder was started
  std::string service;              // what let the person in, e.g. "sshd"
  std::string from;                 // the remote end: address and port
  std::string ssh_key;              // "SHA256:…"
  std::string certificate;          // OpenSSH's, whole
  std::string authority;            // "SHA256:…" of the key that it was verified with
  std::optional<uint32_t> invoker;  // who became another, by sudo or su
  std::string invoker_name;
  std::string cgroup, container;
  std::string arrival;  // the PAM service that told, as root, how the person came; empty: none did
  std::vector<std::string> methods;    // by what sshd let the person in
  std::string forwarded_agent;         // socket of an SSH agent that sshd forwards
  std::map<std::string, Known> known;  // by entry of the map in event.md: where it is known from
  InputPolicy input_policy = InputPolicy::kRedact;
  std::string commands;  // who tells what is executed: "ebpf"; empty: nobody
  std::string forwards;  // who tells which ports are forwarded, likewise
  std::string recorder;  // "stele 0.1.0"
  bool operator==(const Start&) const = default;
};

/// output. Bytes the session's programs wrote to their terminal.
struct Output {
  Bytes bytes;
  bool operator==(const Output&) const = default;
};

/// input. Bytes that were sent to the session's terminal.
struct Input {
  Bytes bytes;
  bool operator==(const Input&) const = default;
};

/// Bytes that went through a session without a terminal: what was sent to its command's standard
/// input (input), and what came of its standard output and error (output).
struct Piped {
  enum class Pipe : uint8_t { kInput = 0, kOutput = 1, kError = 2 };
  Pipe pipe = Pipe::kOutput;
  Bytes bytes;
  Lane lane() const { return pipe == Pipe::kInput ? Lane::kInput : Lane::kOutput; }
  bool operator==(const Piped&) const = default;
};

/// The lane of its pipe. In the place of so many bytes that went through it, a file's content.
struct Elided {
  Piped::Pipe pipe = Piped::Pipe::kOutput;
  uint64_t bytes = 0;
  uint64_t before = 0;  // of the same file's content, right in front of these
  Hash hash{};          // SHA-256 of those and these
  Lane lane() const { return pipe == Piped::Pipe::kInput ? Lane::kInput : Lane::kOutput; }
  bool operator==(const Elided&) const = default;
};

/// facts, of an agent. What a protocol that copies files did by name, as the agent followed it.
struct Transfer {
  enum class What : uint8_t {
    kToHost = 0,
    kFromHost = 1,
    kRemove = 2,
    kRename = 3,
    kLink = 4,
    kSymlink = 5,
    kMakeDirectory = 6,
    kRemoveDirectory = 7,
    kSetAttributes = 8,
    kLost = 9  // the protocol is not followed any more
  };
  What what = What::kToHost;
  std::string protocol;      // "sftp" or "scp"
  std::string name;          // as the protocol has it
  std::string to;            // what it is renamed to, or what a link points to
  uint64_t bytes = 0;        // of content that passed; of attributes: the size that was asked for
  std::optional<Hash> hash;  // SHA-256 of the content, if all of it passed, in order
  std::string why;           // what it came to, if not that
  uint64_t error = 0;        // the protocol's number of what went wrong
  std::optional<uint32_t> mode, uid, gid;  // attributes that were asked for
  bool operator==(const Transfer&) const = default;
};
std::string_view transfer_name(Transfer::What what);

/// facts. The window's size changed.
struct Resize {
  WindowSize size;
  bool operator==(const Resize&) const = default;
};

/// input. A line typed that was not kept. The count is rounded up to a multiple of 16.
struct Redaction {
  enum class Why : uint8_t { kNoEcho = 0, kHeuristic = 1 };
  Why why = Why::kNoEcho;
  uint64_t bytes_rounded = 0;
  bool operator==(const Redaction&) const = default;
};

/// input, or facts where policy says so. A line that the person submitted, as the screen showed it:
/// a guess (docs/lines.md).
struct Line {
  std::string text;    // 1 … kLineBytesMax bytes
  std::string prompt;  // what stood left of it, its last kLinePromptBytesMax bytes
  bool is_cut = false;
  bool operator==(const Line&) const = default;
};
inline constexpr size_t kLineBytesMax = 4096, kLinePromptBytesMax = 256;

/// facts. Something could not be recorded.
struct Gap {
  std::string why;                             // one line, for a person
  uint64_t output_bytes = 0, input_bytes = 0;  // how much is missing, as far as known
  Micros duration{0};                          // from the gap's time
  bool operator==(const Gap&) const = default;
};

/// facts. The recorder itself was stopped (SIGTSTP) or continued.
struct Suspend {
  bool continued = false;
  bool operator==(const Suspend&) const = default;
};

/// Whose rights a process has. `capabilities`: the effective ones, as bits.
struct Credentials {
  uint32_t uid = 0, euid = 0, gid = 0, egid = 0;
  uint64_t capabilities = 0;
  bool operator==(const Credentials&) const = default;
};

/// facts. A process of the session executed a program, as the kernel saw it.
struct Exec {
  uint32_t pid = 0, parent = 0;
  std::string file;  // as it was named to the kernel
  std::vector<std::string> argv;
  std::string cwd;
  std::string tty;  // its controlling terminal; empty: none
  uint32_t uid = 0, euid = 0, gid = 0, egid = 0;
  std::optional<uint32_t> login_uid, audit_session;
  bool is_cut = false;  // of its file, directory or arguments some bytes are missing
  bool operator==(const Exec&) const = default;
};

/// facts. A process that had executed something ended.
struct Exit {
  uint32_t pid = 0;
  std::optional<uint8_t> exit_status, signal;  // one of them
  bool core_dumped = false;
  bool operator==(const Exit&) const = default;
};

/// facts. A process has other rights than when it was last looked at: before its exec, or at its
/// parent's.
struct Privilege {
  uint32_t pid = 0;
  Credentials before, now;
  bool operator==(const Privilege&) const = default;
};

/// facts. The sshd that serves this session's connection did so to a port: what was forwarded over
/// it, as the kernel saw it.
struct Forward {
  enum class What : uint8_t { kConnect = 0, kListen = 1 };
  What what = What::kConnect;
  std::string address;  // as numbers (RFC 5952): of the other end, or that it listens on
  uint16_t port = 0;
  Micros ago{0};  // so long before this event: before there was a session, say
  bool operator==(const Forward&) const = default;
};
inline constexpr size_t kAddressBytesMax = 45;
/// "connect" or "listen".
std::string_view forward_name(Forward::What what);

/// facts. How the session ended.
/// Copies that were followed, from a session's beginning to its end.
struct Copies {
  uint64_t to_host = 0, from_host = 0;  // as many Transfers said so, whatever these came to
  uint64_t bytes = 0;                   // of content that passed in them
  bool operator==(const Copies&) const = default;
};

struct End {
  std::optional<uint8_t> exit_status;  // the command's, if it exited
  std::optional<uint8_t> signal;       // the signal that killed it, if one did
  bool core_dumped = false;
  std::string why;                      // empty: the command ended; else e.g. "hangup"
  Micros user_time{0}, system_time{0};  // of the command and its waited-for children
  uint64_t rss_bytes_max = 0;
  uint64_t output_bytes = 0, input_bytes = 0;  // totals that passed, kept or not
  std::optional<Copies> copied;                // none: not known
  std::optional<uint32_t> forwards;            // as many Forwards were said; none: not known
  bool operator==(const End&) const = default;
};

/// The key of one lane of one earlier stream, from its rekey segment on, given to this segment's
/// recipients. Stands in the same lane as the key it carries (`stele key grant`).
struct Grant {
  StreamId stream{};
  uint32_t sequence = 0;  // of the open or rekey segment whose key it is
  std::array<uint8_t, 32> key{};
  bool operator==(const Grant&) const = default;
};

/// facts. Something that a person should hear of.
struct Finding {
  std::string rule;                  // what noticed it, in a word
  std::string what;                  // one line, for a person
  std::optional<StreamId> stream;    // what it is about
  std::optional<uint32_t> sequence;  // of that stream's segment
  bool operator==(const Finding&) const = default;
};

/// facts, a session's second. What holds for it, by which policy, and what the person was shown.
struct Terms {
  uint32_t rule = 0;  // that fitted, from 1; 0: none did
  std::string rule_name;
  uint64_t version = 0;             // of the policy; 0: there was none
  std::optional<Hash> policy_hash;  // of the signed policy
  InputPolicy input_policy = InputPolicy::kRedact;
  bool keeps_output = true;
  bool lines_in_facts = false;
  bool open = false;
  bool digests = false;  // the content of files that are copied is kept as a digest
  std::string banner;    // shown before anything else
  std::string reason;    // break-glass: why, in the person's words
  bool operator==(const Terms&) const = default;
};

/// facts, of an agent. Who the session is of, by the roles that the host had then.
struct Person {
  std::string name;  // empty: nobody that is known
  std::vector<std::string> roles;
  std::string rule;                // that told the person; empty: none
  std::string through;             // what it was told by, e.g. "login uid"
  std::optional<Known> by;         // how sure that is; none: nobody is known
  uint64_t version = 0;            // of the roles
  std::optional<Hash> roles_hash;  // of their file
  bool by_arrival = false;         // what told it is PAM's word; without a mark unless signed
  bool operator==(const Person&) const = default;
};

/// facts. What sudo decided, in its own words; who says it is a program of root's, and nobody else.
struct Sudo {
  enum class What : uint8_t { kAccept = 0, kReject = 1, kError = 2, kCommand = 3 };
  What what = What::kAccept;  // kCommand: executed inside, as sudo saw it
  std::string why;            // of what was refused or failed
  std::string plugin;         // who decided
  std::string file;           // the command
  std::vector<std::string> argv;
  std::string cwd;
  std::string by;  // who asked
  std::optional<uint32_t> by_uid;
  std::string tty, host;  // where they asked
  std::string as, as_group;
  std::optional<uint32_t> as_uid, as_gid;
  bool operator==(const Sudo&) const = default;
};
/// "accept", "reject", "error" or "command".
std::string_view sudo_name(Sudo::What what);

/// facts, of an agent. Where the session's first segment was safe when the session was let begin.
struct Opening {
  bool acknowledged = false;  // by the server, durable; otherwise durable in the host's spool
  Micros waited{0};           // since it was asked for
  bool operator==(const Opening&) const = default;
};

/// facts, of a host's own stream (docs/formats/host-stream.md), as those that follow. The agent
/// started.
struct HostStart {
  std::string boot_id, host, agent, kernel, machine_id;
  uint64_t sessions = 0;  // numbers up to this one may have been given out
  bool operator==(const HostStart&) const = default;
};

/// The agent stopped as it should.
struct HostStop {
  std::string why;
  bool operator==(const HostStop&) const = default;
};

/// What an agent counts.
struct HostSummary {
  uint64_t open = 0;      // sessions that are recorded now
  uint64_t sessions = 0;  // the newest session's number
  uint64_t lost = 0;      // findings of sealed records damaged or gone, since the agent started
  uint64_t excluded = 0;  // sessions that policy left out, since the agent started
  // Terminals on which the kernel saw somebody, since the agent started; those of them that a
  // recording covers, and those that none does. The rest is not decided yet.
  uint64_t seen = 0, covered = 0, unrecorded = 0;
  uint64_t waiting = 0,
           waiting_bytes = 0;           // segments in the spool that nothing proves to be covered
  std::optional<Micros> offset;         // the server's clock less this one
  uint64_t checkpoint_size = 0;         // of the last one verified
  std::optional<Hash> checkpoint_root;  // none: no checkpoint yet
  bool operator==(const HostSummary&) const = default;
};

/// The wall clock was set: so much forward.
struct ClockStep {
  Micros by{0};
  bool operator==(const ClockStep&) const = default;
};

/// A session began: its number, one more than the last one's, and its stream.
struct SessionNumber {
  uint64_t number = 0;
  StreamId stream{};
  bool operator==(const SessionNumber&) const = default;
};

/// facts, of a server's own stream (docs/formats/server-stream.md), as those that follow. The
/// server started.
struct ServerStart {
  std::string host, program;
  bool operator==(const ServerStart&) const = default;
};

/// The server stopped as it should.
struct ServerStop {
  std::string why;
  bool operator==(const ServerStop&) const = default;
};

/// Somebody asked the server for something, and got it or not.
struct Asked {
  enum class Kind { kLogin, kAccess, kRefusal };
  Kind kind = Kind::kAccess;
  std::string person;              // empty: not known
  std::string token;               // its id
  std::string peer;                // where from: an address
  std::string what;                // of people.md's actions, or the route
  std::string purpose;             // as the asker says
  std::optional<StreamId> stream;  // that it is about
  uint64_t first = 0, next = 0;    // segments or leaves handed out: first ≤ i < next
  uint64_t count = 0;              // how often, where more than once
  bool operator==(const Asked&) const = default;
};

/// Something of the server's configuration is other than it was: one line.
struct Change {
  std::string what;
  bool operator==(const Change&) const = default;
};

/// The server has read all that it stores again (ledger.md, "Scrub").
struct Scrub {
  uint64_t volumes = 0, leaves = 0, bytes = 0;
  uint64_t faults = 0;  // each is a finding too
  Micros took{0};       // from the pass's beginning, what others wanted meanwhile included
  bool operator==(const Scrub&) const = default;
};

/// It was tried whether the store keeps what it is told to keep (vault.md).
struct Probe {
  std::string store;   // where it is, which bucket, which prefix
  std::string canary;  // the name of the object that it was tried on, and its version
  std::string mode;    // "COMPLIANCE" or "GOVERNANCE"
  Micros ahead{0};     // the store's clock, of the server's
  std::string failed;  // the checks that were wanted and do not hold, by name; empty: none
  bool operator==(const Probe&) const = default;
};

/// An event type newer than this program: kept, shown raw.
struct Unknown {
  uint64_t type = 0;
  Bytes encoded;  // the whole CBOR array
  bool operator==(const Unknown&) const = default;
};

using Body =
    std::variant<Start, Output, Input, Piped, Elided, Transfer, Resize, Redaction, Line, Gap,
                 Suspend, Exec, Exit, Privilege, Forward, End, Grant, Finding, Terms, Person, Sudo,
                 Opening, HostStart, HostStop, HostSummary, ClockStep, SessionNumber, ServerStart,
                 ServerStop, Asked, Change, Scrub, Probe, Unknown>;

/// Whether it stands in an agent's or a server's own stream only.
bool is_host_event(const Body& body);

/// Whether the kernel tells it, to an agent: a recorder has no say in it.
bool is_kernel_event(const Body& body);

/// "piped-input", "piped-output" or "piped-error".
std::string_view pipe_name(Piped::Pipe pipe);
/// What a terminal would be sent for bytes that were written to a pipe: "\n" becomes "\r\n".
Bytes for_screen(ByteSpan piped);

/// The lane of an event that has but one: not a grant's.
Lane lane_of(const Body& body);

/// How many bytes it has that were shown, typed or piped; of other events 0.
size_t content_bytes(const Body& body);

struct Event {
  Lane lane = Lane::kFacts;
  BootTime at;
  Body body;
  Bytes extra = {};  // what a newer writer added to a known type, encoded: shown raw
  bool operator==(const Event&) const = default;
};

}  // namespace stele::event
