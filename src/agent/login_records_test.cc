#include "agent/login_records.h"

#include <gtest/gtest.h>

#include "event/test_events.h"

namespace stele::agent {
namespace {

using commands::kUnset;

os::ProcessOnTerminal process(uint32_t pid, uint32_t pts, uint32_t login_uid, uint64_t started) {
  return {pid, 1, 7, login_uid, login_uid, 136U << 8 | pts, started, "/bin/bash"};
}

class LoginRecordsTest : public testing::Test {
 protected:
  std::vector<std::string> look(Micros by = std::chrono::seconds(1)) {
    asked_ = false;
    std::vector<std::string> found;
    for (const auto& each : records_.look(now_ += by, logins_, [this] {
           asked_ = true;
           return processes_;
         })) {
      EXPECT_EQ(each.login_uid, kUnset);
      found.push_back(each.user + " " + each.tty + " " + std::to_string(each.pid));
    }
    return found;
  }
  using Found = std::vector<std::string>;

  LoginRecords records_;
  BootTime now_ = event::at(1'000'000'000);
  std::vector<os::Login> logins_;
  std::vector<os::ProcessOnTerminal> processes_;
  bool asked_ = false;
};

TEST_F(LoginRecordsTest, who_is_there_is_said_once_by_the_first_process) {
  logins_ = {{"jane", "/dev/pts/3", 70, 5}};
  processes_ = {process(90, 3, kUnset, 9), process(80, 3, kUnset, 8), process(60, 4, kUnset, 1)};
  EXPECT_EQ(look(), (Found{"jane /dev/pts/3 80"}));
  EXPECT_EQ(look(), Found());
  EXPECT_FALSE(asked_) << "nobody is new";
  logins_.push_back({"joe", "/dev/pts/4", 50, 6});
  EXPECT_EQ(look(), (Found{"joe /dev/pts/4 60"}));
}

TEST_F(LoginRecordsTest, another_login_on_the_same_terminal_is_another) {
  logins_ = {{"jane", "/dev/pts/3", 70, 5}};
  processes_ = {process(80, 3, kUnset, 8)};
  EXPECT_EQ(look(), (Found{"jane /dev/pts/3 80"}));
  logins_ = {{"jane", "/dev/pts/3", 71, 9}};
  EXPECT_EQ(look(), (Found{"jane /dev/pts/3 80"}));
}

TEST_F(LoginRecordsTest, an_entry_that_was_left_there_names_nobody) {
  logins_ = {{"bob", "/dev/pts/3", 60, 2}, {"jane", "/dev/pts/3", 70, 5}};
  processes_ = {process(80, 3, kUnset, 8)};
  EXPECT_EQ(look(), (Found{"jane /dev/pts/3 80"}));
}

TEST_F(LoginRecordsTest, of_whom_the_kernel_tells_nothing_is_said) {
  logins_ = {{"jane", "/dev/pts/3", 70, 5}};
  processes_ = {process(80, 3, kUnset, 8), process(81, 3, 1000, 9)};
  EXPECT_EQ(look(), Found());
  processes_.pop_back();
  EXPECT_EQ(look(), Found());
}

TEST_F(LoginRecordsTest, an_entry_waits_for_somebody_and_not_for_ever) {
  logins_ = {{"jane", "/dev/pts/3", 70, 5}, {"joe", "/dev/pts/4", 71, 5}};
  EXPECT_EQ(look(), Found());
  processes_ = {process(80, 3, kUnset, 8)};
  EXPECT_EQ(look(), (Found{"jane /dev/pts/3 80"}));
  look(LoginRecords::kPatience);
  EXPECT_FALSE(asked_);
  processes_.push_back(process(81, 4, kUnset, 9));
  EXPECT_EQ(look(), Found());
}

}  // namespace
}  // namespace stele::agent
