#include "recorder/direct.h"

#include <gtest/gtest.h>

namespace stele::recorder {
namespace {

using wire::Program;

Program program_of(const std::string& command, const std::string& shell = "/bin/bash") {
  const auto direct = direct_program({shell, {"bash", "-c", command}});
  return direct ? direct->program : Program::kAny;
}

TEST(Direct, is_what_sshd_and_scp_ask_for) {
  EXPECT_EQ(program_of("/usr/lib/openssh/sftp-server"), Program::kSftpServer);
  EXPECT_EQ(program_of("/usr/lib/openssh/sftp-server -f AUTHPRIV -l INFO"), Program::kSftpServer);
  EXPECT_EQ(program_of("scp -t there"), Program::kScpTo);
  EXPECT_EQ(program_of("scp -r -p -d -t -- -there"), Program::kScpTo);
  EXPECT_EQ(program_of("scp -v -f /etc/motd b"), Program::kScpFrom);
  EXPECT_EQ(direct_program({"/bin/sh", {"sh", "-c", "scp -pt ."}}),
            (Direct{Program::kScpTo, "/usr/bin/scp", {"scp", "-pt", "."}}));
}

TEST(Direct, is_nothing_that_a_shell_would_make_more_of) {
  for (const char* const command : {"",
                                    "scp",
                                    "scp -t",
                                    "scp -t a b",
                                    "scp -t x; bash",
                                    "scp -t x&bash",
                                    "scp -t x\nbash",
                                    "scp -t $HOME",
                                    "scp -t `id`",
                                    "scp -t ~",
                                    "scp -f *",
                                    "scp -f a?",
                                    "scp -f [a]",
                                    "scp -f {a,b}",
                                    "scp -t 'a'",
                                    "scp -t \"a\"",
                                    "scp -t a\\b",
                                    "scp -t >a",
                                    "scp -t #a",
                                    "scp  -t a",
                                    "scp -t a ",
                                    " scp -t a",
                                    "scp -t\ta",
                                    "scp -t=a b",
                                    "scp -t -f a",
                                    "scp -S/tmp/x -t a",
                                    "scp -o x -t a",
                                    "scp a b",
                                    "SCP -t a",
                                    "./scp -t a",
                                    "/bin/scp -t a",
                                    "/tmp/sftp-server",
                                    "sftp-server",
                                    "internal-sftp",
                                    "/usr/lib/openssh/sftp-server;bash",
                                    "/usr/lib/openssh/../../bin/bash",
                                    "A=b scp -t a",
                                    "exec scp -t a",
                                    "!scp -t a",
                                    "scp -t caf\xc3\xa9"}) {
    EXPECT_EQ(program_of(command), Program::kAny) << command;
  }
}

TEST(Direct, is_nothing_where_the_shell_may_forbid_it) {
  for (const char* const shell :
       {"/bin/rbash", "/usr/sbin/nologin", "/bin/false", "/usr/bin/rssh", "/opt/menu"})
    EXPECT_EQ(program_of("scp -t a", shell), Program::kAny) << shell;
  EXPECT_FALSE(direct_program({"/bin/bash", {"-bash"}}));
  EXPECT_FALSE(direct_program({"/bin/bash", {"bash", "-x", "scp -t a"}}));
}

TEST(Direct, gets_nothing_that_loads_code) {
  EXPECT_EQ(plain_environment({"LD_PRELOAD=/tmp/x.so", "LD_AUDIT=/tmp/x.so", "HOME=/home/ada",
                               "GCONV_PATH=/tmp", "LOCPATH=/tmp", "BASH_ENV=/tmp/x", "LC_ALL=C",
                               "GLIBC_TUNABLES=x", "HOMEX=1", "PATH"}),
            (std::vector<std::string>{"HOME=/home/ada", "LC_ALL=C", "PATH"}));
}

}  // namespace
}  // namespace stele::recorder
