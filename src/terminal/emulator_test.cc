// Told for each feature: what a program writes, what a person then sees.
#include "terminal/emulator.h"

#include <gtest/gtest.h>

namespace stele::terminal {
namespace {

// The rows as text, '|' between them.
std::string text(const Grid& grid) {
  std::string out;
  for (size_t row = 0; row < grid.rows(); ++row) {
    if (row > 0) out += '|';
    grid.line(row).append_text(grid.columns(), out);
  }
  return out;
}

struct Shown {
  Shown(size_t rows, size_t columns, std::string_view bytes) : emulator(rows, columns) {
    emulator.write(as_bytes(bytes));
  }
  Shown& then(std::string_view bytes) {
    emulator.write(as_bytes(bytes));
    return *this;
  }
  std::string screen() const { return text(emulator.screen().grid()); }
  const Cell& cell(size_t row, size_t column) const {
    return emulator.screen().grid().line(row).at(column);
  }
  std::pair<size_t, size_t> at() const {
    return {emulator.screen().cursor().row, emulator.screen().cursor().column};
  }
  Emulator emulator;
};

using Place = std::pair<size_t, size_t>;

std::string show(size_t rows, size_t columns, std::string_view bytes) {
  return Shown(rows, columns, bytes).screen();
}

TEST(Text, wraps_only_when_the_next_character_comes) {
  Shown s(3, 4, "abcd");
  EXPECT_EQ(s.at(), Place(0, 3));
  EXPECT_TRUE(s.emulator.screen().cursor().wrap_pending);
  EXPECT_EQ(s.then("\r\nx").screen(), "abcd|x|");
  EXPECT_EQ(show(3, 4, "abcde"), "abcd|e|");
  EXPECT_EQ(show(3, 4, "abcd\be"), "abed||");
  EXPECT_EQ(show(3, 4, "abcd\x1b[31me"), "abcd|e|");
}

TEST(Erasing, finds_nothing_behind_a_full_row) {
  for (const char* erase : {"\x1b[K", "\x1b[J", "\x1b[X", "\x1b[P", "\x1b[@"}) {
    EXPECT_EQ(show(2, 4, std::string("abcd") + erase + "e"), "abcd|e") << erase;
  }
  EXPECT_EQ(show(2, 4, "abcd\x1b[1Ke"), "|e");
  EXPECT_EQ(show(2, 1, "a\x1b[Jb"), "a|b");
}

TEST(Text, overwrites_the_last_column_without_autowrap) {
  EXPECT_EQ(show(2, 4, "\x1b[?7labcdef"), "abcf|");
  EXPECT_EQ(show(2, 4, "\x1b[?7labcdef\x1b[?7hgh"), "abcg|h");
  EXPECT_EQ(show(2, 4, "\x1b[?7labc\xe6\xbc\xa2"), "abc|");
}

TEST(Text, scrolls_at_the_bottom) { EXPECT_EQ(show(2, 4, "a\r\nb\r\nc"), "b|c"); }

TEST(Text, shifts_what_follows_in_insert_mode) {
  EXPECT_EQ(show(1, 5, "abc\r\x1b[4hxy"), "xyabc");
  EXPECT_EQ(show(1, 5, "abc\r\x1b[4h\xe6\xbc\xa2"), "漢abc");
  EXPECT_EQ(show(1, 5, "abc\r\x1b[4hx\x1b[4ly"), "xybc");
}

TEST(Text, invalid_utf8_becomes_replacement_characters) {
  EXPECT_EQ(show(1, 9,
                 "a\xff"
                 "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(show(1, 9,
                 "\xe6\xbc"
                 "b"),
            "\xef\xbf\xbd"
            "b");
  EXPECT_EQ(show(1, 9, "\xe6\xbc\x1b[31mb"),
            "\xef\xbf\xbd"
            "b");
  EXPECT_EQ(show(1, 9, "\xed\xa0\x80"), "���");       // a surrogate
  EXPECT_EQ(show(1, 9, "\xc0\xaf"), "��");            // overlong
  EXPECT_EQ(show(1, 9, "\xf4\x90\x80\x80"), "����");  // beyond U+10FFFF
  EXPECT_EQ(show(1, 9,
                 "\x9b"
                 "31mx"),
            "�31mx");  // a raw C1 byte is no control
}

TEST(Text, encoded_c1_controls_are_controls) {
  EXPECT_EQ(show(1, 9,
                 "a\xc2\x9b"
                 "3Cb"),
            "a   b");
  EXPECT_EQ(show(2, 9,
                 "a\xc2\x85"
                 "b"),
            "a|b");
  EXPECT_EQ(show(1, 9,
                 "a\xc2\x9d"
                 "0;title\xc2\x9c"
                 "b"),
            "ab");
}

TEST(Wide, takes_two_columns_and_never_half_of_one) {
  EXPECT_EQ(show(2, 5, "漢字漢"), "漢字|漢");
  EXPECT_EQ(show(1, 4, "漢\bx"), " x");
  EXPECT_EQ(show(1, 4, "漢\rx"), "x");
  EXPECT_EQ(show(1, 6, "a漢b\x1b[2G\x1b[@"), "a 漢b");
  EXPECT_EQ(show(1, 6, "a漢b\x1b[3G\x1b[@"), "a   b");
  EXPECT_EQ(show(1, 6, "a漢b\x1b[3G\x1b[P"), "a b");
  EXPECT_EQ(show(1, 4, "ab漢\r\x1b[@"), " ab");
  EXPECT_EQ(show(1, 6, "a漢b\x1b[3G\x1b[K"), "a");
  EXPECT_EQ(show(1, 6, "a漢b\x1b[2G\x1b[1K"), "   b");
  EXPECT_EQ(show(1, 6, "a漢b\x1b[2G\x1b[X"), "a  b");
  EXPECT_EQ(show(1, 4, "👍x"), "👍x");
}

TEST(Wide, is_not_shown_on_a_screen_of_one_column) {
  EXPECT_EQ(show(2, 1, "漢"), "|");
  EXPECT_EQ(show(2, 1, "a漢b"), "a|b");
}

TEST(Combining, joins_the_character_before_even_in_the_last_column) {
  EXPECT_EQ(show(1, 3, "e\u0301x"), "e\u0301x");
  EXPECT_EQ(show(2, 3, "abe\u0301"), "abe\u0301|");
  EXPECT_EQ(show(1, 4, "漢\u0301"), "漢\u0301");
  EXPECT_EQ(show(1, 3, "\u0301x"), "x");
  EXPECT_EQ(show(2, 2, "\x1b[?7labe\u0301"), "ae\u0301|");
  const Shown zalgo(1, 3, "e\u0301\u0302\u0303\u0304\u0305x");
  EXPECT_EQ(zalgo.screen(), "e\u0301\u0302\u0303x");
}

TEST(Cursor, moves_within_the_screen) {
  EXPECT_EQ(Shown(5, 9, "\x1b[3;4H").at(), Place(2, 3));
  EXPECT_EQ(Shown(5, 9, "\x1b[99;99H").at(), Place(4, 8));
  EXPECT_EQ(Shown(5, 9, "\x1b[99999999999999;0f").at(), Place(4, 0));
  EXPECT_EQ(Shown(5, 9, "\x1b[3;4H\x1b[A\x1b[2D").at(), Place(1, 1));
  EXPECT_EQ(Shown(5, 9, "\x1b[3;4H\x1b[B\x1b[2C").at(), Place(3, 5));
  EXPECT_EQ(Shown(5, 9, "\x1b[3;4H\x1b[E").at(), Place(3, 0));
  EXPECT_EQ(Shown(5, 9, "\x1b[3;4H\x1b[2F").at(), Place(0, 0));
  EXPECT_EQ(Shown(5, 9, "\x1b[3;4H\x1b[2G").at(), Place(2, 1));
  EXPECT_EQ(Shown(5, 9, "\x1b[3;4H\x1b[2`").at(), Place(2, 1));
  EXPECT_EQ(Shown(5, 9, "\x1b[3;4H\x1b[2d").at(), Place(1, 3));
  EXPECT_EQ(Shown(5, 9, "\x1b[2a\x1b[e").at(), Place(1, 2));
  EXPECT_EQ(Shown(5, 9, "\b\b\x1b[A").at(), Place(0, 0));
}

TEST(Cursor, is_saved_with_its_looks_and_restored) {
  Shown s(5, 9,
          "\x1b[2;3H\x1b[1;31m\x1b"
          "7\x1b[H\x1b[0mx\x1b"
          "8y");
  EXPECT_EQ(s.at(), Place(1, 3));
  EXPECT_TRUE(s.cell(1, 2).style.is(kBold));
  EXPECT_EQ(s.cell(1, 2).style.foreground, Color::indexed(1));
  EXPECT_EQ(Shown(5, 9, "\x1b[2;3H\x1b[s\x1b[H\x1b[u").at(), Place(1, 2));
  EXPECT_EQ(Shown(5, 9, "\x1b[2;3H\x1b[?1048h\x1b[H\x1b[?1048l").at(), Place(1, 2));
  EXPECT_EQ(Shown(5, 9,
                  "\x1b[2;3H\x1b"
                  "8")
                .at(),
            Place(0, 0));
}

TEST(Margins, confine_scrolling_and_movement) {
  EXPECT_EQ(show(4, 3, "a\r\nb\r\nc\r\nd\x1b[2;3r\x1b[3;1H\nx"), "a|c|x|d");
  EXPECT_EQ(show(4, 3, "a\r\nb\r\nc\r\nd\x1b[2;3r\x1b[2;1H\x1bMx"), "a|x|b|d");
  EXPECT_EQ(Shown(6, 3, "\x1b[2;4r\x1b[3;1H\x1b[9A").at(), Place(1, 0));
  EXPECT_EQ(Shown(6, 3, "\x1b[2;4r\x1b[3;1H\x1b[9B").at(), Place(3, 0));
  EXPECT_EQ(Shown(6, 3, "\x1b[2;4r\x1b[5;1H\x1b[9B").at(), Place(5, 0));
  EXPECT_EQ(Shown(6, 3, "\x1b[2;4r\x1b[H\x1b[9A").at(), Place(0, 0));
  EXPECT_EQ(show(3, 3, "a\r\nb\r\nc\x1b[3;3r\n"), "b|c|");     // one row: no margins
  EXPECT_EQ(show(4, 3, "\x1b[2;3r\x1b[4;1Ha\n\nb"), "|||ab");  // below the margins nothing scrolls
}

TEST(Margins, are_the_origin_in_origin_mode) {
  EXPECT_EQ(Shown(6, 3, "\x1b[2;4r\x1b[?6h").at(), Place(1, 0));
  EXPECT_EQ(Shown(6, 3, "\x1b[2;4r\x1b[?6h\x1b[2;2H").at(), Place(2, 1));
  EXPECT_EQ(Shown(6, 3, "\x1b[2;4r\x1b[?6h\x1b[99;1H").at(), Place(3, 0));
  EXPECT_EQ(Shown(6, 3, "\x1b[2;4r\x1b[?6h\x1b[2d").at(), Place(2, 0));
  EXPECT_EQ(Shown(6, 3, "\x1b[2;4r\x1b[?6h\x1b[?6l").at(), Place(0, 0));
}

TEST(Lines, index_reverse_index_and_next_line) {
  EXPECT_EQ(show(3, 3,
                 "ab\x1b"
                 "Dc\x1b"
                 "Ed"),
            "ab|  c|d");
  EXPECT_EQ(show(3, 3, "a\r\nb\x1b[H\x1bMc"), "c|a|b");
  EXPECT_EQ(show(2, 3, "\x1b[20ha\nb"), "a|b");
}

TEST(Lines, are_inserted_deleted_and_scrolled) {
  EXPECT_EQ(show(4, 3, "a\r\nb\r\nc\r\nd\x1b[2;2H\x1b[Lx"), "a|x|b|c");
  EXPECT_EQ(show(4, 3, "a\r\nb\r\nc\r\nd\x1b[2;2H\x1b[2M"), "a|d||");
  EXPECT_EQ(show(4, 3, "a\r\nb\r\nc\r\nd\x1b[2;1H\x1b[99M"), "a|||");
  EXPECT_EQ(show(4, 3, "a\r\nb\r\nc\r\nd\x1b[2S"), "c|d||");
  EXPECT_EQ(show(4, 3, "a\r\nb\r\nc\r\nd\x1b[T"), "|a|b|c");
  EXPECT_EQ(show(4, 3, "a\r\nb\r\nc\r\nd\x1b[99T"), "|||");
  EXPECT_EQ(show(4, 3, "a\r\nb\r\nc\r\nd\x1b[1;1;1;1;1T"), "a|b|c|d");
}

TEST(Erasing, goes_to_the_end_from_the_start_or_all) {
  const std::string four = "abc\r\ndef\r\nghi\x1b[2;2H";
  EXPECT_EQ(show(3, 3, four + "\x1b[J"), "abc|d|");
  EXPECT_EQ(show(3, 3, four + "\x1b[1J"), "|  f|ghi");
  EXPECT_EQ(show(3, 3, four + "\x1b[2J"), "||");
  EXPECT_EQ(show(3, 3, four + "\x1b[3J"), "abc|def|ghi");
  EXPECT_EQ(show(3, 3, four + "\x1b[?J"), "abc|d|");
  EXPECT_EQ(show(3, 3, four + "\x1b[K"), "abc|d|ghi");
  EXPECT_EQ(show(3, 3, four + "\x1b[1K"), "abc|  f|ghi");
  EXPECT_EQ(show(3, 3, four + "\x1b[2K"), "abc||ghi");
  EXPECT_EQ(show(3, 3, four + "\x1b[X"), "abc|d f|ghi");
  EXPECT_EQ(show(3, 3, four + "\x1b[P"), "abc|df|ghi");
  EXPECT_EQ(show(3, 3, four + "\x1b[@"), "abc|d e|ghi");
  EXPECT_EQ(show(3, 3, four + "\x1b[99P"), "abc|d|ghi");
  EXPECT_EQ(show(3, 3, four + "\x1b[99@"), "abc|d|ghi");
}

TEST(Erasing, leaves_the_background_under_way) {
  for (const char* erase : {"\x1b[K", "\x1b[2K", "\x1b[J", "\x1b[2J", "\x1b[1J", "\x1b[X",
                            "\x1b[2P", "\x1b[@", "\x1b[M", "\x1b[S"}) {
    Shown s(1, 2, std::string("a\r\x1b[1;44m") + erase);
    EXPECT_EQ(s.cell(0, 0).style.background, Color::indexed(4)) << erase;
    EXPECT_EQ(s.cell(0, 0).style.attributes, 0) << erase;
  }
  Shown s(1, 6, "\x1b[44m\x1b[K\x1b[0m\x1b[3G\x1b[P");
  EXPECT_EQ(s.cell(0, 4).style.background, Color::indexed(4));
  EXPECT_EQ(s.cell(0, 5).style.background, Color());
}

TEST(Tabs, stop_every_eight_columns_unless_told_otherwise) {
  EXPECT_EQ(Shown(1, 30, "\t").at(), Place(0, 8));
  EXPECT_EQ(Shown(1, 30, "\x1b[2I").at(), Place(0, 16));
  EXPECT_EQ(Shown(1, 30, "\t\t\t\t\t").at(), Place(0, 29));
  EXPECT_EQ(Shown(1, 30, "\t\tx\x1b[Z").at(), Place(0, 16));
  EXPECT_EQ(Shown(1, 30, "\t\tx\x1b[2Z").at(), Place(0, 8));
  EXPECT_EQ(Shown(1, 30, "\x1b[5G\x1bH\r\t").at(), Place(0, 4));
  EXPECT_EQ(Shown(1, 30, "\x1b[9G\x1b[g\r\t").at(), Place(0, 16));
  EXPECT_EQ(Shown(1, 30, "\x1b[3g\r\t").at(), Place(0, 29));
  EXPECT_EQ(Shown(1, 30, "\x1b[3g\x1b[?5W\r\t").at(), Place(0, 8));
}

TEST(Repeat, prints_the_last_character_to_the_end_of_the_row_at_most) {
  EXPECT_EQ(show(2, 6, "ab\x1b[2b"), "abbb|");
  EXPECT_EQ(show(2, 6, "ab\x1b[99b"), "abbbbb|");
  EXPECT_EQ(show(2, 6, "\x1b[3b"), "|");
}

TEST(Sgr, sets_attributes_and_colours) {
  const auto style = [](std::string_view sgr) {
    return Shown(1, 3, std::string(sgr) + "x").cell(0, 0).style;
  };
  EXPECT_EQ(style("\x1b[1;2;3;5;7;8;9;53m").attributes, 0xff);
  EXPECT_EQ(style("\x1b[1;2;3;5;7;8;9;53m\x1b[22;23;25;27;28;29;55m").attributes, 0);
  EXPECT_EQ(style("\x1b[4m").underline, Underline::kSingle);
  EXPECT_EQ(style("\x1b[4:3m").underline, Underline::kCurly);
  EXPECT_EQ(style("\x1b[4:0m").underline, Underline::kNone);
  EXPECT_EQ(style("\x1b[4:9m").underline, Underline::kNone);
  EXPECT_EQ(style("\x1b[21m").underline, Underline::kDouble);
  EXPECT_EQ(style("\x1b[4m\x1b[24m").underline, Underline::kNone);
  EXPECT_EQ(style("\x1b[31;42m").foreground, Color::indexed(1));
  EXPECT_EQ(style("\x1b[31;42m").background, Color::indexed(2));
  EXPECT_EQ(style("\x1b[97;100m").foreground, Color::indexed(15));
  EXPECT_EQ(style("\x1b[97;100m").background, Color::indexed(8));
  EXPECT_EQ(style("\x1b[38;5;123m").foreground, Color::indexed(123));
  EXPECT_EQ(style("\x1b[38:5:123m").foreground, Color::indexed(123));
  EXPECT_EQ(style("\x1b[48;2;1;2;3m").background, Color::rgb(1, 2, 3));
  EXPECT_EQ(style("\x1b[48:2:1:2:3m").background, Color::rgb(1, 2, 3));
  EXPECT_EQ(style("\x1b[48:2::1:2:3m").background, Color::rgb(1, 2, 3));
  EXPECT_EQ(style("\x1b[48:2::1:2:3;1m").attributes, kBold);
  EXPECT_EQ(style("\x1b[38;5;300m").foreground, Color());
  EXPECT_EQ(style("\x1b[58;5;1;31m").foreground, Color::indexed(1));
  EXPECT_EQ(style("\x1b[58:2::1:2:3;31m").foreground, Color::indexed(1));
  EXPECT_EQ(style("\x1b[31m\x1b[m").foreground, Color());
  EXPECT_EQ(style("\x1b[31m\x1b[;1m").foreground, Color());
  EXPECT_EQ(style("\x1b[31m\x1b[39m").foreground, Color());
  EXPECT_EQ(style("\x1b[>4;1m").attributes, 0);  // modifyOtherKeys is no SGR
}

TEST(Charset, draws_lines_with_dec_graphics) {
  EXPECT_EQ(show(1, 9, "\x1b(0lqk\x1b(Bq"), "┌─┐q");
  EXPECT_EQ(show(1, 9, "\x1b)0x\x0ex\x0fx"), "x│x");
  EXPECT_EQ(show(1, 9,
                 "\x1b(0x\x1b"
                 "7\x1b(B\x1b"
                 "8x"),
            "││");
  EXPECT_EQ(show(1, 9, "\x1b(0Q\x1b(Uq"), "Qq");
}

TEST(Alternate, is_blank_when_entered_and_gone_when_left) {
  Shown s(2, 5, "main\x1b[31m\x1b[?1049h");
  EXPECT_EQ(s.screen(), "|");
  EXPECT_TRUE(s.emulator.screen().is_alternate());
  EXPECT_EQ(s.then("\x1b[Hother\x1b[0m").screen(), "other|");
  EXPECT_EQ(text(s.emulator.screen().main_grid()), "main|");
  EXPECT_EQ(s.then("\x1b[?1049l").screen(), "main|");
  EXPECT_EQ(s.at(), Place(0, 4));
  EXPECT_EQ(s.emulator.screen().cursor().style.foreground, Color::indexed(1));
  EXPECT_EQ(show(1, 5, "ab\x1b[?47hcd\x1b[?47le"), "ab  e");
  EXPECT_EQ(show(1, 5, "ab\x1b[?1047hcd\x1b[?1047le"), "ab  e");
}

TEST(Reset, makes_all_new_or_only_the_modes) {
  Shown s(2, 9, "a\x1b[1m\x1b[?25l\x1b[?6h\x1b(0\x1b[?1h\x1b]2;t\x07\x1b[3g\x1b[?1049hb");
  s.then(
      "\x1b"
      "c");
  EXPECT_EQ(s.emulator.screen(), Screen(2, 9));
  Shown soft(3, 9, "a\x1b[1m\x1b[?25l\x1b[1;2r\x1b(0\x1b[4h\x1b[2;2H\x1b[!pq");
  EXPECT_EQ(soft.screen(), "a| q|");
  EXPECT_EQ(soft.cell(1, 1).style, Style());
  EXPECT_EQ(soft.emulator.screen().modes(), DisplayModes());
  EXPECT_EQ(soft.emulator.screen().bottom_margin(), 2U);
}

TEST(Screen, is_filled_with_e_to_align_it) { EXPECT_EQ(show(2, 3, "\x1b[2;2Hx\x1b#8"), "EEE|EEE"); }

TEST(Modes, are_kept) {
  Shown s(2, 3, "\x1b[?1;5;9;12;1004;1006;2004;2026h\x1b=\x1b[?25l\x1b[3 q");
  const DisplayModes& display = s.emulator.screen().modes();
  EXPECT_TRUE(display.reverse && display.cursor_blinks && !display.cursor_visible);
  EXPECT_EQ(display.cursor_shape, 3);
}

TEST(Strings, are_skipped) {
  EXPECT_EQ(show(1, 9,
                 "a\x1b]0;title\x07"
                 "b"),
            "ab");
  EXPECT_EQ(show(1, 9, "a\x1b]2;t\x01wo\x1b\\b"), "ab");
  EXPECT_EQ(show(1, 9, "a\x1b]0;" + std::string(9000, 'x') + "\x07y"), "ay");
  EXPECT_EQ(show(1, 9,
                 "a\x1b]0;t\xc2\x9c"
                 "b"),
            "ab");
  EXPECT_EQ(show(1, 9, "a\x1bP1;2|x\x07y\x1b\\b"), "ab");
  EXPECT_EQ(show(1, 9, "a\x1b_Gi=1;AAAA\x1b\\b"), "ab");
  EXPECT_EQ(show(1, 9, "a\x1b^pm\x1b\\b"), "ab");
  EXPECT_EQ(show(1, 9, "a\x1bXsos\x1b\\b"), "ab");
  EXPECT_EQ(show(1, 9, "a\x1bktitle\x1b\\b"), "ab");
  EXPECT_EQ(show(1, 9,
                 "a\x1bPlost\x18"
                 "b"),
            "ab");
}

TEST(Sequences, odd_ones_do_no_harm) {
  EXPECT_EQ(show(1, 9, "a\x1b[" + std::string(16, ';') + "mb"), "ab");  // killed libvterm 0.1.4
  EXPECT_EQ(show(1, 9, "a\x1b[" + std::string(1000, ';') + "mb"), "ab");
  EXPECT_EQ(show(1, 9, "a\x1b[1:2:3Hb"), "ab");
  EXPECT_EQ(show(1, 9, "a\x1b[1?2Hb"), "ab");
  EXPECT_EQ(show(1, 9, "a\x1b[!!!pb"), "ab");
  EXPECT_EQ(show(1, 9, "a\x1b[3\x1b[2Cb"), "a  b");
  EXPECT_EQ(show(1, 9,
                 "a\x1b[3\x18"
                 "Cb"),
            "aCb");
  EXPECT_EQ(show(1, 9, "a\x1b[2\bCb"), "a b");  // a control inside acts at once
  EXPECT_EQ(show(1, 9,
                 "a\x1b[2\x7f\xc3\xa9"
                 "Cb"),
            "a  b");
  EXPECT_EQ(show(1, 9, "a\x1b   Fb"), "ab");
}

TEST(Size, is_clamped_and_a_very_wide_terminal_works) {
  EXPECT_EQ(Emulator(0, 0).screen().rows(), 1U);
  EXPECT_EQ(Emulator(0, 0).screen().columns(), 1U);
  Emulator wide(99999, 99999);
  EXPECT_EQ(wide.screen().rows(), kRowsMax);
  EXPECT_EQ(wide.screen().columns(), kColumnsMax);
  const std::string row(kColumnsMax, 'x');
  wide.write(as_bytes(row + "y\x1b[H\x1b[@"));
  std::string out;
  wide.screen().grid().line(0).append_text(kColumnsMax, out);
  EXPECT_EQ(out, " " + row.substr(1));
  EXPECT_EQ(wide.screen().grid().line(1).at(0).base, U'y');
}

struct Leaving : Watcher {
  void line_leaves(const Line& line, size_t columns) override {
    line.append_text(columns, lines);
    lines += '|';
  }
  void alternate_leaves(const Grid& grid) override { lines += "[" + text(grid) + "]"; }
  std::string lines;
};

TEST(Resize, keeps_what_stands_where_it_stands) {
  Leaving leaving;
  Emulator e(4, 6, &leaving);
  e.write(as_bytes("one\r\ntwo\r\nlonger"));
  e.resize(4, 9);
  EXPECT_EQ(text(e.screen().grid()), "one|two|longer|");
  e.write(as_bytes("!"));  // behind the last character, not over it
  EXPECT_EQ(text(e.screen().grid()), "one|two|longer!|");
  e.resize(3, 4);
  EXPECT_EQ(text(e.screen().grid()), "one|two|long");
  EXPECT_EQ(leaving.lines, "");
  e.resize(2, 4);
  EXPECT_EQ(text(e.screen().grid()), "two|long");
  EXPECT_EQ(leaving.lines, "one|");
  e.resize(4, 4);
  EXPECT_EQ(text(e.screen().grid()), "two|long||");
  e.write(as_bytes("\x1b[H"));
  e.resize(1, 4);
  EXPECT_EQ(text(e.screen().grid()), "two");
  EXPECT_EQ(leaving.lines, "one|long|");
}

TEST(Resize, cuts_a_wide_character_off_whole) {
  Emulator e(1, 6);
  e.write(as_bytes("ab漢"));
  e.resize(1, 3);
  EXPECT_EQ(text(e.screen().grid()), "ab");
  e.resize(1, 6);
  EXPECT_EQ(text(e.screen().grid()), "ab");
}

TEST(Leaving, lines_are_told_in_order) {
  Leaving leaving;
  Emulator e(2, 6, &leaving);
  e.write(as_bytes("1\r\n2\r\n3\r\n4"));
  EXPECT_EQ(leaving.lines, "1|2|");
  e.write(as_bytes("\x1b[2S"));
  EXPECT_EQ(leaving.lines, "1|2|3|4|");
  e.write(as_bytes("\x1b[H5\x1b[2J"));
  EXPECT_EQ(leaving.lines, "1|2|3|4|5|");
  e.write(as_bytes("\x1b[H6\x1b[H\x1b[J"));
  EXPECT_EQ(leaving.lines, "1|2|3|4|5|6|");
  e.write(as_bytes("\x1b[?1049h\x1b[H7\r\n8\r\n9\x1b[?1049l"));
  EXPECT_EQ(leaving.lines, "1|2|3|4|5|6|[8|9]");
  e.write(
      as_bytes("\x1b[HA\x1b"
               "c"));
  EXPECT_EQ(leaving.lines, "1|2|3|4|5|6|[8|9]A|");
}

}  // namespace
}  // namespace stele::terminal
