#include "os/who.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "os/pty.h"

namespace stele::os {
namespace {

TEST(Who, knows_users_by_number) {
  EXPECT_EQ(user_name(0), "root");
  EXPECT_EQ(user_name(4'000'000'000U), "");
  ASSERT_TRUE(identity());
}

TEST(Who, knows_where_it_runs) {
  EXPECT_EQ(current_directory(), std::filesystem::current_path().string());
  EXPECT_EQ(kernel_release(), *read_system_file("/proc/sys/kernel/osrelease"));
  EXPECT_EQ(host_name(), *read_system_file("/proc/sys/kernel/hostname"));
}

TEST(Who, names_the_first_terminal) {
  const Pty pty = *open_pty(std::nullopt, {});
  EXPECT_EQ(terminal_name({-1, pty.slave.get()}), pty.name);
  EXPECT_EQ(terminal_name({-1}), "");
}

TEST(Who, reads_small_system_files_only) {
  const std::string path = testing::TempDir() + "stele-system-file";
  std::ofstream(path) << std::string(4096, 'x');
  EXPECT_EQ(read_system_file(path)->size(), 4096U);
  std::ofstream(path, std::ios::app) << "x";
  EXPECT_EQ(read_system_file(path).error().code, Code::kLimit);
  EXPECT_EQ(read_system_file(path + "-missing").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace stele::os
