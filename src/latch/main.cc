// stele-latch: the one process that may set the append-only and immutable flags of a server's
// volumes. It sets them when the server asks, and can not be asked for anything else.
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "latch/latch.h"
#include "os/hardening.h"
#include "os/process.h"
#include "os/pty.h"
#include "os/signals.h"
#include "os/supervisor.h"

namespace stele::latch {
namespace {

constexpr int kExitOk = 0, kExitUsage = 64, kExitFailed = 70;
constexpr uint32_t kSocketMode = 0600;
constexpr const char* kHelp =
    "Usage: stele-latch --directory DIR --socket PATH\n\n"
    "Makes the volumes in DIR (a ledger's vault/volume) append-only and immutable when a server "
    "of\n"
    "the same user asks for it at PATH, and never takes that back. It is started by systemd, with\n"
    "CAP_LINUX_IMMUTABLE and no other right: docs/vault.md, docs/operations.md.\n";

struct Options {
  std::string directory, socket;
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--directory") {
      options.directory = argv[i + 1];
    } else if (name == "--socket") {
      options.socket = argv[i + 1];
    } else {
      return false;
    }
  }
  return argc == 5 && !options.directory.empty() && !options.socket.empty();
}

void tell(const std::string& what) { os::tell_journal(os::Severity::kWarning, what); }

Status run(const Options& options) {
  TRY_VOID(os::forbid_tracing());
  TRY_VOID(os::keep_flags_only());
  TRY(auto signals, os::SignalWatch::make({}, {SIGTERM, SIGINT}));
  TRY(const Latch latch, Latch::open(options.directory));
  TRY(auto listener, os::PacketListener::listen(options.socket, kSocketMode));
  TRY_VOID(os::notify_supervisor("READY=1"));
  for (;;) {
    os::Readiness wanted[] = {{.fd = listener.get(), .want_read = true},
                              {.fd = signals.fd(), .want_read = true}};
    os::wait_until_ready(wanted, std::nullopt);
    if (wanted[1].can_read) return {};
    answer_waiting(latch, listener, tell);
  }
}

}  // namespace
}  // namespace stele::latch

int main(int argc, char** argv) {
  using namespace stele;
  os::occupy_standard_descriptors();
  if (argc == 2 && std::string_view(argv[1]) == "--help") {
    std::fputs(latch::kHelp, stdout);
    return latch::kExitOk;
  }
  latch::Options options;
  if (!latch::parse(argc, argv, options)) {
    std::fputs(latch::kHelp, stderr);
    return latch::kExitUsage;
  }
  const Status done = latch::run(options);
  if (done) return latch::kExitOk;
  os::tell_journal(os::Severity::kError, done.error().message());
  return latch::kExitFailed;
}
