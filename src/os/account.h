// An account by its name, as the user database has it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace stele::os {

struct Account {
  uint32_t uid = 0, gid = 0;
  std::vector<uint32_t> groups;  // supplementary, up to 1,024
};
/// kNotFound: it has none of that name.
Result<Account> account_named(const std::string& name);

}  // namespace stele::os
