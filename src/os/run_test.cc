#include "os/run.h"

#include <gtest/gtest.h>

namespace stele::os {
namespace {

TEST(RunProgram, tells_what_it_said_and_how_it_ended) {
  const auto ran = run_program({"sh", "-c", "cat; echo out; echo err >&2; exit 3"});
  ASSERT_TRUE(ran) << ran.error().message();
  EXPECT_EQ(ran->output, "out\n");
  EXPECT_EQ(ran->error, "err\n");
  EXPECT_EQ(ran->ended.exit_status, 3);
  EXPECT_FALSE(ran->is_success());
  EXPECT_TRUE(run_program({"true"})->is_success());
}

TEST(RunProgram, keeps_a_mebibyte_and_reads_the_rest) {
  const auto ran = run_program({"sh", "-c", "head -c 3000000 /dev/zero"});
  ASSERT_TRUE(ran);
  EXPECT_TRUE(ran->is_success());
  EXPECT_EQ(ran->output.size(), size_t{1} << 20);
}

TEST(RunProgram, says_that_there_is_none) {
  const auto ran = run_program({"no-such-program-anywhere"});
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace stele::os
