#include "commands/parse.h"

#include <cstring>
#include <optional>

#include "commands/kernel_record.h"
#include "os/stream_socket.h"

namespace stele::commands {
namespace {

using Record = KernelRecord;

constexpr size_t kHeadBytes = offsetof(Record, file);
constexpr uint32_t kUnset = UINT32_MAX;
constexpr std::string_view kUnreachable = "(unreachable)";

event::Credentials credentials(const KernelCredentials& read) {
  return {read.uid, read.euid, read.gid, read.egid, read.capabilities};
}

std::optional<uint32_t> unless_unset(uint32_t id) {
  return id == kUnset ? std::nullopt : std::optional(id);
}

/// Names that each end with a 0, from the last to the first.
std::string directory_of(std::string_view names) {
  std::string path;
  while (!names.empty()) {
    const size_t end = names.find('\0');
    path = "/" + std::string(names.substr(0, end)) + path;
    names = end == std::string_view::npos ? "" : names.substr(end + 1);
  }
  return path.empty() ? "/" : path;
}

/// The last one may lack its end, where it was cut.
std::vector<std::string> arguments_of(std::string_view bytes) {
  std::vector<std::string> arguments;
  while (!bytes.empty()) {
    const size_t end = bytes.find('\0');
    arguments.emplace_back(bytes.substr(0, end));
    bytes = end == std::string_view::npos ? "" : bytes.substr(end + 1);
  }
  return arguments;
}

event::Exit exit_of(const Record& record) {
  event::Exit exit;
  exit.pid = record.pid;
  const uint32_t signal = record.status & 0x7f;
  if (signal == 0) {
    exit.exit_status = static_cast<uint8_t>(record.status >> 8);
  } else {
    exit.signal = static_cast<uint8_t>(signal);
    exit.core_dumped = (record.status & 0x80) != 0;
  }
  return exit;
}

event::Exec exec_of(const Record& record, std::string (*terminal)(uint32_t number)) {
  event::Exec exec;
  exec.pid = record.pid;
  exec.parent = record.parent;
  exec.file.assign(record.file, strnlen(record.file, sizeof record.file));
  exec.cwd = directory_of({record.directory, record.directory_bytes});
  if ((record.cut & kCutDirectory) != 0) exec.cwd = std::string(kUnreachable) + exec.cwd;
  exec.argv = arguments_of({record.argv, record.argv_bytes});
  exec.uid = record.now.uid;
  exec.euid = record.now.euid;
  exec.gid = record.now.gid;
  exec.egid = record.now.egid;
  if (record.terminal != 0) exec.tty = terminal(record.terminal);
  exec.login_uid = unless_unset(record.login_uid);
  exec.audit_session = unless_unset(record.audit_session);
  exec.is_cut = record.cut != 0;
  return exec;
}

OnTerminal terminal_of(const Record& record, std::string (*terminal)(uint32_t number)) {
  return {.audit_session = record.audit_session,
          .terminal = record.terminal,
          .tty = terminal(record.terminal),
          .login_uid = record.login_uid,
          .uid = record.now.uid,
          .pid = record.pid,
          .parent = record.parent,
          .program = std::string(record.file, strnlen(record.file, sizeof record.file))};
}

BootTime at(uint64_t boot_ns) { return BootTime(Micros(static_cast<int64_t>(boot_ns / 1000))); }

Result<Seen> parse_forward(ByteSpan bytes) {
  constexpr uint64_t kNsPerTick = 10'000'000;  // of proc_pid_stat(5), field 22
  KernelForward read{};
  if (bytes.size() != sizeof read) return fail(Code::kCorrupt, "not a record of a forward");
  std::memcpy(&read, bytes.data(), sizeof read);
  if (read.port > UINT16_MAX) return fail(Code::kCorrupt, "no such port");
  Forwarded forward{{read.pid, read.started_ns / kNsPerTick}, {}};
  forward.what.what =
      read.listens != 0 ? event::Forward::What::kListen : event::Forward::What::kConnect;
  forward.what.address = os::address_text(ByteSpan(read.address).first(read.is_v6 != 0 ? 16 : 4));
  forward.what.port = static_cast<uint16_t>(read.port);
  Seen seen{0, at(read.boot_ns), {}};
  seen.forward = std::move(forward);
  return seen;
}

size_t bytes_of(const Record& record) {
  switch (record.kind) {
    case kKernelExec:
      return offsetof(Record, argv) + record.argv_bytes;
    case kKernelTerminal:
      return offsetof(Record, directory);
    default:
      return kHeadBytes;
  }
}

}  // namespace

Result<Seen> parse_record(ByteSpan bytes, std::string (*terminal)(uint32_t number)) {
  uint32_t kind = 0;
  if (bytes.size() >= sizeof kind) std::memcpy(&kind, bytes.data(), sizeof kind);
  if (kind == kKernelForward) return parse_forward(bytes);
  Record record{};
  if (bytes.size() < kHeadBytes || bytes.size() > sizeof record)
    return fail(Code::kCorrupt, "not a record of the kernel's");
  std::memcpy(&record, bytes.data(), bytes.size());
  if (record.kind < kKernelExec || record.kind > kKernelRecorderEnd ||
      record.argv_bytes > sizeof record.argv || record.directory_bytes > sizeof record.directory ||
      bytes.size() < bytes_of(record)) {
    return fail(Code::kCorrupt, "not a record of the kernel's");
  }
  const bool is_exec = record.kind == kKernelExec;
  Seen seen{record.session, at(record.boot_ns), {}};
  if (record.kind == kKernelTerminal) seen.terminal = terminal_of(record, terminal);
  if (record.kind == kKernelRecorderEnd) seen.recorder = exit_of(record);
  if (seen.terminal || seen.recorder) return seen;
  const event::Privilege rights{record.pid, credentials(record.before), credentials(record.now)};
  if (rights.before != rights.now) seen.bodies.emplace_back(rights);
  if (is_exec) {
    seen.bodies.emplace_back(exec_of(record, terminal));
  } else {
    seen.bodies.emplace_back(exit_of(record));
  }
  return seen;
}

}  // namespace stele::commands
