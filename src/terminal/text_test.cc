// A session as the lines a person saw.
#include "terminal/text.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace stele::terminal {
namespace {

// All lines, '|' after each.
struct Told {
  explicit Told(size_t rows = 4, size_t columns = 10)
      : transcript(rows, columns, [this](std::string_view line) {
          (text += line) += '|';
          lines.emplace_back(line);
        }) {}
  Told& then(std::string_view bytes) {
    transcript.write(as_bytes(bytes));
    return *this;
  }
  const std::string& finish() {
    transcript.finish();
    return text;
  }
  std::string text;
  std::vector<std::string> lines;
  Transcript transcript;
};

std::string told(std::string_view bytes) { return Told().then(bytes).finish(); }

const std::string kBegin = std::string(Transcript::kScreenBegin) + '|';
const std::string kEnd = std::string(Transcript::kScreenEnd) + '|';

TEST(Transcript, is_empty_for_a_session_that_showed_nothing) { EXPECT_EQ(told(""), ""); }

TEST(Transcript, gives_lines_without_escape_soup) {
  EXPECT_EQ(told("$ \x1b[32mls\x1b[0m\r\n\x1b]0;title\x07"
                 "file   \r\n"),
            "$ ls|file|");
}

TEST(Transcript, gives_lines_in_the_order_they_were_shown) {
  EXPECT_EQ(told("1\r\n2\r\n3\r\n4\r\n5\r\n6"), "1|2|3|4|5|6|");
}

TEST(Transcript, keeps_blank_lines_between_others) {
  EXPECT_EQ(told("a\r\n\r\n\r\nb\r\n"), "a|||b|");
}

TEST(Transcript, gives_a_line_as_it_stood_at_last) {
  EXPECT_EQ(told("typo\b\b\x1b[Krue\r\n10%\r20%\r30%\r\n"), "tyrue|30%|");
}

TEST(Transcript, breaks_lines_where_the_screen_did) {
  EXPECT_EQ(told("a line longer than ten"), "a line lon|ger than t|en|");
}

TEST(Transcript, keeps_what_was_on_a_screen_that_was_cleared) {
  EXPECT_EQ(told("secret\r\nplan\x1b[H\x1b[2Jdone"), "secret|plan|done|");
}

TEST(Transcript, gives_a_full_screen_program_as_it_was_left) {
  EXPECT_EQ(told("before\r\n\x1b[?1049h\x1b[H\x1b[2Jline 1\r\n~\x1b[?1049lafter"),
            "before|" + kBegin + "line 1|~|" + kEnd + "after|");
}

TEST(Transcript, puts_each_program_where_it_was_started) {
  EXPECT_EQ(told("a\r\n\x1b[?1049h\x1b[Hone\x1b[?1049lb\r\n\x1b[?1049h\x1b[Htwo\x1b[?1049lc"),
            "a|" + kBegin + "one|" + kEnd + "b|" + kBegin + "two|" + kEnd + "c|");
}

TEST(Transcript, gives_the_screen_of_a_program_cut_off) {
  EXPECT_EQ(told("$ vim\r\n\x1b[?1049h\x1b[Htext"), "$ vim|" + kBegin + "text|" + kEnd);
}

TEST(Transcript, leaves_an_empty_full_screen_out) {
  EXPECT_EQ(told("a\x1b[?1049h\x1b[?1049l"), "a|");
}

TEST(Transcript, keeps_what_a_smaller_window_cuts_off) {
  Told t(4, 10);
  t.then("1\r\n2\r\n3\r\n4");
  t.transcript.resize(2, 10);
  EXPECT_EQ(t.then("\r\n5").finish(), "1|2|3|4|5|");
}

TEST(Transcript, is_text_whatever_the_bytes) {
  EXPECT_EQ(told("caf\xe9 \x9b\xff\r\n\xe6\xbc"), "caf\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd|");
}

TEST(Transcript, says_how_much_it_withheld) {
  Told t(1000, 200);
  const std::string_view few = "\x1b#8\x1b[2J";  // 200 kB of E for 7 bytes
  for (int i = 0; i < 1000; ++i) t.then(few);
  t.finish();
  EXPECT_LE(t.text.size(),
            2 * (Transcript::kAllowance + Transcript::kGrowthMax * 1000 * few.size()));
  const bool told = std::any_of(t.lines.begin(), t.lines.end(), [](const std::string& line) {
    return line.find("lines withheld") != std::string::npos;
  });
  EXPECT_TRUE(told);
}

TEST(Transcript, withholds_nothing_of_a_long_honest_session) {
  Told t(24, 80);
  for (int i = 0; i < 50'000; ++i) t.then("line " + std::to_string(i) + "\r\n");
  t.finish();
  ASSERT_EQ(t.lines.size(), 50'000U);
  EXPECT_EQ(t.lines.front(), "line 0");
  EXPECT_EQ(t.lines.back(), "line 49999");
}

}  // namespace
}  // namespace stele::terminal
