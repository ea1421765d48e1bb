#include "os/logins.h"

#include <gtest/gtest.h>
#include <utmpx.h>

#include <cstring>
#include <fstream>

namespace stele::os {
namespace {

class LoginsTest : public testing::Test {
 protected:
  void write(short type, const std::string& line, const std::string& user, pid_t pid = 70) {
    utmpx entry{};
    entry.ut_type = type;
    entry.ut_pid = pid;
    entry.ut_tv.tv_sec = 5;
    entry.ut_tv.tv_usec = 7;
    std::memcpy(entry.ut_line, line.data(), std::min(line.size(), sizeof entry.ut_line));
    std::memcpy(entry.ut_user, user.data(), std::min(user.size(), sizeof entry.ut_user));
    file_.write(reinterpret_cast<const char*>(&entry), sizeof entry);
    file_.flush();
  }

  const std::string path_ = testing::TempDir() + "stele-utmp";
  std::ofstream file_{path_, std::ios::binary | std::ios::trunc};
};

TEST_F(LoginsTest, are_those_of_users) {
  write(BOOT_TIME, "~", "reboot");
  write(USER_PROCESS, "pts/3", "jane");
  write(DEAD_PROCESS, "pts/4", "joe");
  write(USER_PROCESS, "tty1", "joe", 71);
  EXPECT_EQ(*logins(path_), (std::vector<Login>{{"jane", "/dev/pts/3", 70, 5'000'007},
                                                {"joe", "/dev/tty1", 71, 5'000'007}}));
}

TEST_F(LoginsTest, full_fields_are_not_ended) {
  write(USER_PROCESS, std::string(32, 'l'), std::string(32, 'u'));
  ASSERT_EQ(logins(path_)->size(), 1U);
  EXPECT_EQ(logins(path_)->front().user, std::string(32, 'u'));
  EXPECT_EQ(logins(path_)->front().tty, "/dev/" + std::string(32, 'l'));
}

TEST_F(LoginsTest, what_is_no_name_is_passed_over) {
  write(USER_PROCESS, "", "jane");
  write(USER_PROCESS, "../etc/passwd", "jane");
  write(USER_PROCESS, "pts/3\n", "jane");
  write(USER_PROCESS, "pts/3", "ja\x1b[31mne");
  write(USER_PROCESS, "pts/3", "");
  file_ << "half of an entry";
  file_.flush();
  EXPECT_TRUE(logins(path_)->empty());
}

TEST_F(LoginsTest, are_bounded) {
  for (int i = 0; i < 4100; ++i) write(USER_PROCESS, "pts/" + std::to_string(i), "jane");
  EXPECT_EQ(logins(path_)->size(), 4096U);
}

TEST_F(LoginsTest, no_file_is_nobody) {
  EXPECT_TRUE(logins(path_ + "-missing")->empty());
  EXPECT_FALSE(logins(testing::TempDir()));
}

}  // namespace
}  // namespace stele::os
