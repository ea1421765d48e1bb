#include "cli/sshd_config.h"

#include <gtest/gtest.h>

#include "cli/setup_file.h"

namespace stele::cli {
namespace {

TEST(SshdConfig, spares_whom_it_is_told_and_nobody_else) {
  const auto text = sshd_drop_in("/usr/local/bin/stele-shell", {"root", "rescue"});
  ASSERT_TRUE(text);
  EXPECT_TRUE(
      text->ends_with("Match User *,!root,!rescue\n  ForceCommand /usr/local/bin/stele-shell\n"));
  for (const char* name : {"", "a,b", "a b", "!a", "a*", "a?", "a\nb", "\"a\"", "a#"})
    EXPECT_FALSE(sshd_drop_in("/s", {name})) << name;
}

TEST(SshdConfig, shows_each_line_that_changes) {
  EXPECT_EQ(difference("/f", "a\n", "a\n"), "");
  EXPECT_EQ(difference("/f", std::nullopt, "a\nb\n"), "--- /dev/null\n+++ /f\n+a\n+b\n");
  EXPECT_EQ(difference("/f", "c", "a\n"), "--- /f\n+++ /f\n-c\n+a\n");
  EXPECT_EQ(difference("/f", "a\nb\nc\n", "a\nx\nc\n"),
            "--- /f\n+++ /f\n@@ behind line 1 @@\n-b\n+x\n");
  EXPECT_EQ(difference("/f", "a\na\n", "a\na\na\n"), "--- /f\n+++ /f\n@@ behind line 2 @@\n+a\n");
  EXPECT_EQ(difference("/f", "a\n", ""), "--- /f\n+++ /f\n-a\n");
}

TEST(SshdConfig, has_a_program_in_the_place_of_sftp_within_sshd) {
  constexpr const char* kServer = "/usr/lib/openssh/sftp-server";
  EXPECT_EQ(with_sftp_server("Port 22\nSubsystem\tsftp internal-sftp -l INFO\nX y", kServer),
            "Port 22\nSubsystem\tsftp /usr/lib/openssh/sftp-server -l INFO\nX y\n");
  EXPECT_EQ(with_sftp_server("#Subsystem sftp internal-sftp\nsubSystem=sftp \"internal-sftp\"\n",
                             kServer),
            "#Subsystem sftp internal-sftp\nsubSystem=sftp \"/usr/lib/openssh/sftp-server\"\n");
  EXPECT_FALSE(
      with_sftp_server("Subsystem sftp internal-sftpx\nForceCommand internal-sftp\n", kServer));
  EXPECT_FALSE(
      with_sftp_server("Subsystem sftp internal-sftp\nSubsystem s internal-sftp", kServer));
  EXPECT_TRUE(is_within_sshd("sftp internal-sftp"));
  EXPECT_TRUE(is_within_sshd("sftp internal-sftp -f AUTH -l INFO"));
  EXPECT_FALSE(is_within_sshd("sftp /opt/internal-sftp"));
  EXPECT_FALSE(is_within_sshd("sftp"));
}

TEST(SshdConfig, sees_who_is_held_to_a_command) {
  const char* const text =
      "Match User a\n  forcecommand /usr/bin/borg serve\nMatch User b\n ForceCommand=none\n"
      "#ForceCommand x\n\tForceCommand /s\nForceCommands x\n";
  EXPECT_EQ(forced_commands(text, "/s"),
            std::vector<std::string>{"line 2 (  forcecommand /usr/bin/borg serve)"});
}

TEST(SshdConfig, reads_what_sshd_would_do) {
  const char* const said =
      "port 22\nsubsystem sftp internal-sftp\nforcecommand a b\nforcecommandx c\n";
  EXPECT_EQ(effective(said, "forcecommand"), std::vector<std::string>{"a b"});
  EXPECT_EQ(effective(said, "subsystem"), std::vector<std::string>{"sftp internal-sftp"});
  EXPECT_TRUE(effective(said, "portx").empty());
}

}  // namespace
}  // namespace stele::cli
