// Running another program to its end, and what it said.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "os/process.h"

namespace stele::os {

struct Ran {
  Ended ended;
  std::string output, error;
  bool is_success() const { return ended.exit_status == 0; }
};

/// Runs `argv[0]` (looked up as spawn() does) without input and waits for its end. Of what it says,
/// at most 1 MiB each is kept; the rest is read and forgotten.
Result<Ran> run_program(const std::vector<std::string>& argv);

}  // namespace stele::os
