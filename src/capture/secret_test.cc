// Real programs ask for real secrets; others are typed into. What is recorded of it?
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <utility>

#include "capture/test_terminal.h"

namespace stele::capture {
namespace {

using event::Redaction;

constexpr std::string_view kSecret = "hunter2";

std::string kept(const TestTerminal& terminal) {
  return joined(terminal.events(), event::Lane::kInput);
}

void expect_one_secret(const TestTerminal& terminal, Redaction::Why why) {
  EXPECT_EQ(kept(terminal).find(kSecret.substr(0, 3)), std::string::npos) << kept(terminal);
  EXPECT_EQ(bodies<Redaction>(terminal.events()), std::vector<Redaction>({{why, 16}}));
}

bool is_installed(const char* program) {
  for (const char* folder : {"/usr/bin/", "/bin/", "/usr/sbin/"}) {
    if (std::filesystem::exists(std::string(folder) + program)) return true;
  }
  return false;
}

/// Python that prompts in raw mode and shows `mask` for each key: sudo's pwfeedback, or silence.
std::vector<std::string> raw_prompt(const std::string& prompt, const std::string& mask) {
  const std::string script =
      "import sys, tty, termios, os\n"
      "old = termios.tcgetattr(0); tty.setraw(0)\n"
      "os.write(1, b'" +
      prompt +
      "'); got = b''\n"
      "while not got.endswith(b'\\r'):\n"
      "    got += os.read(0, 1); os.write(1, b'" +
      mask +
      "')\n"
      "termios.tcsetattr(0, termios.TCSADRAIN, old); print(' length', len(got) - 1)\n";
  return {"python3", "-c", script};
}

TEST(Secret, of_bash_read_is_not_kept) {
  TestTerminal terminal(
      {"bash", "-c", "read -s -p 'Password: ' x; echo; echo length ${#x}; read y; echo \"y=$y\""});
  ASSERT_TRUE(terminal.shows("Password: "));
  terminal.type(std::string(kSecret) + "\r");
  ASSERT_TRUE(terminal.shows("length 7"));
  terminal.type("visible\r");
  ASSERT_TRUE(terminal.shows("y=visible"));
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_EQ(kept(terminal), "visible\r");
  expect_one_secret(terminal, Redaction::Why::kNoEcho);
}

TEST(Secret, of_getpass_is_not_kept_even_under_all) {
  Setting setting;
  setting.policy = event::InputPolicy::kAll;
  TestTerminal terminal({"python3", "-c", "import getpass; print(len(getpass.getpass()))"},
                        setting);
  ASSERT_TRUE(terminal.shows("Password: "));
  // getpass drops what was typed before the switch: wait until a look says "hidden".
  terminal.type(std::string(kSecret) + "\r");
  ASSERT_TRUE(terminal.shows("7\r\n"));
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_EQ(kept(terminal), "");
  expect_one_secret(terminal, Redaction::Why::kNoEcho);
}

TEST(Secret, of_sudo_is_not_kept) {
  if (!is_installed("sudo") || !is_installed("setpriv") || !os::environment().size() ||
      !std::ofstream("/proc/self/oom_score_adj")) {
    GTEST_SKIP() << "needs root, sudo and setpriv";
  }
  TestTerminal terminal({"setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", "sudo",
                         "-k", "-p", "Password for %p: ", "true"});
  if (!terminal.until([&] { return terminal.shown().find("assword") != std::string::npos; })) {
    GTEST_SKIP() << "sudo did not ask: " << terminal.shown();
  }
  ASSERT_TRUE(terminal.shows("daemon: "));
  terminal.type(std::string(kSecret) + "\r");
  ASSERT_TRUE(terminal.until([&] { return !bodies<Redaction>(terminal.events()).empty(); }));
  expect_one_secret(terminal, Redaction::Why::kNoEcho);
}

TEST(Secret, typed_in_raw_mode_is_guessed) {
  for (const char* mask : {"", "*", "\\xe2\\x80\\xa2"}) {
    TestTerminal terminal(raw_prompt("[sudo] password for ada: ", mask));
    ASSERT_TRUE(terminal.shows("password for ada: "));
    for (const char key : std::string(kSecret) + "\r") terminal.type({&key, 1});
    ASSERT_TRUE(terminal.shows("length 7"));
    EXPECT_EQ(terminal.exit_code(), 0);
    EXPECT_EQ(kept(terminal), "");
    expect_one_secret(terminal, Redaction::Why::kHeuristic);
  }
}

TEST(Secret, typed_in_raw_mode_is_kept_under_all) {
  Setting setting;
  setting.policy = event::InputPolicy::kAll;
  TestTerminal terminal(raw_prompt("Password: ", ""), setting);
  ASSERT_TRUE(terminal.shows("Password: "));
  terminal.type(std::string(kSecret) + "\r");
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_EQ(kept(terminal), std::string(kSecret) + "\r");
}

TEST(Secret, is_all_input_under_none) {
  Setting setting;
  setting.policy = event::InputPolicy::kNone;
  TestTerminal terminal({"sh", "-c", "echo READY; read x; echo \"got:$x\""}, setting);
  ASSERT_TRUE(terminal.shows("READY"));
  terminal.type("word\r");
  ASSERT_TRUE(terminal.shows("got:word"));
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_EQ(kept(terminal), "");
  EXPECT_TRUE(bodies<Redaction>(terminal.events()).empty());
}

TEST(Secret, is_never_kept_however_often_echo_changes_while_it_is_typed) {
  // The program turns echo off and on as fast as it can. No order of looks can tell which of the
  // words met which; whether a word was shown can.
  TestTerminal terminal(
      {"python3", "-c",
       "import termios, os\n"
       "print('READY', flush=True)\n"
       "on = termios.tcgetattr(0); off = termios.tcgetattr(0); off[3] &= ~termios.ECHO\n"
       "def wait(): return any([os.path.exists(os.environ['FOLDER'] + '/go') for i in range(20)])\n"
       "while not wait():\n"
       "    termios.tcsetattr(0, termios.TCSANOW, off); wait()\n"
       "    termios.tcsetattr(0, termios.TCSANOW, on)\n"});
  ASSERT_TRUE(terminal.shows("READY"));
  const auto word = [](size_t i) { return "w" + std::to_string(10'000 + i) + "w"; };
  const auto was_shown = [&](size_t i) {
    return terminal.shown().find(word(i)) != std::string::npos;
  };
  // Until enough of them met the program with its echo off, wherever its time slices fall.
  size_t words = 0;
  for (size_t unseen = 0; unseen < 20 && words < 20'000; ++words) {
    terminal.type(word(words) + "\r");
    bool looked = false;
    ASSERT_TRUE(
        terminal.until([&] { return std::exchange(looked, true) && terminal.has_taken_all(); }));
    unseen += was_shown(words) ? 0 : 1;
  }
  ASSERT_TRUE(terminal.until([&] {
    const auto events = terminal.events();
    const std::string input = joined(events, event::Lane::kInput);
    const auto marks = static_cast<size_t>(std::count(input.begin(), input.end(), 'w'));
    return marks / 2 + bodies<Redaction>(events).size() >= words;
  }));
  std::ofstream(terminal.path("go")) << "";
  EXPECT_EQ(terminal.exit_code(), 0);
  size_t hidden = 0, hidden_though_shown = 0;
  const std::string input = kept(terminal);
  for (size_t i = 0; i < words; ++i) {
    const bool was_kept = input.find(word(i)) != std::string::npos;
    EXPECT_TRUE(was_shown(i) || !was_kept) << word(i) << " was not shown, and was kept";
    hidden += was_shown(i) ? 0 : 1;
    hidden_though_shown += was_shown(i) && !was_kept ? 1 : 0;
  }
  EXPECT_GT(hidden, 0U);  // or nothing was tested
  EXPECT_LT(hidden, words);
  RecordProperty("words", static_cast<int>(words));
  RecordProperty("hidden", static_cast<int>(hidden));
  RecordProperty("shown_but_not_kept", static_cast<int>(hidden_though_shown));
}

TEST(Typed, into_readline_is_kept) {
  TestTerminal terminal({"bash", "--norc", "--noprofile", "-i"});
  ASSERT_TRUE(terminal.until([&] { return terminal.is_raw(); }));
  ASSERT_TRUE(terminal.shows("# "));
  terminal.type("PS1='ready''> '\r");
  ASSERT_TRUE(terminal.shows("ready> "));
  terminal.type("echo one\r");
  ASSERT_TRUE(terminal.shows("\rone\r\n"));
  ASSERT_TRUE(terminal.shows("ready> "));
  terminal.type("\033[A\177o\t\r");
  ASSERT_TRUE(terminal.shows("\rono\r\n"));
  ASSERT_TRUE(terminal.shows("ready> "));
  terminal.type("\022ech\r");
  ASSERT_TRUE(terminal.shows("\rono\r\n"));
  ASSERT_TRUE(terminal.shows("ready> "));
  terminal.type("exit\r");
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_EQ(kept(terminal), "PS1='ready''> '\recho one\r\033[A\177o\t\r\022ech\rexit\r");
}

TEST(Typed, into_vim_is_kept) {
  if (!is_installed("vim")) GTEST_SKIP() << "needs vim";
  TestTerminal terminal({"vim", "-u", "NONE", "-i", "NONE", "-N", "-n", "text"});
  ASSERT_TRUE(terminal.shows("text"));
  std::string typed;
  const auto type = [&](const std::string& keys) { terminal.type(keys), typed += keys; };
  type(":e $FOLDER/text\r");
  type("ihello: world\r");
  ASSERT_TRUE(terminal.shows("world"));
  type("second line?\033");
  ASSERT_TRUE(terminal.shows("line?"));
  type("k0wwdwu");
  type("yyp:s/world/there/\r");
  ASSERT_TRUE(terminal.shows("there"));
  type(":wq\r");
  EXPECT_EQ(terminal.exit_code(), 0);
  // The answers of terminals that vim asks for are ours to give: we gave none.
  EXPECT_EQ(kept(terminal), typed);
  EXPECT_TRUE(bodies<Redaction>(terminal.events()).empty());
  std::ifstream file(terminal.path("text"));
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, "hello: world");
}

TEST(Typed, into_less_is_kept) {
  if (!is_installed("less")) GTEST_SKIP() << "needs less";
  for (const char* flags : {"", "-X"}) {
    TestTerminal terminal(
        {"sh", "-c",
         "seq 1 500 > $FOLDER/numbers; exec less " + std::string(flags) + " $FOLDER/numbers"});
    ASSERT_TRUE(terminal.shows("numbers"));
    terminal.type("j");
    ASSERT_TRUE(terminal.shows("24"));
    terminal.type("j");
    ASSERT_TRUE(terminal.shows("25"));
    terminal.type(" ");
    ASSERT_TRUE(terminal.shows("48"));
    terminal.type("/300");
    ASSERT_TRUE(terminal.shows("0"));
    terminal.type("\r");
    ASSERT_TRUE(terminal.shows("322"));
    terminal.type("q");
    EXPECT_EQ(terminal.exit_code(), 0);
    EXPECT_EQ(kept(terminal), "jj /300\rq");
  }
}

}  // namespace
}  // namespace stele::capture
