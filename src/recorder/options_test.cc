#include "recorder/options.h"

#include <gtest/gtest.h>

namespace stele::recorder {
namespace {

TEST(Options, say_what_to_run_and_how) {
  const auto options = parse_options({"--title", "t", "--input", "none", "--break-glass",
                                      "no space", "--socket", "/s", "--", "ls", "-l"},
                                     false);
  ASSERT_TRUE(options);
  EXPECT_EQ(options->title, "t");
  EXPECT_EQ(options->input_policy, event::InputPolicy::kNone);
  EXPECT_EQ(options->break_glass, "no space");
  EXPECT_EQ(options->socket, "/s");
  EXPECT_EQ(options->command, (std::vector<std::string>{"ls", "-l"}));
}

TEST(Options, need_not_be_given) {
  const auto none = parse_options({}, true);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->socket, kAgentSocket);
  EXPECT_TRUE(none->command.empty());
  EXPECT_TRUE(none->break_glass.empty());
  EXPECT_EQ(none->input_policy, event::InputPolicy::kAll) << "policy decides";
  EXPECT_EQ(parse_options({"ls", "--title"}, true)->command,
            (std::vector<std::string>{"ls", "--title"}));
}

TEST(Options, that_are_wrong_are_named) {
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"--titel", "x"},
                                             {"--title"},
                                             {"--input", "some"},
                                             {"-x"},
                                             {"--break-glass", ""},
                                             {"--break-glass"}}) {
    EXPECT_EQ(parse_options(wrong, false).error().code, Code::kInvalid) << wrong[0];
  }
}

TEST(Options, do_not_let_the_user_choose_the_agent_of_a_trusted_recorder) {
  EXPECT_EQ(parse_options({"--socket", "/mine"}, true).error().code, Code::kPermission);
}

}  // namespace
}  // namespace stele::recorder
