#include "capture/prompt_screen.h"

#include <gtest/gtest.h>

namespace stele::capture {
namespace {

std::u32string line_after(std::string_view bytes, size_t rows = 24, size_t columns = 80) {
  PromptScreen screen(rows, columns);
  screen.write(as_bytes(bytes));
  return screen.left_of_cursor();
}

TEST(PromptScreen, shows_what_stands_left_of_the_cursor) {
  EXPECT_EQ(line_after("one\r\ntwo: "), U"two: ");
  EXPECT_EQ(line_after("wrong\rPIN: "), U"PIN: ");
  EXPECT_EQ(line_after("PIN:x\b"), U"PIN:");
  EXPECT_EQ(line_after("a\tb"), U"a       b");
  EXPECT_EQ(line_after("\033[1;31mred\033[0m> "), U"red> ");
  EXPECT_EQ(line_after("\033]0;title: password\007$ "), U"$ ");
  EXPECT_EQ(line_after("\033]0;title\033\\$ "), U"$ ");
  EXPECT_EQ(line_after("\033P+q544e\033\\ok"), U"ok");
  EXPECT_EQ(line_after("Schl\303\274ssel: "), U"Schlüssel: ");
  EXPECT_EQ(line_after("broken \303 \377"), U"broken  \uFFFD");
  EXPECT_EQ(line_after("密码: x"), U"密码: x");
  EXPECT_EQ(line_after("ab\033[2;1Hcd\033[1;3H"), U"ab");
  EXPECT_EQ(line_after("abcdef\033[3DXY\033[K"), U"abcXY");
  EXPECT_EQ(line_after("abc\0337\033[5;9Hstatus\0338"), U"abc");
  EXPECT_EQ(line_after("\033(0lqqk\033(B ab"), U"──── ab");
  EXPECT_EQ(line_after("-\033[4b>"), U"----->");
  EXPECT_EQ(line_after("abcdef\r\033[2P\033[2C"), U"cd");
  EXPECT_EQ(line_after("abcdef\r\033[2@\033[4C"), U"  ab");
  EXPECT_EQ(line_after("abcdef\r\033[2X\033[4C"), U"  cd");
}

TEST(PromptScreen, wraps_and_scrolls_like_a_terminal) {
  EXPECT_EQ(line_after("12345678", 3, 4), U"5678");
  EXPECT_EQ(line_after("123456", 3, 4), U"56");
  EXPECT_EQ(line_after("a\r\nb\r\nc\r\nd\033[1;2H", 3, 4), U"b");
  // A scrolling region keeps what is outside: tmux's status line.
  EXPECT_EQ(line_after("\033[3;1Hst\033[1;2r\033[2;1Ha\r\nb\r\nc\033[3;3H", 3, 4), U"st");
}

TEST(PromptScreen, finds_the_line_above) {
  PromptScreen screen(24, 80);
  screen.write(as_bytes("Enter the passphrase\r\n\r\n"));
  EXPECT_EQ(screen.text_above(3), U"Enter the passphrase");
  EXPECT_EQ(screen.text_above(1), U"");
}

TEST(PromptScreen, keeps_places_with_their_text_while_it_scrolls) {
  PromptScreen screen(3, 20);
  screen.write(as_bytes("\r\n\r\nname: "));
  const PromptScreen::Place place = screen.cursor();
  screen.write(as_bytes("ada\r\nmore"));
  EXPECT_EQ(screen.text_at(place, 3), U"ada");
  screen.write(as_bytes("\r\n\r\n\r\n"));
  EXPECT_FALSE(screen.has_row(place.row_id));
  EXPECT_EQ(screen.text_at(place, 3), U"");
}

TEST(PromptScreen, tells_masks_and_other_lines_from_a_disturbance) {
  PromptScreen screen(24, 80);
  screen.write(as_bytes("Password: "));
  screen.watch(screen.cursor());
  screen.write(as_bytes("***\b \b"));
  screen.write(as_bytes("\033[?25l\033[24;1H[0] bash* 10:20\033[K\033[1;12H\033[?25h"));
  EXPECT_FALSE(screen.is_disturbed());
  screen.write(as_bytes("a"));
  EXPECT_TRUE(screen.is_disturbed());

  for (const char* trouble : {"\rX", "\r\033[K", "\033[2J", "\007", "\033[1;1H\033[M", "z"}) {
    screen.clear();
    screen.write(as_bytes("Password: "));
    screen.watch(screen.cursor());
    screen.write(as_bytes(trouble));
    EXPECT_TRUE(screen.is_disturbed()) << trouble + 1;
  }
}

TEST(PromptScreen, survives_absurd_sizes_and_places) {
  PromptScreen screen(65535, 65535);
  screen.write(
      as_bytes("\033[65535;65535Hx\033[99999999999999999999Cy\033[65535@\033[65535b\033[65535L"));
  screen.resize(1, 1);
  screen.write(as_bytes("abc\r\n\033[9999S\033[9999T\033M\033[5;3r\033[9A\033[J\033[1J\033[2J"));
  screen.write(as_bytes("密码"));
  screen.resize(0, 0);
  EXPECT_LE(screen.left_of_cursor().size(), 80U);
}

}  // namespace
}  // namespace stele::capture
