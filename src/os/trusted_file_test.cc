#include "os/trusted_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "os/who.h"

namespace stele::os {
namespace {

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "stele-trusted-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
    path = folder + "/file";
    std::ofstream(path) << "text";
    ::chmod(path.c_str(), 0644);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string folder, path;
};

TEST_F(Files, that_others_may_write_to_are_not_believed) {
  EXPECT_EQ(read_trusted_file(path, 4), "text");
  EXPECT_EQ(read_trusted_file(path, 3).error().code, Code::kLimit);
  EXPECT_EQ(read_trusted_file(folder + "/none", 4).error().code, Code::kNotFound);
  EXPECT_EQ(read_trusted_file(folder, 4).error().code, Code::kPermission);
  for (const mode_t mode : {0664, 0646}) {
    ::chmod(path.c_str(), mode);
    EXPECT_EQ(read_trusted_file(path, 4).error().code, Code::kPermission) << mode;
  }
}

TEST_F(Files, that_others_may_read_are_no_secrets) {
  for (const mode_t mode : {0600, 0400}) {
    ::chmod(path.c_str(), mode);
    EXPECT_EQ(read_secret_file(path, 4), "text") << mode;
  }
  for (const mode_t mode : {0640, 0604, 0660, 0610}) {
    ::chmod(path.c_str(), mode);
    const auto refused = read_secret_file(path, 4);
    EXPECT_EQ(refused.error().code, Code::kPermission) << mode;
    EXPECT_NE(refused.error().message().find(path), std::string::npos);
  }
}

TEST_F(Files, that_are_programs_of_root_s_alone) {
  EXPECT_TRUE(is_root_s_program("/usr/bin/env"));
  EXPECT_FALSE(is_root_s_program("env"));
  EXPECT_FALSE(is_root_s_program("/usr/bin"));
  EXPECT_FALSE(is_root_s_program("/usr/bin/no-such-program"));
  EXPECT_FALSE(is_root_s_program("/etc/passwd")) << "nobody can run it";
  EXPECT_TRUE(is_root_s_file("/etc/passwd"));
  ::chmod(path.c_str(), 0755);
  ::chmod(folder.c_str(), 0777);
  EXPECT_FALSE(is_root_s_program(std::filesystem::absolute(path))) << "others may write beside it";
  std::filesystem::create_symlink("/usr/bin/env", folder + "/link");
  EXPECT_FALSE(is_root_s_program(std::filesystem::absolute(folder + "/link")));
}

TEST_F(Files, of_another_are_nobodys_own) {
  EXPECT_EQ(read_own_file(path, 4), "text");
  EXPECT_EQ(read_own_file(path, 3).error().code, Code::kLimit);
  EXPECT_EQ(read_own_file(folder, 4).error().code, Code::kPermission);
  std::filesystem::create_symlink(path, folder + "/link");
  EXPECT_FALSE(read_own_file(folder + "/link", 4));
  ASSERT_EQ(::mkfifo((folder + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_own_file(folder + "/pipe", 4).error().code, Code::kPermission);
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(::chown(path.c_str(), 4242, 4242), 0);
  EXPECT_EQ(read_own_file(path, 4).error().code, Code::kPermission);
  EXPECT_EQ(read_trusted_file(path, 4).error().code, Code::kPermission);
}

}  // namespace
}  // namespace stele::os
