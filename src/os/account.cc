#include "os/account.h"

#include <grp.h>
#include <pwd.h>

#include "os/error.h"

namespace stele::os {

Result<Account> account_named(const std::string& name) {
  constexpr size_t kRoomBytes = size_t{64} << 10;
  constexpr int kGroupsMax = 1024;
  std::vector<char> room(kRoomBytes);
  passwd entry{};
  passwd* found = nullptr;
  const int failed = ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found);
  if (failed != 0) return fail_errno("look up", "user " + name, failed);
  if (found == nullptr) return fail(Code::kNotFound, "there is no user " + name);
  std::vector<gid_t> groups(kGroupsMax);
  int count = kGroupsMax;
  if (::getgrouplist(name.c_str(), found->pw_gid, groups.data(), &count) < 0) count = kGroupsMax;
  groups.resize(static_cast<size_t>(count));
  return Account{found->pw_uid, found->pw_gid, {groups.begin(), groups.end()}};
}

}  // namespace stele::os
