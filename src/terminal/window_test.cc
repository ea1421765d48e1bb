// A recorded screen on a viewer's terminal of another size.
#include "terminal/window.h"

#include <gtest/gtest.h>

#include <random>

#include "terminal/emulator.h"
#include "terminal/neutralise.h"

namespace stele::terminal {
namespace {

std::string text(const Screen& screen) {
  std::string out;
  for (size_t row = 0; row < screen.rows(); ++row) {
    if (row > 0) out += '|';
    screen.grid().line(row).append_text(screen.columns(), out);
  }
  return out;
}

// A session and somebody who watches it.
struct Watched {
  Watched(size_t rows, size_t columns, size_t viewer_rows, size_t viewer_columns)
      : session(rows, columns),
        viewer(viewer_rows, viewer_columns),
        window(viewer_rows, viewer_columns) {
    viewer.write(as_bytes("what was there before\x1b[41m\x1b[2;3r\x1b[?1h"));
  }
  std::string after(std::string_view bytes) {
    session.write(as_bytes(bytes));
    drawn.clear();
    window.draw(session.screen(), drawn);
    viewer.write(as_bytes(drawn));
    return text(viewer.screen());
  }
  std::pair<size_t, size_t> cursor() const {
    return {viewer.screen().cursor().row, viewer.screen().cursor().column};
  }
  Emulator session, viewer;
  Window window;
  std::string drawn;
};

using Place = std::pair<size_t, size_t>;

TEST(Window, shows_all_on_a_larger_terminal) {
  Watched w(3, 5, 5, 9);
  EXPECT_EQ(w.after("one two"), "one t|wo|||");
  EXPECT_EQ(w.cursor(), Place(1, 2));
  EXPECT_EQ(w.after("\r\n3\r\n4"), "wo|3|4||");
  EXPECT_EQ(w.window.free_row(w.session.screen()), 3U);
}

TEST(Window, shows_the_part_around_the_cursor_on_a_smaller_one) {
  Watched w(6, 10, 2, 4);
  EXPECT_EQ(w.after("abcdefghij\r\n2\r\n3\r\n4\r\n5\r\n6"), "5|6");
  EXPECT_EQ(w.after("\x1b[1;1H"), "abcd|2");
  EXPECT_EQ(w.after("\x1b[1;10H"), "ghij|");
  EXPECT_EQ(w.cursor(), Place(0, 3));
  EXPECT_EQ(w.window.free_row(w.session.screen()), 2U);
}

TEST(Window, does_not_scroll_while_the_cursor_is_in_sight) {
  Watched w(6, 10, 3, 4);
  w.after("1\r\n2\r\n3\r\n4\r\n5\r\n6");
  EXPECT_EQ(w.after("\x1b[5;1H"), "4|5|6");
  EXPECT_EQ(w.after("\x1b[4;1H"), "4|5|6");
  EXPECT_EQ(w.after("\x1b[3;1H"), "3|4|5");
}

TEST(Window, blanks_half_a_wide_character_at_an_edge) {
  Watched w(1, 8, 1, 3);
  EXPECT_EQ(w.after("漢漢漢\x1b[1;1H"), "漢");
  EXPECT_EQ(w.after("\x1b[1;4H"), " 漢");
}

TEST(Window, shows_colours_and_backgrounds) {
  Watched w(2, 4, 3, 6);
  w.after("\x1b[44m\x1b[2Jx\x1b[31my");
  const Line& line = w.viewer.screen().grid().line(0);
  EXPECT_EQ(line.at(1), w.session.screen().grid().line(0).at(1));
  EXPECT_EQ(line.at(3), w.session.screen().grid().line(0).at(3));
  EXPECT_TRUE(line.at(4).style == Style{}) << "beyond the session's screen";
}

TEST(Window, hides_the_cursor_where_the_session_does) {
  Watched w(2, 4, 2, 4);
  w.after("\x1b[?25l");
  EXPECT_FALSE(w.viewer.screen().modes().cursor_visible);
  w.after("\x1b[?25h");
  EXPECT_TRUE(w.viewer.screen().modes().cursor_visible);
}

TEST(Window, draws_only_what_has_changed) {
  Watched w(3, 10, 3, 10);
  w.after("first\r\nsecond\r\n");
  w.after("third");
  EXPECT_EQ(w.drawn.find("first"), std::string::npos);
  EXPECT_NE(w.drawn.find("third"), std::string::npos);
}

TEST(Window, clears_what_a_smaller_screen_leaves) {
  Watched w(3, 10, 3, 10);
  w.after("1\r\n2\r\n3333333333");
  w.session.resize(2, 4);
  EXPECT_EQ(w.after("\x1b[2J\x1b[2;1Hnew"), "|new|");
}

TEST(Window, draws_anew_after_the_viewer_resized) {
  Watched w(3, 10, 3, 10);
  w.after("text");
  w.viewer = Emulator(2, 6);
  w.window.resize(2, 6);
  EXPECT_EQ(w.after("\r\nmore"), "text|more");
}

// Of the same size, the window shows the session's very screen, whatever the session does.
TEST(Window, of_the_same_size_shows_the_same_cells) {
  const std::string_view pieces[] = {
      "text",      "\r\n",    "\x1b[31m", "\x1b[44m",    "\x1b[m",      "\x1b[K", "\x1b[2J",
      "\x1b[3;4H", "漢字",    "e\u0301",  "\x1b[?1049h", "\x1b[?1049l", "\x1b[L", "\x1b[P",
      "\x1b[1;9H", "\x1b[7m", "\x1b[?5h", "\x1b[2;3r",   "\x1b[5D"};
  std::mt19937_64 random(1);
  for (int round = 0; round < 300; ++round) {
    Watched w(4, 10, 4, 10);
    for (int step = 0; step < 12; ++step) {
      std::string bytes;
      for (int i = 0; i < 4; ++i) bytes += pieces[random() % std::size(pieces)];
      w.after(bytes);
      for (size_t row = 0; row < 4; ++row) {
        for (size_t column = 0; column < 10; ++column)
          ASSERT_EQ(w.viewer.screen().grid().line(row).at(column),
                    w.session.screen().grid().line(row).at(column))
              << row << ',' << column << ' ' << testing::PrintToString(bytes);
      }
      Bytes passed;
      Neutraliser().filter(as_bytes(w.drawn), passed);
      ASSERT_EQ(as_text(passed), w.drawn);
    }
  }
}

}  // namespace
}  // namespace stele::terminal
