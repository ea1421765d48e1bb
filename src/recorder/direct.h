// Programs that stele-shell runs itself, with no shell between: of these an agent can know what
// speaks at the other end of the pipes (docs/decisions/0015-without-a-terminal.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "recorder/shell.h"
#include "wire/session.h"

namespace stele::recorder {

struct Direct {
  wire::Program program = wire::Program::kAny;
  std::string file;
  std::vector<std::string> argv;
  bool operator==(const Direct&) const = default;
};

/// What a shell would do for such a command if nothing of the person's were in the way: nothing
/// where the command has anything that a shell would read as more than words, where it is another
/// program's, or where the shell is one that may be there to keep things from being run.
std::optional<Direct> direct_program(const Shell& shell);

/// Those variables of an environment that can load no code into a program.
std::vector<std::string> plain_environment(const std::vector<std::string>& environment);

}  // namespace stele::recorder
