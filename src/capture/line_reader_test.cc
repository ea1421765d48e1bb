// Lines read off the screen: by what a shell, an editor, a multiplexer and a person do.
#include "capture/line_reader.h"

#include <gtest/gtest.h>

namespace stele::capture {
namespace {

BootTime at(int64_t ms) { return BootTime(Micros(ms * 1000)); }

/// A screen of 10 lines of 40 columns.
class LineReaderTest : public ::testing::Test {
 protected:
  void shows(std::string_view text) { reader.output(at(now), as_bytes(text)); }
  void types(std::string_view keys, bool is_hidden = false) {
    reader.typed(at(now), as_bytes(keys), is_hidden);
  }
  /// As a line editor answers them: each key before the next.
  void types_and_shows(std::string_view keys) {
    for (const char& key : keys) {
      types({&key, 1});
      shows({&key, 1});
    }
  }
  std::vector<std::string> lines() {
    std::vector<std::string> all;
    for (const ReadLine& each : reader.take())
      all.push_back(each.line.prompt + "|" + each.line.text);
    return all;
  }
  using Lines = std::vector<std::string>;

  int64_t now = 1000;
  LineReader reader{10, 40};
};

TEST_F(LineReaderTest, what_was_typed_at_a_prompt) {
  shows("ada@web01:~$ ");
  types_and_shows("ls -l");
  types("\r");
  EXPECT_EQ(lines(), Lines{});
  shows("\r\nfile\r\nada@web01:~$ ");
  EXPECT_EQ(lines(), Lines{"ada@web01:~$|ls -l"});
  types("\r");
  shows("\r\nada@web01:~$ ");
  EXPECT_EQ(lines(), Lines{}) << "an empty line is none";
}

TEST_F(LineReaderTest, what_was_corrected_completed_or_recalled_as_it_was_submitted) {
  shows("$ ");
  types_and_shows("lx");
  types("\x7f");
  shows("\b \b");
  types_and_shows("s");
  types("\r");
  shows("\r\n$ ");
  types_and_shows("cat /etc/pas");
  types("\t");
  shows("swd ");
  types("\r");
  shows("\r\n$ ");
  types("\x1b[A");
  shows("rm -rf /srv");
  types("\r");
  shows("\r\n$ ");
  EXPECT_EQ(lines(), (Lines{"$|ls", "$|cat /etc/passwd", "$|rm -rf /srv"}));
}

TEST_F(LineReaderTest, that_is_edited_reads_as_the_screen_has_it) {
  shows("$ ");
  types_and_shows("id");
  types("\x01");
  shows("\r\x1b[2C");
  types("sudo ");
  shows("\x1b[5@sudo ");
  types("\r");
  shows("\r\n");
  EXPECT_EQ(lines(), Lines{"$|sudo id"});
}

TEST_F(LineReaderTest, a_paste_that_is_echoed_only_afterwards) {
  shows("$ ");
  types("echo one\r");
  shows("echo one\r\none\r\n$ ");
  EXPECT_EQ(lines(), Lines{"$|echo one"});
}

TEST_F(LineReaderTest, lines_typed_ahead) {
  shows("$ ");
  types("sleep 1\recho two\r");
  shows("sleep 1\r\n");
  now += 1000;
  shows("done\r\n$ echo two\r\ntwo\r\n$ ");
  EXPECT_EQ(lines(), (Lines{"$|sleep 1", "$|echo two"}));
}

TEST_F(LineReaderTest, a_line_typed_ahead_that_never_shows_is_none) {
  shows("$ ");
  types("sleep 9\rnever\r");
  shows("sleep 9\r\n");
  now += 6000;
  shows("never\r\n");
  EXPECT_EQ(lines(), Lines{"$|sleep 9"});
}

TEST_F(LineReaderTest, nor_is_one_after_a_flood) {
  shows("$ ");
  types("cat big\rls\r");
  shows("cat big\r\n");
  for (int i = 0; i < 300; ++i) shows(std::string(1000, 'b') + "\r\n");
  shows("$ ls\r\n$ ");
  types_and_shows("id");
  types("\r");
  shows("\r\n");
  EXPECT_EQ(lines(), (Lines{"$|cat big", "$|id"}));
}

TEST_F(LineReaderTest, what_a_program_wrote_is_none_though_it_ends_so) {
  shows("$ ");
  types("./ask\ry\r");
  shows("./ask\r\nthe key is: y\r\n$ ");
  EXPECT_EQ(lines(), Lines{"$|./ask"});
}

TEST_F(LineReaderTest, nor_does_it_cost_the_lines_after_it) {
  shows("$ ");
  types("sleep 9\rnever\r");
  shows("sleep 9\r\n$ ");
  types_and_shows("id");
  types("\r");
  shows("\r\n");
  EXPECT_EQ(lines(), (Lines{"$|sleep 9", "$|id"}));
}

TEST_F(LineReaderTest, what_the_terminal_answers_to_a_program_is_nobody_s_key) {
  shows("\x1b[?1049h\x1b[c\x1b]11;?\x07");
  types("\x1b[?1;2c\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[I");
  shows("$ ");
  types_and_shows("cd /tm");
  types("\t");
  shows("p/");
  types("\r");
  shows("\r\n");
  EXPECT_EQ(lines(), Lines{"$|cd /tmp/"});
}

TEST_F(LineReaderTest, enter_within_a_bracketed_paste_submits_nothing) {
  shows("$ ");
  types("\x1b[200~for i in 1\rdo id; done\x1b[201~");
  shows("for i in 1\r\ndo id; done");
  types("\r");
  shows("\r\n");
  EXPECT_EQ(lines(), Lines{"$|for i in 1\ndo id; done"});
}

TEST_F(LineReaderTest, a_line_that_is_wrapped) {
  shows("$ ");
  const std::string line = "echo " + std::string(60, 'y') + " end";
  types_and_shows(line);
  types("\r");
  shows("\r\n");
  EXPECT_EQ(lines(), Lines{"$|" + line});
}

TEST_F(LineReaderTest, that_is_wrapped_and_pasted_at_once) {
  shows("$ ");
  const std::string line = "echo " + std::string(60, 'y') + " end";
  types(line + "\r");
  shows(line + "\r\n");
  EXPECT_EQ(lines(), Lines{"$|" + line});
}

TEST_F(LineReaderTest, what_ends_without_enter_is_none) {
  shows("$ ");
  types_and_shows("rm -rf /");
  types("\x03");
  shows("^C\r\n$ ");
  types_and_shows("ls");
  types("\r");
  shows("\r\n");
  EXPECT_EQ(lines(), Lines{"$|ls"});
}

TEST_F(LineReaderTest, no_secret) {
  shows("Password: ");
  types("hunter2\r", true);
  shows("\r\n");
  shows("[sudo] password for ada: ");
  types("hunter2");
  shows("*******");
  types("\r");
  shows("\r\n");
  shows("PIN: ");
  types_and_shows("1234");
  types("\r");
  shows("\r\n");
  shows("$ ");
  types("hunter2\r");
  reader.hide_last();
  shows("hunter2\r\n");
  EXPECT_EQ(lines(), Lines{});
}

TEST_F(LineReaderTest, what_stood_right_of_it_is_no_part_of_it) {
  shows("$ \x1b[30G12:00:00\x1b[3G");
  types_and_shows("ls");
  types("\r");
  shows("\r\n");
  EXPECT_EQ(lines(), Lines{"$|ls"});
}

TEST_F(LineReaderTest, a_prompt_drawn_anew_is_found_again) {
  shows("old\r\nold\r\n$ ");
  types_and_shows("ls");
  types("\x0c");
  shows("\x1b[H\x1b[J$ ls");
  types_and_shows(" -l");
  types("\r");
  shows("\r\n");
  EXPECT_EQ(lines(), Lines{"$|ls -l"});
}

TEST_F(LineReaderTest, a_list_of_what_completes_it_is_no_part_of_it) {
  shows("$ ");
  types_and_shows("ls /etc/ho");
  types("\t");
  types("\t");
  shows("\r\nhosts     hostname\r\n$ ls /etc/ho");
  types_and_shows("sts");
  types("\r");
  shows("\r\n");
  EXPECT_EQ(lines(), Lines{"$|ls /etc/hosts"});
}

TEST_F(LineReaderTest, what_ends_a_program_s_input_begins_nothing) {
  shows(">>> ");
  types("\x04");
  shows("\r\n$ ");
  types_and_shows("ls");
  types("\t");
  types("\r");
  shows("\r\n");
  EXPECT_EQ(lines(), Lines{"$|ls"});
}

TEST_F(LineReaderTest, that_shows_twice_reads_once) {
  shows("$ ");
  types_and_shows("python3");
  types("\r");
  shows("\r\n");
  types_and_shows("x = 1");  // echoed by the terminal, before there is a prompt
  types("\r");
  shows(">>> x = 1\r\n");
  EXPECT_EQ(lines(), (Lines{"$|python3", "x = 1>>>|x = 1"}));
}

TEST_F(LineReaderTest, an_editor_s_command_line_and_no_key_of_its_others) {
  shows("\x1b[?1049h\x1b[Hfirst line\r\nsecond line\x1b[H");
  types("dd");
  types("j");
  shows("\x1b[2;1H");
  types("\r");
  shows("\x1b[3;1H");
  EXPECT_EQ(lines(), Lines{});
  types(":");
  shows("\x1b[10;1H:");
  types_and_shows("wq");
  types("\r");
  shows("\r\x1b[10;1H\x1b[K\x1b[?1049l");
  EXPECT_EQ(lines(), Lines{"|:wq"});
}

TEST_F(LineReaderTest, a_shell_within_a_multiplexer) {
  shows("\x1b[?1049h\x1b[H\x1b[J$ \x1b[1;20H\xe2\x94\x82 other pane\x1b[1;3H");
  types_and_shows("l");
  types("\t");
  shows("s");
  types("\r");
  shows("\x1b[2;1H$ ");
  EXPECT_EQ(lines(), Lines{"$|ls"});
}

TEST_F(LineReaderTest, is_bounded_and_no_control_character_is_in_it) {
  LineReader wide{500, 1000};
  wide.output(at(1), as_bytes("\xc2\x9b$ "));
  std::string keys(9000, 'k');
  wide.typed(at(1), as_bytes(keys), false);
  wide.output(at(1), as_bytes(keys));
  wide.typed(at(1), as_bytes("\r"), false);
  wide.output(at(1), as_bytes("\r\n"));
  const auto lines = wide.take();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].line.text.size(), event::kLineBytesMax);
  EXPECT_TRUE(lines[0].line.is_cut);
  EXPECT_EQ(lines[0].line.prompt, "\xef\xbf\xbd$");
}

