// LoginRecords: whom utmp(5) names on a terminal where no login uid is set, of which the kernel's
// programs therefore do not tell (docs/formats/host-stream.md, "Terminals without a recording").
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "commands/parse.h"
#include "os/logins.h"
#include "os/peer.h"

namespace stele::agent {

/// Not for several threads.
class LoginRecords {
 public:
  /// An entry has so long for somebody to be on its terminal.
  static constexpr Micros kPatience = std::chrono::seconds(10);

  /// Those of `logins`, all that there are, who are there now and were never said before. Of a
  /// terminal the newest entry alone counts: others were left there, and would name somebody else.
  /// `processes` is asked only where an entry is new.
  std::vector<commands::OnTerminal> look(
      BootTime now, const std::vector<os::Login>& logins,
      const std::function<std::vector<os::ProcessOnTerminal>()>& processes);

 private:
  struct Entry {
    BootTime since;
    bool is_open = true;  // nobody was on its terminal yet
  };
  std::map<os::Login, Entry> entries_;  // as many as there are logins
};

/// As commands::OnTerminal has it.
commands::OnTerminal on_terminal(const os::ProcessOnTerminal& process);

}  // namespace stele::agent
