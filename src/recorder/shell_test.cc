#include "recorder/shell.h"

#include <gtest/gtest.h>

namespace stele::recorder {
namespace {

const std::string kBash = "/bin/bash";

TEST(Shell, as_a_login_shell_passes_all_on) {
  EXPECT_EQ(shell_to_run("-stele-shell", {}, kBash, "asked"), (Shell{kBash, {"-bash"}}));
  EXPECT_EQ(shell_to_run("stele-shell", {"-c", "ls -l"}, kBash, "asked"),
            (Shell{kBash, {"bash", "-c", "ls -l"}}));
  EXPECT_EQ(shell_to_run("-stele-shell", {"-c", "id"}, kBash, ""),
            (Shell{kBash, {"-bash", "-c", "id"}}));
}

TEST(Shell, as_a_forced_command_runs_what_was_asked_for) {
  const std::string path = "/usr/local/bin/stele-shell";
  EXPECT_EQ(shell_to_run(path, {}, kBash, "scp -t x; bash"),
            (Shell{kBash, {"bash", "-c", "scp -t x; bash"}}));
  EXPECT_EQ(shell_to_run(path, {}, kBash, ""), (Shell{kBash, {"-bash"}}));
}

TEST(Shell, as_both_makes_one_session) {
  const std::vector<std::string> forced = {"-c", "/usr/local/bin/stele-shell"};
  EXPECT_EQ(shell_to_run("stele-shell", forced, kBash, "id"), (Shell{kBash, {"bash", "-c", "id"}}));
  EXPECT_EQ(shell_to_run("stele-shell", forced, kBash, ""), (Shell{kBash, {"-bash"}}));
}

TEST(Shell, is_known_by_its_name_alone) {
  EXPECT_EQ(shell_to_run("stele-recorder", {}, kBash, "x"), std::nullopt);
  EXPECT_EQ(shell_to_run("/tmp/stele-shell/bash", {}, kBash, "x"), std::nullopt);
  EXPECT_TRUE(is_stele_shell("/usr/local/bin/stele-shell"));
  EXPECT_FALSE(is_stele_shell("--stele-shell"));
}

}  // namespace
}  // namespace stele::recorder
