#include "os/pty.h"

#include <gtest/gtest.h>

#include <array>

#include "os/terminal_mode.h"

namespace stele::os {
namespace {

/// A line may come in several parts.
std::string read_line(int fd) {
  std::string line;
  for (std::array<uint8_t, 4096> buffer{}; !line.ends_with('\n');) {
    const Transfer got = read_some(fd, buffer);
    if (got.bytes == 0) break;
    line += as_text(ByteSpan(buffer).first(got.bytes));
  }
  return line;
}

TEST(Pty, carries_bytes_and_echoes_them) {
  auto pty = open_pty(std::nullopt, {});
  ASSERT_TRUE(pty) << pty.error().message();
  EXPECT_TRUE(pty->name.starts_with("/dev/pts/"));
  EXPECT_TRUE(is_terminal(pty->slave.get()));
  EXPECT_FALSE(has_unread_input(pty->slave.get()));
  EXPECT_EQ(write_some(pty->master.get(), as_bytes("hi\n")).bytes, 3U);
  Readiness set[] = {{.fd = pty->master.get(), .want_read = true}};
  wait_until_ready(set, std::nullopt);
  EXPECT_TRUE(set[0].can_read);
  EXPECT_EQ(read_line(pty->master.get()), "hi\r\n");
  EXPECT_TRUE(has_unread_input(pty->slave.get()));
  EXPECT_EQ(read_line(pty->slave.get()), "hi\n");
}

TEST(Pty, tells_blocked_from_gone) {
  auto pty = open_pty(std::nullopt, {});
  ASSERT_TRUE(pty);
  std::array<uint8_t, 16> buffer{};
  const Transfer nothing_yet = read_some(pty->master.get(), buffer);
  EXPECT_TRUE(nothing_yet.is_blocked());
  EXPECT_FALSE(nothing_yet.is_closed());
  pty->slave.reset();
  EXPECT_TRUE(read_some(pty->master.get(), buffer).is_closed());
}

TEST(Pty, takes_any_window_size) {
  for (const WindowSize size :
       {WindowSize{}, WindowSize{24, 80, 1, 2}, WindowSize{65535, 65535, 65535, 65535},
        WindowSize{1, 10000, 0, 0}}) {
    auto pty = open_pty(std::nullopt, size);
    ASSERT_TRUE(pty);
    EXPECT_EQ(*window_size(pty->slave.get()), size);
    ASSERT_TRUE(set_window_size(pty->master.get(), {7, 8, 9, 10}));
    EXPECT_EQ(*window_size(pty->slave.get()), (WindowSize{7, 8, 9, 10}));
  }
}

TEST(TerminalMode, is_read_from_the_master_and_put_back) {
  auto pty = open_pty(std::nullopt, {});
  ASSERT_TRUE(pty);
  const TerminalMode before = *terminal_mode(pty->master.get());
  EXPECT_TRUE(before.is_canonical());
  EXPECT_TRUE(before.echoes());
  EXPECT_EQ(before.end_of_file_key(), 4);
  ASSERT_TRUE(set_terminal_mode(pty->slave.get(), before.raw()));
  EXPECT_FALSE(terminal_mode(pty->master.get())->is_canonical());
  EXPECT_FALSE(terminal_mode(pty->master.get())->echoes());
  ASSERT_TRUE(set_terminal_mode(pty->slave.get(), before));
  EXPECT_EQ(*terminal_mode(pty->master.get()), before);
  auto copy = open_pty(before.raw(), {});
  ASSERT_TRUE(copy);
  EXPECT_FALSE(terminal_mode(copy->master.get())->is_canonical());
}

TEST(TerminalMode, belongs_to_terminals_only) {
  EXPECT_EQ(terminal_mode(-1).error().code, Code::kIo);
  EXPECT_FALSE(is_open(-1));
  EXPECT_FALSE(is_terminal(-1));
  EXPECT_FALSE(window_size(-1));
}

TEST(NonBlocking, leaves_the_users_own_descriptor_blocking) {
  auto pty = open_pty(std::nullopt, {});
  ASSERT_TRUE(pty);
  std::array<uint8_t, 16> buffer{};
  const NonBlocking way(pty->slave.get());
  EXPECT_NE(way.get(), pty->slave.get());
  EXPECT_TRUE(read_some(way.get(), buffer).is_blocked());
  EXPECT_EQ(NonBlocking(-1).get(), -1);
}

}  // namespace
}  // namespace stele::os
