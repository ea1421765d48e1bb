// What an attacker leaves in a recording for whoever plays it back, and what of it gets through.
#include "terminal/neutralise.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "terminal/emulator.h"

namespace stele::terminal {
namespace {

using namespace std::string_literals;

std::string neutral(std::string_view bytes) {
  Bytes out;
  Neutraliser().filter(as_bytes(bytes), out);
  return std::string(as_text(out));
}

// The same in two calls, cut at `cut`.
std::string neutral_in_two(std::string_view bytes, size_t cut) {
  Neutraliser filter;
  Bytes out;
  filter.filter(as_bytes(bytes.substr(0, cut)), out);
  filter.filter(as_bytes(bytes.substr(cut)), out);
  return std::string(as_text(out));
}

struct Trick {
  const char* name;
  std::string bytes;
};

// Each makes some terminal answer as if typed, copy, print, run, retitle or change what keys send.
std::vector<Trick> tricks() {
  return {
      {"ENQ answerback", "\x05"},
      {"device attributes", "\x1b[c"},
      {"device attributes with 0", "\x1b[0c"},
      {"secondary device attributes", "\x1b[>c"},
      {"tertiary device attributes", "\x1b[=c"},
      {"VT52 identify", "\x1bZ"},
      {"status report", "\x1b[5n"},
      {"cursor position report", "\x1b[6n"},
      {"DEC cursor position report", "\x1b[?6n"},
      {"DEC reports on printer, keys, locator", "\x1b[?15n\x1b[?25n\x1b[?26n\x1b[?55n"},
      {"terminal parameters", "\x1b[x\x1b[1x"},
      {"terminal name and version", "\x1b[>q\x1b[>0q"},
      {"request mode", "\x1b[4$p\x1b[?2026$p"},
      {"request presentation state", "\x1b[1$w\x1b[2$w"},
      {"request terminal state", "\x1b[1$u"},
      {"request rectangle checksum", "\x1b[1;1;1;1;9;9*y"},
      {"request status string", "\x1bP$qm\x1b\\"},
      {"request termcap", "\x1bP+q544e\x1b\\"},
      {"set termcap", "\x1bP+p544e\x1b\\"},
      {"user defined keys", "\x1bP0;1|17/726d0d\x1b\\"},
      {"sixel", "\x1bPq#0;2;0;0;0#0~~\x1b\\"},
      {"tmux passthrough", "\x1bPtmux;\x1b\x1b]52;c;cm0K\x07\x1b\\"},
      {"screen passthrough", "\x1bP\x1b]52;c;cm0K\x07\x1b\\"},
      {"title report", "\x1b[21t"},
      {"icon label report", "\x1b[20t"},
      {"window reports", "\x1b[11t\x1b[13t\x1b[14t\x1b[18t\x1b[19t"},
      {"window operations",
       "\x1b[1t\x1b[2t\x1b[3;0;0t\x1b[4;1;1t\x1b[5t\x1b[6t\x1b[8;1;1t\x1b[9;1t"},
      {"title stack", "\x1b[22;0t\x1b[23;0t"},
      {"more rows", "\x1b[36*|\x1b[80$|"},
      {"title", "\x1b]0;rm -rf /\x07\x1b]1;icon\x07\x1b]2;title\x1b\\"},
      {"X property", "\x1b]3;WM_CLASS=x\x07"},
      {"colour query", "\x1b]4;1;?\x07\x1b]10;?\x07\x1b]11;?\x1b\\\x1b]12;?\x07"},
      {"colours", "\x1b]4;1;#000000\x07\x1b]10;#000\x07\x1b]11;#000\x07\x1b]104\x07"},
      {"working directory", "\x1b]7;file://host/etc\x07"},
      {"hyperlink", "\x1b]8;;file:///bin/sh\x1b\\\x1b]8;;\x1b\\"},
      {"notification", "\x1b]9;hello\x07\x1b]777;notify;a;b\x07\x1b]99;;x\x1b\\"},
      {"progress", "\x1b]9;4;1;50\x07"},
      {"font", "\x1b]50;fixed\x07\x1b]50;?\x07"},
      {"log file", "\x1b]46;/etc/passwd\x07"},
      {"clipboard write", "\x1b]52;c;cm0gLXJmIC8K\x07"},
      {"clipboard read", "\x1b]52;c;?\x1b\\"},
      {"shell integration", "\x1b]133;A\x07\x1b]633;P;Cwd=/\x07"},
      {"iTerm file, command, report",
       "\x1b]1337;File=name=eA==:eA==\x07\x1b]1337;ReportCellSize\x07"},
      {"Linux palette", "\x1b]P0000000\x1b\\\x1b]R\x1b\\"},
      {"Linux console settings", "\x1b[11;1]\x1b[12;2]\x1b[14;60]"},
      {"APC: kitty graphics", "\x1b_Ga=q,i=1;AAAA\x1b\\"},
      {"PM", "\x1b^message\x1b\\"},
      {"SOS", "\x1bXstring\x1b\\"},
      {"screen title", "\x1bktitle\x1b\\"},
      {"printer: screen, passthrough, end", "\x1b[i\x1b[0i\x1b[5i\x1b[4i\x1b[?1i\x1b[?5i\x1b[?4i"},
      {"media copy of HTML and SVG", "\x1b[10i\x1b[?10i"},
      {"clear scrollback", "\x1b[3J"},
      {"bracketed paste", "\x1b[?2004h"},
      {"mouse",
       "\x1b[?9h\x1b[?1000h\x1b[?1001h\x1b[?1002h\x1b[?1003h\x1b[?1006h\x1b[?1015h\x1b[?1016h"},
      {"mouse highlighting", "\x1b[1;2;3;4;5T"},
      {"locator", "\x1b[1'z\x1b[1'{\x1b['|"},
      {"focus events", "\x1b[?1004h"},
      {"application keys", "\x1b[?1h\x1b=\x1b[?66h"},
      {"VT52 mode", "\x1b[?2l"},
      {"132 columns", "\x1b[?40h\x1b[?3h"},
      {"keyboard locked", "\x1b[2h"},
      {"local echo", "\x1b[12l"},
      {"national replacement characters", "\x1b[?42h"},
      {"kitty keyboard", "\x1b[>1u\x1b[=1u\x1b[?u\x1b[<u"},
      {"modifyOtherKeys", "\x1b[>4;2m\x1b[>4n\x1b[>0p\x1b[?4m"},
      {"conformance: 8-bit answers", "\x1b[62;0\"p\x1b G"},
      {"leave UTF-8", "\x1b%@\x1b%G\x1b%/I"},
      {"character sets by locking shift", "\x1bn\x1bo\x1b|\x1b}\x1b~\x1bN\x1bO"},
      {"memory lock", "\x1bl\x1bm"},
      {"protected cells", "\x1bV\x1bW\x1b[1\"q"},
      {"self test", "\x1b[4;1y"},
      {"macro, locator and data", "\x1b[1*z\x1b[?62n\x1b[?63;1n"},
      {"synchronised output, never ended", "\x1b[?2026h"},
      {"flow control", "\x11\x13"},
      {"NUL and other controls",
       "\x01\x02\x03\x04\x06\x10\x12\x14\x15\x16\x17\x19\x1c\x1d\x1e\x1f\x7f"s},
      {"invalid intermediates", "\x1b[ !\"#$c\x1b[1 c\x1b !\"Z"},
      {"prefix out of place", "\x1b[1?c\x1b[?<c\x1b[1>q"},
  };
}

TEST(Trick, does_not_get_through) {
  for (const Trick& trick : tricks()) EXPECT_EQ(neutral(trick.bytes), "") << trick.name;
  EXPECT_EQ(neutral("\0"s), "") << "NUL";
}

TEST(Trick, does_not_get_through_in_pieces) {
  for (const Trick& trick : tricks()) {
    for (size_t cut = 0; cut <= trick.bytes.size(); ++cut)
      EXPECT_EQ(neutral_in_two(trick.bytes, cut), "") << trick.name << " cut at " << cut;
  }
}

TEST(Trick, does_not_get_through_between_what_does) {
  for (const Trick& trick : tricks())
    EXPECT_EQ(neutral("\x1b[1;31ma" + trick.bytes + "b\x1b[m"), "\x1b[1;31mab\x1b[m") << trick.name;
}

// ESC @ … ESC _ have a second spelling, U+0080–009F, which xterm and VTE obey.
TEST(Trick, does_not_get_through_as_c1_controls) {
  for (const Trick& trick : tricks()) {
    std::string c1;
    for (size_t i = 0; i < trick.bytes.size(); ++i) {
      const bool has_c1 = trick.bytes[i] == '\x1b' && i + 1 < trick.bytes.size() &&
                          trick.bytes[i + 1] >= '@' && trick.bytes[i + 1] <= '_' &&
                          (i == 0 || trick.bytes[i - 1] != '\x1b');
      if (!has_c1) {
        c1 += trick.bytes[i];
        continue;
      }
      c1 += '\xc2';
      c1 += static_cast<char>(trick.bytes[++i] + 0x40);
    }
    for (size_t cut = 0; cut <= c1.size(); ++cut)
      EXPECT_EQ(neutral_in_two(c1, cut), "") << trick.name << " cut at " << cut;
  }
}

// A terminal that is not in UTF-8 obeys the bytes 80–9F: none may come out by itself.
TEST(Trick, raw_c1_bytes_become_replacement_characters) {
  for (int byte = 0x80; byte < 0xa0; ++byte) {
    const std::string raw(1, static_cast<char>(byte));
    EXPECT_EQ(neutral("a" + raw + "b"),
              "a\xef\xbf\xbd"
              "b")
        << byte;
  }
  EXPECT_EQ(neutral("\x9b"
                    "5n"),
            "\xef\xbf\xbd"
            "5n");
  EXPECT_EQ(neutral("\x9d"
                    "52;c;?\x07"),
            "\xef\xbf\xbd"
            "52;c;?\x07");
}

TEST(Trick, an_overlong_escape_is_no_escape) {
  EXPECT_EQ(neutral("\xc0\x9b[6n"), "\xef\xbf\xbd\xef\xbf\xbd[6n");
  EXPECT_EQ(neutral("\xe0\x80\x9b[6n"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd[6n");
}

TEST(Trick, a_string_does_not_swallow_or_free_what_follows) {
  EXPECT_EQ(neutral("\x1b]52;c;YQ==\x07shown"), "shown");
  EXPECT_EQ(neutral("\x1b]0;title\x1b[31mred"), "\x1b[31mred");
  EXPECT_EQ(neutral("\x1bP1$r\x18shown"), "shown");
  EXPECT_EQ(neutral("\x1b]0;never ended"), "");
  EXPECT_EQ(neutral("\x1b]52;c;" + std::string(100'000, 'A') + "\x07shown"), "shown");
}

TEST(Trick, a_sequence_within_a_sequence_is_none) {
  EXPECT_EQ(neutral("\x1b[\x1b[6n"), "");
  EXPECT_EQ(neutral("\x1b\x1b]52;c;?\x07"), "");
  EXPECT_EQ(neutral("\x1b[6\nn"), "\n");
  EXPECT_EQ(neutral("\x1b[6\x05n"), "");
  EXPECT_EQ(neutral("\x1b[6\x18n"), "n");
}

TEST(Neutraliser, passes_what_makes_the_picture) {
  for (const char* bytes : {"plain text",
                            "tab\tback\b bell\x07 line\r\n",
                            "\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x9a\x80 e\xcc\x81",
                            "\x1b[31m",
                            "\x1b[1;38;5;200;48;2;1;2;3m",
                            "\x1b[4:3m",
                            "\x1b[38:2::1:2:3m",
                            "\x1b[H",
                            "\x1b[5;10H",
                            "\x1b[;5H",
                            "\x1b[2J",
                            "\x1b[K",
                            "\x1b[3A",
                            "\x1b[@",
                            "\x1b[2L",
                            "\x1b[3P",
                            "\x1b[5X",
                            "\x1b[5b",
                            "\x1b[2;20r",
                            "\x1b[3g",
                            "\x1bH",
                            "\x1b"
                            "7",
                            "\x1b"
                            "8",
                            "\x1b[s",
                            "\x1b[u",
                            "\x1b"
                            "D",
                            "\x1b"
                            "E",
                            "\x1bM",
                            "\x1b[?1049h",
                            "\x1b[?1049l",
                            "\x1b[?25l",
                            "\x1b[?7l",
                            "\x1b[?5h",
                            "\x1b[4h",
                            "\x1b[!p",
                            "\x1b[4 q",
                            "\x1b(0",
                            "\x1b)B",
                            "\x0e",
                            "\x0f",
                            "\x1b#8"}) {
    EXPECT_EQ(neutral(bytes), bytes);
  }
}

TEST(Neutraliser, keeps_the_safe_ones_of_several_modes) {
  EXPECT_EQ(neutral("\x1b[?1;1000;25;2004;7h"), "\x1b[?25;7h");
  EXPECT_EQ(neutral("\x1b[?1;1000;2004h"), "");
}

TEST(Neutraliser, unknown_character_sets_are_ascii) {
  EXPECT_EQ(neutral("\x1b(A\x1b)K"), "\x1b(B\x1b)B");
}

TEST(Neutraliser, resets_the_picture_and_nothing_else) {
  EXPECT_EQ(neutral("\x1b"
                    "c"),
            std::string(kRestoreTerminal) + std::string(kClearTerminal));
}

TEST(Neutraliser, acts_newline_mode_out_instead_of_setting_it) {
  EXPECT_EQ(neutral("\x1b[20ha\nb\x1b[20lc\nd"), "a\n\rbc\nd");
  EXPECT_EQ(neutral("\x1b[20h\x1b"
                    "ca\nb"),
            neutral("\x1b"
                    "ca\nb"));
}

TEST(Neutraliser, holds_a_sequence_until_it_is_complete) {
  Neutraliser filter;
  Bytes out;
  filter.filter(as_bytes("\x1b[1;3"), out);
  EXPECT_TRUE(out.empty());
  filter.filter(as_bytes("1m\xe6\xbc"), out);
  EXPECT_EQ(as_text(out), "\x1b[1;31m");
  filter.filter(as_bytes("\xa2"), out);
  EXPECT_EQ(as_text(out), "\x1b[1;31m\xe6\xbc\xa2");
}

TEST(Neutraliser, what_restores_a_terminal_is_safe_itself) {
  const std::string restore = std::string(kRestoreTerminal) + std::string(kClearTerminal);
  EXPECT_EQ(neutral(restore), restore);
}

// Bytes as an attacker would mix them: pieces of all tricks, of ordinary sequences and noise.
class Mixer {
 public:
  explicit Mixer(uint64_t seed) : random_(seed) {
    for (Trick& trick : tricks()) pieces_.push_back(std::move(trick.bytes));
    for (const char* piece : {"text", "\x1b", "\x1b[", "\x1b]", "\x1bP", "\x07", "\x18", "\xc2",
                              "\x9b", "\x9c", ";", "?", "31m", "\r\n", "\xe6\xbc\xa2", "\x1b[20h",
                              "\x1b"
                              "c"})
      pieces_.emplace_back(piece);
  }
  std::string next() {
    std::string out;
    for (uint64_t count = 1 + random_() % 12; count > 0; --count) {
      std::string piece = pieces_[random_() % pieces_.size()];
      if (random_() % 3 == 0 && !piece.empty()) piece.resize(random_() % piece.size());
      if (random_() % 5 == 0 && !piece.empty()) piece[random_() % piece.size()] = noise();
      out += piece;
    }
    return out;
  }

 private:
  char noise() { return static_cast<char>(random_()); }
  std::mt19937_64 random_;
  std::vector<std::string> pieces_;
};

TEST(Neutraliser, gives_the_same_bytes_wherever_the_input_is_cut) {
  Mixer mixer(1);
  for (int round = 0; round < 3000; ++round) {
    const std::string bytes = mixer.next(), whole = neutral(bytes);
    for (size_t cut = 0; cut <= bytes.size(); ++cut)
      ASSERT_EQ(neutral_in_two(bytes, cut), whole)
          << testing::PrintToString(bytes) << " cut at " << cut;
    Neutraliser one_by_one;
    Bytes out;
    for (size_t i = 0; i < bytes.size(); ++i)
      one_by_one.filter(as_bytes(std::string_view(bytes).substr(i, 1)), out);
    ASSERT_EQ(as_text(out), whole) << testing::PrintToString(bytes);
    ASSERT_EQ(neutral(whole), whole) << "neutral bytes are not: " << testing::PrintToString(bytes);
  }
}

TEST(Neutraliser, keeps_the_picture_of_recorded_sessions) {
  const auto folder = std::filesystem::path(STELE_TESTDATA) / "terminal";
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".raw") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    size_t rows = 0, columns = 0;
    file >> rows >> columns;
    file.get();
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    Emulator recorded(rows, columns), shown(rows, columns);
    recorded.write(as_bytes(bytes));
    shown.write(as_bytes(neutral(bytes)));
    EXPECT_TRUE(recorded.screen() == shown.screen()) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 17U);
}

}  // namespace
}  // namespace stele::terminal
