// Who is logged in, as those who let them in have written it down: utmp(5).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace stele::os {

/// A claim: of whoever may write the file.
struct Login {
  std::string user, tty;  // tty: "/dev/pts/3"
  uint32_t pid = 0;       // who wrote it down
  int64_t since = 0;      // microseconds of the wall clock
  auto operator<=>(const Login&) const = default;
};

/// Its entries for users that are logged in, the first 4,096; those that name no terminal, or a
/// user in other than printable ASCII, are passed over. None where there is no such file.
Result<std::vector<Login>> logins(const std::string& path = "/run/utmp");

}  // namespace stele::os
