// Runs a command as a session's processes are followed (src/commands/), for bench/commands.py.
//
//   follow bpf|connector COMMAND ARGS…
//
// Says "ready", and waits for a line on standard input; exits as the command does; prints how many
// execs and exits were seen, and how many records were lost, to standard error. By programs in the
// kernel, or by its process connector.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <string_view>

#include "commands/process_events.h"
#include "commands/watch.h"

namespace {

using namespace stele::commands;

stele::Result<std::unique_ptr<Follower>> start(std::string_view how, const Follower::Sink& sink) {
  if (how == "connector") return ProcessEvents::start(sink, {});
  return Watch::start(sink);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace stele;
  if (argc < 3) return 64;
  std::atomic<unsigned long long> seen = 0;
  auto watch = start(argv[1], [&seen](const Seen&) { ++seen; });
  if (!watch) {
    std::fprintf(stderr, "%s\n", watch.error().message().c_str());
    return 1;
  }
  if (!(*watch)->follow(static_cast<uint32_t>(getpid()), 1)) return 1;
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() > '\n') {
  }
  const pid_t child = fork();
  if (child == 0) {
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  (*watch)->settle();
  std::fprintf(stderr, "%llu %llu\n", seen.load(),
               static_cast<unsigned long long>((*watch)->take_lost(1)));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
