#include "agent/status_file.h"

#include <gtest/gtest.h>

#include "event/test_events.h"
#include "sim/file_system.h"

namespace stele::agent {
namespace {

class StatusFileTest : public ::testing::Test {
 protected:
  StatusFileTest() {
    EXPECT_TRUE(files.make_directories("/run"));
    standing.at = WallTime(std::chrono::seconds(1'790'000'000));
    standing.host = "stele/log/1/host/web01";
    standing.agent = "stele 0.1.0";
    standing.commands = "ebpf";
    standing.counts = event::full_summary();
    standing.counts.offset.reset();
    standing.counts.checkpoint_root.reset();
  }
  void put(const std::string& text) { ASSERT_TRUE(files.replace("/run/status", as_bytes(text))); }
  std::string text() { return std::string(as_text(files.read("/run/status", 8192).value())); }

  sim::Disk disk;
  sim::SimFileSystem files{disk};
  Standing standing;
};

TEST_F(StatusFileTest, comes_back_as_it_was_said) {
  EXPECT_EQ(read_standing(files, "/run").error().code, Code::kNotFound);
  ASSERT_TRUE(write_standing(files, "/run", standing));
  EXPECT_EQ(read_standing(files, "/run").value(), standing);
  standing.commands = "";
  standing.missing = "no programs:\nnot permitted";
  ASSERT_TRUE(write_standing(files, "/run", standing));
  EXPECT_EQ(read_standing(files, "/run").value().missing, "no programs: not permitted");
}

TEST_F(StatusFileTest, of_another_form_is_refused) {
  ASSERT_TRUE(write_standing(files, "/run", standing));
  const std::string good = text();
  for (size_t size = 0; size < good.size(); ++size) {
    put(good.substr(0, size));
    EXPECT_EQ(read_standing(files, "/run").error().code, Code::kCorrupt) << size;
  }
  put(good + "more 1\n");
  EXPECT_EQ(read_standing(files, "/run").error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace stele::agent
