// A screen painted after a seek: on whatever terminal, it is the screen that was.
#include "terminal/paint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "terminal/emulator.h"
#include "terminal/neutralise.h"

namespace stele::terminal {
namespace {

Emulator after(std::string_view bytes, size_t rows = 5, size_t columns = 12) {
  Emulator e(rows, columns);
  e.write(as_bytes(bytes));
  return e;
}

// What a terminal that showed something else before shows after the paint.
Screen painted_over(const Screen& screen, std::string_view before) {
  Emulator viewer(screen.rows(), screen.columns());
  viewer.write(as_bytes(before));
  viewer.write(as_bytes(paint(screen)));
  return viewer.screen();
}

constexpr std::string_view kDirt[] = {"", "old text\r\n\x1b[41mred\x1b[2;3r",
                                      "\x1b[?1049h\x1b[4h\x1b[?6h\x1b[?7l\x1b[?25l\x1b(0\x0e",
                                      "\x1b[3g\x1b[?5h\x1b[5 q\x1b[1;4;7m\x1b[99;99H"};

void expect_same(std::string_view bytes) {
  const Emulator original = after(bytes);
  for (const std::string_view dirt : kDirt) {
    EXPECT_TRUE(painted_over(original.screen(), dirt) == original.screen())
        << testing::PrintToString(bytes) << " over " << testing::PrintToString(dirt);
  }
}

TEST(Paint, shows_text_where_it_stood) {
  expect_same("");
  expect_same("hello\r\nworld");
  expect_same("\x1b[3;5Hin the middle of it all, wrapped");
  expect_same("1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7");
}

TEST(Paint, shows_colours_attributes_and_erased_backgrounds) {
  expect_same("\x1b[1;3;31mred\x1b[0m plain \x1b[48;2;9;8;7mrgb\x1b[K");
  expect_same("\x1b[44m\x1b[2J\x1b[mtop");
  expect_same("\x1b[94;103mbright\x1b[38;5;15;48;5;8m16\x1b[38;5;16;48;5;255m256");
  expect_same("\x1b[7mreverse\x1b[K\r\n\x1b[4:3mcurly");
  expect_same("\x1b[45m\x1b[1;12Hx\x1b[2;3H\x1b[K\x1b[5;5H\x1b[1K");
}

TEST(Paint, shows_wide_characters_and_marks) {
  expect_same("漢字 e\u0301\r\n\x1b[2;11H漢x");
  expect_same("\x1b[1;12He\u0301");
}

TEST(Paint, puts_the_cursor_where_it_stood) {
  expect_same("\x1b[4;7H");
  expect_same("exactly full");
  expect_same("exactly fu漢");
  expect_same("\x1b[?25lhidden");
  expect_same("\x1b[4 q\x1b[?12hbar");
}

TEST(Paint, goes_on_as_the_session_would) {
  const Emulator original = after("ab\x1b[31m\x1b[2;4r\x1b[?6h\x1b[2;1Hx\x1b(0");
  Emulator viewer(5, 12);
  viewer.write(as_bytes(paint(original.screen())));
  Emulator expected = original;
  for (Emulator* e : {&viewer, &expected}) e->write(as_bytes("lqqk\r\n\n\nmore\x1b[1;1Htop"));
  EXPECT_TRUE(viewer.screen() == expected.screen());
}

TEST(Paint, keeps_margins_tabs_modes_and_character_sets) {
  expect_same("\x1b[2;4r\x1b[?6h\x1b[2;1Hx");
  expect_same("\x1b[3g\x1b[1;4H\x1bH\x1b[1;9H\x1bH");
  expect_same("\x1b[4h\x1b[?7l\x1b[?5h");
  expect_same("\x1b(0lqk\x1b)0\x0e");
}

TEST(Paint, keeps_the_main_screen_behind_a_full_screen_program) {
  expect_same("shell\r\n$ vim\x1b[?1049h\x1b[Hediting\x1b[5;1H~");
  const Emulator original = after("shell\r\n$ vim\x1b[?1049h\x1b[Hediting");
  Emulator viewer(5, 12);
  viewer.write(as_bytes(paint(original.screen())));
  Emulator expected = original;
  for (Emulator* e : {&viewer, &expected}) e->write(as_bytes("\x1b[?1049lback"));
  EXPECT_TRUE(viewer.screen() == expected.screen());
}

TEST(Paint, keeps_the_saved_cursors) {
  expect_same(
      "\x1b[3;3H\x1b[32m\x1b(0\x1b"
      "7\x1b[m\x1b(B\x1b[1;1H");
  expect_same(
      "\x1b[2;2H\x1b"
      "7\x1b[?1047h\x1b[4;4H\x1b"
      "7");
}

TEST(Paint, passes_the_neutraliser_unchanged) {
  const auto folder = std::filesystem::path(STELE_TESTDATA) / "terminal";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".raw") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    size_t rows = 0, columns = 0;
    file >> rows >> columns;
    file.get();
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const std::string painted = paint(after(bytes, rows, columns).screen());
    Bytes passed;
    Neutraliser().filter(as_bytes(painted), passed);
    EXPECT_EQ(as_text(passed), painted) << entry.path();
    EXPECT_TRUE(painted_over(after(bytes, rows, columns).screen(), "dirt\x1b[7m") ==
                after(bytes, rows, columns).screen())
        << entry.path();
  }
}

TEST(Paint, of_a_very_large_empty_screen_is_small) {
  EXPECT_LT(paint(Emulator(1000, 10'000).screen()).size(), 200U);
}

}  // namespace
}  // namespace stele::terminal