TEST_F(LineReaderTest, is_told_by_the_bytes_that_submitted_it) {
  types("\r");
  shows("\r\n$ ");
  types("ls");
  types("\rrm");
  shows("ls\r\n$ rm");
  types(" x\x03");
  shows(" x^C\r\n$ ");
  types("echo");
  shows("echo");
  types("\x1b[D\r");
  shows("\b\r\n");
  const auto lines = reader.take();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].line.text, "ls");
  EXPECT_EQ(std::pair(lines[0].from, lines[0].upto), std::pair(uint64_t{1}, uint64_t{4}));
  EXPECT_EQ(lines[1].line.text, "echo");
  EXPECT_EQ(std::pair(lines[1].from, lines[1].upto), std::pair(uint64_t{9}, uint64_t{17}));
}

/// A reader that goes on at some place of a session whose screen it does not know.
class LineReaderAnewTest : public LineReaderTest {
 protected:
  using Place = LineReader::Place;
  void goes_on(Place place) { reader = LineReader(10, 40, place, 100); }
};

TEST_F(LineReaderAnewTest, reads_what_has_its_prompt_since) {
  goes_on(Place::kBetween);
  shows("of a row that was there\r\n$ ");
  types_and_shows("ls");
  types("\r");
  shows("\r\n");
  const auto all = reader.take();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].line.text, "ls");
  EXPECT_EQ(all[0].line.prompt, "$");
  EXPECT_EQ(all[0].upto, 103U);
}

