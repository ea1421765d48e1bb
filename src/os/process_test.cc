#include "os/process.h"

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <fstream>

#include "os/pty.h"

namespace stele::os {
namespace {

/// Until the terminal has no more: the kernel may hand out what was written in any number of parts.
std::string read_all(int fd) {
  std::string all;
  for (std::array<uint8_t, 4096> buffer{};;) {
    const Transfer got = read_some(fd, buffer);
    if (got.bytes == 0) return all;
    all += as_text(ByteSpan(buffer).first(got.bytes));
  }
}

Ended wait_for(pid_t child) {
  for (;;) {
    auto ended = reap(child);
    if (!ended) return {};
    if (*ended) return **ended;
    wait_until_ready({}, Micros(1000));
  }
}

struct Shell {
  Pty pty;
  Result<pid_t> child;
};
Shell start(const Command& command) {
  Pty pty = *open_pty(std::nullopt, {});
  auto child = spawn(command, pty.slave.get());
  return {std::move(pty), std::move(child)};
}
Shell run_shell(const std::string& script) {
  return start({"sh", {"sh", "-c", script}, {"PATH=/usr/bin:/bin"}});
}

TEST(Process, tells_how_it_ended) {
  Shell exits = run_shell("exit 5");
  ASSERT_TRUE(exits.child) << exits.child.error().message();
  const Ended ended = wait_for(*exits.child);
  EXPECT_EQ(ended.exit_status, 5);
  EXPECT_EQ(ended.signal, std::nullopt);
  EXPECT_GT(ended.rss_bytes_max, 100'000U);
  EXPECT_EQ(reap(*exits.child).error().code, Code::kNotFound);
  EXPECT_TRUE(send_signal(*exits.child, SIGTERM));

  Shell killed = run_shell("kill -15 $$");
  EXPECT_EQ(wait_for(*killed.child).signal, 15);
}

TEST(Process, owns_its_terminal_and_inherits_nothing_else) {
  std::ofstream left_open("/dev/null");
  Shell shell =
      run_shell("exec 9<&-; tty; ls /proc/$$/fd | tr '\\n' ' '; ps -o tpgid=,pgid= -p $$");
  ASSERT_TRUE(shell.child);
  EXPECT_EQ(wait_for(*shell.child).exit_status, 0);
  const std::string shown = read_all(shell.pty.master.get());
  EXPECT_TRUE(shown.starts_with(shell.pty.name + "\r\n0 1 2 ")) << shown;
}

TEST(Process, starts_with_default_signals) {
  struct sigaction ignored{}, before{};
  ignored.sa_handler = SIG_IGN;
  ::sigaction(SIGHUP, &ignored, &before);
  Shell shell = run_shell("grep -E 'SigIgn|SigBlk' /proc/self/status");
  ::sigaction(SIGHUP, &before, nullptr);
  EXPECT_EQ(wait_for(*shell.child).exit_status, 0);
  EXPECT_EQ(read_all(shell.pty.master.get()),
            "SigBlk:\t0000000000000000\r\nSigIgn:\t0000000000000000\r\n");
}

TEST(Process, says_why_it_could_not_start) {
  const auto error_of = [](const std::string& file, const std::string& path) {
    return start({file, {file}, {"PATH=" + path}}).child.error();
  };
  EXPECT_EQ(error_of("no-such-program", "/usr/bin:/bin").code, Code::kNotFound);
  EXPECT_EQ(error_of("no-such-program", "").code, Code::kNotFound);
  EXPECT_EQ(error_of("", "/usr/bin").code, Code::kNotFound);
  EXPECT_EQ(error_of("/etc/passwd", "/bin").code, Code::kPermission);
  EXPECT_EQ(error_of("passwd", "/etc").message(), "run passwd: Permission denied");
  EXPECT_EQ(error_of("/no/such/folder/x", "/bin").message(),
            "run /no/such/folder/x: No such file or directory");
}

TEST(Process, runs_a_script_without_an_interpreter_line) {
  const std::string path = testing::TempDir() + "stele-plain-script";
  std::ofstream(path) << "echo \"$1-$0\"; exit 6\n";
  Shell maker = run_shell("chmod 755 " + path);
  EXPECT_EQ(wait_for(*maker.child).exit_status, 0);
  Shell script = start({path, {"ignored", "arg"}, {}});
  ASSERT_TRUE(script.child) << script.child.error().message();
  EXPECT_EQ(wait_for(*script.child).exit_status, 6);
  EXPECT_EQ(read_all(script.pty.master.get()), "arg-" + path + "\r\n");
}

}  // namespace
}  // namespace stele::os
