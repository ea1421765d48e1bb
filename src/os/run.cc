#include "os/run.h"

#include <algorithm>
#include <array>

#include "os/pty.h"

namespace stele::os {
namespace {

constexpr size_t kKeptMax = size_t{1} << 20;

struct Heard {
  Fd& from;
  std::string& kept;

  void listen() {
    std::array<uint8_t, 4096> chunk;
    while (from) {
      const Transfer got = read_some(from.get(), chunk);
      if (got.is_closed()) from.reset();
      if (got.bytes == 0) return;
      kept.append(as_text(ByteSpan(chunk).first(std::min(got.bytes, kKeptMax - kept.size()))));
    }
  }
};

}  // namespace

Result<Ran> run_program(const std::vector<std::string>& argv) {
  TRY(Piped child, spawn_piped({argv.front(), argv, environment()}));
  child.pipes.input.reset();
  Ran ran;
  std::array<Heard, 2> heard{Heard{child.pipes.output, ran.output},
                             Heard{child.pipes.error, ran.error}};
  while (child.pipes.output || child.pipes.error) {
    std::array<Readiness, 2> set{{{.fd = child.pipes.output.get(), .want_read = true},
                                  {.fd = child.pipes.error.get(), .want_read = true}}};
    wait_until_ready(set, std::nullopt);
    for (Heard& each : heard) each.listen();
  }
  TRY(ran.ended, wait_for(child.process));
  return ran;
}

}  // namespace stele::os
