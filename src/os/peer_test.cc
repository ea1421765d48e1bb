#include "os/peer.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "os/hardening.h"
#include "os/unix_socket.h"
#include "os/who.h"

namespace stele::os {
namespace {

/// A child that connects to a listener, after `before`, and lives until it is told to end.
class Visitor {
 public:
  template <typename Before>
  explicit Visitor(const Before& before) {
    char pattern[] = "/tmp/stele-os-XXXXXX";
    const std::string folder = ::mkdtemp(pattern);
    const std::string path = folder + "/socket";
    ::chmod(folder.c_str(), 0755);
    auto listener = *PacketListener::listen(path, 0666);
    pid = ::fork();
    if (pid == 0) live(path, before);
    while (!socket) socket = *listener.accept();
    ::unlink(path.c_str());
    ::rmdir(folder.c_str());
  }
  ~Visitor() { end(); }

  void end() {
    if (pid < 0) return;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    pid = -1;
  }

  pid_t pid = -1;
  PacketSocket socket;

 private:
  template <typename Before>
  [[noreturn]] static void live(const std::string& path, const Before& before) {
    before();
    const auto connection = PacketSocket::connect(path);
    for (;;) ::pause();
  }
};

TEST(Peer, is_who_the_kernel_says) {
  const Visitor visitor([] {});
  const auto peer = peer_of(visitor.socket.get());
  ASSERT_TRUE(peer) << peer.error().message();
  const Identity us = *identity();
  EXPECT_EQ(peer->process.pid, static_cast<uint32_t>(visitor.pid));
  EXPECT_GT(peer->process.started, 0u);
  EXPECT_EQ(peer->uid, us.uid);
  EXPECT_EQ(peer->euid, us.euid);
  EXPECT_EQ(peer->gid, us.gid);
  EXPECT_EQ(peer->groups, us.groups);
  EXPECT_EQ(peer->cwd, current_directory());
  EXPECT_TRUE(peer->is_alive());
}

TEST(Peer, with_other_ids_is_seen_with_them_though_it_is_not_to_be_traced) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: changes ids";
  const Visitor visitor([] {
    const gid_t groups[] = {4, 27};
    if (::setgroups(2, groups) != 0 || ::setresgid(1000, 4242, 4242) != 0 ||
        ::setresuid(1000, 1000, 1000) != 0 || !forbid_tracing()) {
      ::_exit(1);
    }
  });
  const auto peer = peer_of(visitor.socket.get());
  ASSERT_TRUE(peer) << peer.error().message();
  EXPECT_EQ(peer->uid, 1000u);
  EXPECT_EQ(peer->euid, 1000u);
  EXPECT_EQ(peer->gid, 1000u);
  EXPECT_EQ(peer->egid, 4242u);
  EXPECT_EQ(peer->groups, (std::vector<uint32_t>{4, 27}));
}

TEST(Peer, whose_name_tries_to_be_more_fields_is_read_past_it) {
  const Visitor visitor([] { ::prctl(PR_SET_NAME, "a) S 1 1 1 (b", 0, 0, 0); });
  const Visitor plain([] {});
  const auto peer = peer_of(visitor.socket.get());
  ASSERT_TRUE(peer);
  EXPECT_GT(peer->process.started, 0u);
  EXPECT_LE(peer->process.started, peer_of(plain.socket.get())->process.started);
}

TEST(Peer, that_died_is_known_to_be_dead_and_is_nobody) {
  Visitor visitor([] {});
  const auto peer = peer_of(visitor.socket.get());
  ASSERT_TRUE(peer);
  visitor.end();
  EXPECT_FALSE(peer->is_alive());
  EXPECT_EQ(peer_of(visitor.socket.get()).error().code, Code::kNotFound);
}

TEST(Peer, of_many_groups_has_them_all) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: changes groups";
  std::vector<uint32_t> many;
  for (uint32_t group = 1000; group < 1200; ++group) many.push_back(group);
  const Visitor visitor([&] {
    if (::setgroups(many.size(), many.data()) != 0) ::_exit(1);
  });
  EXPECT_EQ(peer_of(visitor.socket.get())->groups, many);
}

TEST(ProcessKey, is_alive_only_while_that_very_process_runs) {
  const auto pair = packet_pair().value();
  const ProcessKey self = peer_of(pair.first.get()).value().process;
  EXPECT_TRUE(is_alive(self));
  EXPECT_FALSE(is_alive({self.pid, self.started + 1})) << "another one of that pid";
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t ended{};
  ::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT);
  const auto text = read_system_file("/proc/" + std::to_string(child) + "/stat").value();
  EXPECT_NE(text.find(" Z "), text.npos);
  EXPECT_FALSE(is_alive({static_cast<uint32_t>(child), self.started}));
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(is_alive({static_cast<uint32_t>(child), self.started}));
}

TEST(Terminal, has_the_name_of_its_number) {
  EXPECT_EQ(terminal_of(0), "");
  EXPECT_EQ(terminal_of(136 << 8 | 3), "/dev/pts/3");
  EXPECT_EQ(terminal_of(136 << 8 | 0x100000 | 1), "/dev/pts/257");
  EXPECT_EQ(terminal_of(137 << 8 | 1), "/dev/pts/257");
  EXPECT_EQ(terminal_of(4095 << 8 | 9), "character device 4095:9");
}

}  // namespace
}  // namespace stele::os
