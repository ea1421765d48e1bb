// What a program does to itself so that the person who runs it cannot get between it and its work.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"

namespace stele::os {

/// Nobody of the same user may trace this process, read its memory or its descriptors, and no core
/// is written (PR_SET_DUMPABLE 0). A command it runs is not affected: exec sets it anew.
Status forbid_tracing();

/// This process's environment is empty: no library it uses can be told anything by it.
void clear_environment();

/// This thread, and those it starts later, can load no more programs into the kernel, trace it no
/// more, and listen to it no more (CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN).
Status give_up_watching();

/// This process keeps no right over its user's but to set and clear the append-only and immutable
/// flags (CAP_LINUX_IMMUTABLE), if it had that, and nothing that it might become gets any. To be
/// called while there is one thread.
Status keep_flags_only();

/// Whether the kernel gave this program more than its user has (AT_SECURE): set-gid, set-uid or
/// file capabilities.
bool has_borrowed_rights();

/// A set-gid program's group, by thread: credentials belong to threads (credentials(7)). To be
/// made, and given back, while there is one thread.
class BorrowedGroup {
 public:
  BorrowedGroup();
  /// The group that the file lent; none if it is the user's own.
  std::optional<uint32_t> group() const { return group_; }
  /// This thread, and what it forks and starts, has the user's group only: exec forgets the saved
  /// one too. The other threads are as they were.
  Status lay_down() const;
  /// This thread acts with the group again.
  Status take_up() const;

 private:
  std::optional<uint32_t> group_;
};

}  // namespace stele::os
