#include "cli/memory.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "os/posix_file_system.h"

namespace stele::cli {
namespace {

ledger::Remembered sample() {
  ledger::Remembered what{
      "log+00000000+AQ==", {"host+1+AQ==", "host+2+AQ=="}, "policy+3+AQ==", 70, {}};
  what.root[0] = 7;
  return what;
}

bool is_sample(const ledger::Remembered& m) {
  return m.log_vkey == sample().log_vkey && m.host_vkeys == sample().host_vkeys &&
         m.policy_vkey == sample().policy_vkey && m.size == 70 && m.root == sample().root;
}

TEST(Memory, comes_back_as_it_was_kept) {
  EXPECT_TRUE(is_sample(parse_memory(encode(sample())).value()));
  ledger::Remembered bare = sample();
  bare.policy_vkey.clear();
  bare.host_vkeys.clear();
  EXPECT_EQ(encode(parse_memory(encode(bare)).value()), encode(bare));
}

TEST(Memory, cut_short_anywhere_it_is_another_one_or_none) {
  const std::string whole = encode(sample());
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto what = parse_memory(std::string_view(whole).substr(0, size));
    if (what) {
      EXPECT_EQ(encode(*what), whole.substr(0, size)) << size;
    }
  }
  EXPECT_FALSE(parse_memory(whole.substr(0, whole.size() - 1)));
}

TEST(Memory, has_one_spelling) {
  const std::string whole = encode(sample());
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const char other : {'\n', ' ', '0', '='}) {
      std::string changed = whole;
      changed[at] = other;
      const auto what = parse_memory(changed);
      if (what) {
        EXPECT_EQ(encode(*what), changed);
      }
    }
  }
  EXPECT_FALSE(parse_memory(whole + "x"));
}

/// A directory of its own, gone when the test is.
class KeptMemory : public ::testing::Test {
 protected:
  ~KeptMemory() override { std::filesystem::remove_all(folder); }

  os::PosixFileSystem files;
  const std::string folder = [] {
    std::string path = ::testing::TempDir() + "stele-memory-XXXXXX";
    return std::string(::mkdtemp(path.data()));
  }();
};

TEST_F(KeptMemory, is_kept_apart_for_each_log) {
  ASSERT_TRUE(remember(files, folder + "/state", "one", sample()).has_value());
  EXPECT_TRUE(is_sample(**recall(files, folder + "/state", "one")));
  EXPECT_FALSE(recall(files, folder + "/state", "two")->has_value()) << "never seen";
}

TEST_F(KeptMemory, that_can_not_be_read_is_never_silently_forgotten) {
  ASSERT_TRUE(remember(files, folder, "one", sample()).has_value());
  const auto names = files.list(folder).value();
  ASSERT_EQ(names.size(), 1U);
  ASSERT_TRUE(files.replace(folder + "/" + names[0], as_bytes("stele-memory-v1\n")).has_value());
  EXPECT_EQ(recall(files, folder, "one").error().code, Code::kCorrupt);
}

TEST_F(KeptMemory, there_is_none_without_a_home) {
  EXPECT_TRUE(remember(files, "", "one", sample()).has_value());
  EXPECT_FALSE(recall(files, "", "one")->has_value());
}

}  // namespace
}  // namespace stele::cli