TEST_F(LineReaderAnewTest, reads_nothing_on_a_row_that_was_there) {
  for (const char* const shown : {"", "$ ", "\r$ ", "\x1b[3;1H$ "}) {
    goes_on(Place::kBetween);
    shows(shown);
    types_and_shows("PIN 1234");
    types("\r");
    shows("\r\n$ ");
    EXPECT_EQ(lines(), Lines{}) << shown;
    types_and_shows("ls");
    types("\r");
    shows("\r\n");
    // Where the cursor was moved there are rows that it does not know, until something clears them.
    EXPECT_EQ(lines(), shown[0] == '\x1b' ? Lines{} : Lines{"$|ls"}) << shown;
  }
}

TEST_F(LineReaderAnewTest, reads_no_rest_of_what_was_being_typed) {
  goes_on(Place::kWithin);
  shows("\r\n[1] done\r\n$ echo >");
  types_and_shows(" out");
  types("\r");
  shows("\r\n$ ");
  EXPECT_EQ(lines(), Lines{});
  types_and_shows("ls");
  types("\r");
  shows("\r\n");
  EXPECT_EQ(lines(), Lines{"$|ls"});
}

TEST_F(LineReaderAnewTest, nor_of_what_was_being_pasted) {
  goes_on(Place::kInPaste);
  shows("\r\n$ ");
  types("one\rtwo\r");
  shows("one\r\n> two\r\n");
  types("three\x1b[201~\r");
  shows("> three\r\n$ ");
  EXPECT_EQ(lines(), Lines{});
  EXPECT_EQ(reader.place(), Place::kBetween);
}

TEST_F(LineReaderAnewTest, takes_a_program_to_have_the_screen_until_it_knows) {
  for (const bool is_shell : {true, false}) {
    goes_on(Place::kBetween);
    if (is_shell) shows("\x1b[?1049l");
    shows("\r\n(gdb) ");
    types_and_shows("run");
    types("\x1b[D\r");
    shows("\r\n");
    EXPECT_EQ(lines(), is_shell ? Lines{"(gdb)|run"} : Lines{});
  }
}

TEST_F(LineReaderTest, knows_whether_it_is_within_one) {
  EXPECT_EQ(reader.place(), LineReader::Place::kBetween);
  for (const char* const keys : {"l", "\x1b[A", "\x1b[", "\x1b]11;rgb"}) {
    LineReader within{10, 40};
    within.typed(at(1), as_bytes(keys), false);
    EXPECT_EQ(within.place(), LineReader::Place::kWithin) << keys;
  }
  types("ls\r");
  EXPECT_EQ(reader.place(), LineReader::Place::kBetween);
  types("\x1b[200~l");
  EXPECT_EQ(reader.place(), LineReader::Place::kInPaste);
}

}  // namespace
}  // namespace stele::capture
