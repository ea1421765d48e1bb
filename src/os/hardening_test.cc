#include "os/hardening.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "os/process.h"

namespace stele::os {
namespace {

/// Runs `what` in a child; its exit status.
template <typename What>
int in_child(const What& what) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(what());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Hardening, makes_a_process_untraceable_and_its_environment_empty) {
  EXPECT_EQ(in_child([] {
              if (!forbid_tracing() || ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) return 1;
              clear_environment();
              return environment().empty() ? 0 : 2;
            }),
            0);
}

TEST(Hardening, of_all_rights_the_flags_of_files_are_kept) {
  EXPECT_EQ(in_child([] {
              const bool had_it = ::prctl(PR_CAPBSET_READ, CAP_LINUX_IMMUTABLE) == 1;
              if (!keep_flags_only()) return 1;
              std::ifstream status("/proc/self/status");
              std::string text((std::istreambuf_iterator<char>(status)), {});
              const bool is_root = ::geteuid() == 0;
              const char* const kept = is_root && had_it ? "0000000000000200" : "0000000000000000";
              for (const char* set : {"CapPrm:\t", "CapEff:\t"})
                if (text.find(std::string(set) + kept) == std::string::npos) return 2;
              for (const char* set : {"CapInh:\t", "CapAmb:\t"})
                if (text.find(std::string(set) + "0000000000000000") == std::string::npos) return 3;
              return text.find("NoNewPrivs:\t1") == std::string::npos ? 4 : 0;
            }),
            0);
}

TEST(Hardening, borrows_nothing_in_an_ordinary_program) {
  EXPECT_FALSE(has_borrowed_rights());
  const BorrowedGroup none;
  EXPECT_FALSE(none.group());
  EXPECT_TRUE(none.lay_down());
  EXPECT_TRUE(none.take_up());
}

TEST(BorrowedGroup, laid_down_by_one_thread_stays_with_the_other) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: changes groups";
  EXPECT_EQ(in_child([] {
              if (::setresgid(1000, 4242, 4242) != 0 || ::setresuid(1000, 1000, 1000) != 0)
                return 1;
              const BorrowedGroup borrowed;
              if (borrowed.group() != 4242 || !borrowed.lay_down()) return 2;
              int other = 0;
              std::thread([&] {
                other = ::getegid() == 1000 && borrowed.take_up() && ::getegid() == 4242 ? 0 : 3;
              }).join();
              return ::getegid() == 1000 ? other : 4;
            }),
            0);
}

}  // namespace
}  // namespace stele::os
