#include "cli/setup_sshd.h"

#include <gtest/gtest.h>

#include "cli/setup_file.h"

namespace stele::cli {
namespace {

TEST(SetupSshd, spares_whom_it_is_told_and_nobody_else) {
  const auto text = sshd_drop_in("/usr/local/bin/stele-shell", {"root", "rescue"});
  ASSERT_TRUE(text);
  EXPECT_TRUE(
      text->ends_with("Match User *,!root,!rescue\n  ForceCommand /usr/local/bin/stele-shell\n"));
  for (const char* name : {"", "a,b", "a b", "!a", "a*", "a?", "a\nb", "\"a\"", "a#"})
    EXPECT_FALSE(sshd_drop_in("/s", {name})) << name;
}

TEST(SetupSshd, shows_each_line_that_changes) {
  EXPECT_EQ(difference("/f", "a\n", "a\n"), "");
  EXPECT_EQ(difference("/f", std::nullopt, "a\nb\n"), "--- /dev/null\n+++ /f\n+a\n+b\n");
  EXPECT_EQ(difference("/f", "c", "a\n"), "--- /f\n+++ /f\n-c\n+a\n");
  EXPECT_EQ(difference("/f", "a\nb\nc\n", "a\nx\nc\n"),
            "--- /f\n+++ /f\n@@ behind line 1 @@\n-b\n+x\n");
  EXPECT_EQ(difference("/f", "a\na\n", "a\na\na\n"), "--- /f\n+++ /f\n@@ behind line 2 @@\n+a\n");
  EXPECT_EQ(difference("/f", "a\n", ""), "--- /f\n+++ /f\n-a\n");
}

TEST(SetupSshd, reads_what_sshd_would_do) {
  const char* const said =
      "port 22\nsubsystem sftp internal-sftp\nforcecommand a b\nforcecommandx c\n";
  EXPECT_EQ(effective(said, "forcecommand"), std::vector<std::string>{"a b"});
  EXPECT_EQ(effective(said, "subsystem"), std::vector<std::string>{"sftp internal-sftp"});
  EXPECT_TRUE(effective(said, "portx").empty());
}

}  // namespace
}  // namespace stele::cli
