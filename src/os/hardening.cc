#include "os/hardening.h"

#include <linux/capability.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>

#include "os/error.h"

namespace stele::os {
namespace {

/// Sets the effective group of this thread alone: the library's setegid() changes all threads.
Status set_effective_group(gid_t group) {
  const auto keep = static_cast<gid_t>(-1);
  if (::syscall(SYS_setresgid, keep, group, keep) != 0) {
    return fail_errno("take", "group " + std::to_string(group));
  }
  return {};
}

}  // namespace

Status forbid_tracing() {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return fail_errno("forbid", "tracing");
  return {};
}

Status give_up_watching() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> held{};
  if (::syscall(SYS_capget, &header, held.data()) != 0)
    return fail_errno("read", "the capabilities");
  for (const int capability : {CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN}) {
    __user_cap_data_struct& word = held[CAP_TO_INDEX(capability)];
    for (uint32_t* set : {&word.effective, &word.permitted, &word.inheritable})
      *set &= ~CAP_TO_MASK(capability);
  }
  if (::syscall(SYS_capset, &header, held.data()) != 0)
    return fail_errno("give up", "capabilities");
  return {};
}

Status keep_flags_only() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("forbid", "new privileges");
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return fail_errno("give up", "ambient capabilities");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> held{};
  if (::syscall(SYS_capget, &header, held.data()) != 0)
    return fail_errno("read", "the capabilities");
  for (size_t word = 0; word < held.size(); ++word) {
    const bool is_its = word == CAP_TO_INDEX(CAP_LINUX_IMMUTABLE);
    held[word].permitted &= is_its ? CAP_TO_MASK(CAP_LINUX_IMMUTABLE) : 0;
    held[word].effective = held[word].permitted;
    held[word].inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, held.data()) != 0)
    return fail_errno("give up", "capabilities");
  return {};
}

void clear_environment() { ::clearenv(); }

bool has_borrowed_rights() { return ::getauxval(AT_SECURE) != 0; }

BorrowedGroup::BorrowedGroup() {
  if (::getegid() != ::getgid()) group_ = ::getegid();
}

Status BorrowedGroup::lay_down() const {
  if (!group_) return {};
  return set_effective_group(::getgid());
}

Status BorrowedGroup::take_up() const {
  if (!group_) return {};
  return set_effective_group(*group_);
}

}  // namespace stele::os
