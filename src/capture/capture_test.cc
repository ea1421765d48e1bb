#include "capture/capture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "capture/test_terminal.h"

namespace stele::capture {
namespace {

using Argv = std::vector<std::string>;

Argv shell(const std::string& script) { return {"sh", "-c", script}; }

const Argv kRawCat = shell("stty raw -echo; printf READY; exec cat");

std::string noise(size_t size) {
  std::mt19937 random(7);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}
std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// ── Bytes

TEST(Capture, passes_and_records_every_byte_value_both_ways) {
  TestTerminal terminal(kRawCat);
  ASSERT_TRUE(terminal.shows("READY"));
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  terminal.type(all);
  ASSERT_TRUE(terminal.shows(all));
  // What follows Enter at once waits, in case it was typed ahead of a prompt.
  EXPECT_TRUE(
      terminal.until([&] { return joined(terminal.events(), event::Lane::kInput) == all; }));
  EXPECT_EQ(joined(terminal.events(), event::Lane::kOutput), terminal.shown());
}

TEST(Capture, shows_and_records_a_flood_exactly) {
  TestTerminal terminal(
      shell("stty raw; while [ ! -e $FOLDER/go ]; do sleep 0.01; done; cat $FOLDER/flood"));
  const std::string flood = noise(3'000'000);
  write_file(terminal.path("flood"), flood);
  write_file(terminal.path("go"), "");
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_EQ(terminal.shown(), flood);
  EXPECT_EQ(joined(terminal.events(), event::Lane::kOutput), flood);
  EXPECT_EQ(end_of(terminal.events()).output_bytes, flood.size());
}

TEST(Capture, holds_a_flood_back_for_a_slow_terminal_and_still_takes_its_keys) {
  TestTerminal terminal(
      shell("stty raw -echo; printf READY; while [ ! -e $FOLDER/go ]; do sleep 0.01; done;"
            "cat $FOLDER/flood & head -c5 > $FOLDER/keys; wait"));
  const std::string flood = noise(1'000'000);
  write_file(terminal.path("flood"), flood);
  ASSERT_TRUE(terminal.shows("READY"));
  write_file(terminal.path("go"), "");
  const auto recorded = [&] { return joined(terminal.events(), event::Lane::kOutput).size(); };
  // Nobody reads the terminal: its buffer and ours fill, and no more is taken from the command.
  ASSERT_TRUE(terminal.until([&] { return recorded() > 48'000; }, false));
  EXPECT_EQ(terminal.type_without_reading("hello"), 5U);
  ASSERT_TRUE(terminal.until([&] { return read_file(terminal.path("keys")) == "hello"; }, false));
  EXPECT_LT(recorded(), 400'000U);
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_EQ(terminal.shown(), "READY" + flood);
}

TEST(Capture, shows_output_while_a_command_does_not_read) {
  TestTerminal terminal(shell(
      "stty raw -echo; printf READY; while [ ! -e $FOLDER/go ]; do sleep 0.01; done; printf STILL;"
      "head -c300000 | cksum"));
  ASSERT_TRUE(terminal.shows("READY"));
  std::string typed(300'000, 'k');
  std::string_view rest = typed;
  // Until every buffer on the way is full: nothing is taken any more, for many looks in a row.
  size_t refusals = 0;
  ASSERT_TRUE(terminal.until([&] {
    const size_t took = terminal.type_without_reading(rest);
    rest.remove_prefix(took);
    refusals = took > 0 ? 0 : refusals + 1;
    return refusals == 20;
  }));
  EXPECT_LT(rest.size(), typed.size());
  ASSERT_GT(rest.size(), 0U);
  write_file(terminal.path("go"), "");
  ASSERT_TRUE(terminal.shows("STILL"));
  terminal.type(rest);
  ASSERT_TRUE(terminal.shows("300000"));
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_EQ(joined(terminal.events(), event::Lane::kInput).size(), typed.size());
}

TEST(Capture, keeps_what_is_typed_ahead) {
  TestTerminal terminal(shell(
      "printf READY; while [ ! -e $FOLDER/go ]; do sleep 0.01; done; read x; echo \"got:$x\""));
  ASSERT_TRUE(terminal.shows("READY"));
  terminal.type("early bird\r");
  ASSERT_TRUE(terminal.shows("early bird"));
  write_file(terminal.path("go"), "");
  ASSERT_TRUE(terminal.shows("got:early bird"));
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_EQ(joined(terminal.events(), event::Lane::kInput), "early bird\r");
}

// ── The sink comes first

TEST(Capture, shows_nothing_that_the_sink_did_not_take) {
  Setting setting;
  setting.fail_on = "FORBIDDEN";
  TestTerminal terminal(shell("printf START; read x; printf FORBIDDEN; read y"), setting);
  ASSERT_TRUE(terminal.shows("START"));
  EXPECT_TRUE(terminal.is_raw());
  terminal.type("\r");
  EXPECT_EQ(terminal.exit_code(), 200);
  EXPECT_EQ(terminal.shown().find("FORBIDDEN"), std::string::npos);
  EXPECT_FALSE(terminal.is_raw());
}

TEST(Capture, sends_nothing_that_the_sink_did_not_take) {
  Setting setting;
  setting.fail_on = "Q";
  TestTerminal terminal(
      shell("trap 'echo hup > $FOLDER/hup; exit' HUP; stty raw -echo; printf READY;"
            "dd bs=1 count=2 of=$FOLDER/keys 2>/dev/null"),
      setting);
  ASSERT_TRUE(terminal.shows("READY"));
  terminal.type("aQ");
  EXPECT_EQ(terminal.exit_code(), 200);
  EXPECT_TRUE(terminal.until([&] { return std::filesystem::exists(terminal.path("hup")); }));
  EXPECT_EQ(read_file(terminal.path("keys")), "");
  EXPECT_FALSE(terminal.is_raw());
}

// ── How it ends

TEST(Capture, ends_with_the_commands_exit_status) {
  TestTerminal terminal(shell("exit 7"));
  EXPECT_EQ(terminal.exit_code(), 7);
  const event::End end = end_of(terminal.events());
  EXPECT_EQ(end.exit_status, 7);
  EXPECT_EQ(end.signal, std::nullopt);
  EXPECT_EQ(end.why, "");
  EXPECT_GT(end.rss_bytes_max, 100'000U);
  EXPECT_GT((end.user_time + end.system_time).count(), 0);
  EXPECT_FALSE(terminal.is_raw());
}

TEST(Capture, ends_with_128_and_the_signal_that_killed_the_command) {
  TestTerminal terminal(shell("kill -9 $$"));
  EXPECT_EQ(terminal.exit_code(), 137);
  EXPECT_EQ(end_of(terminal.events()).signal, SIGKILL);
  EXPECT_EQ(end_of(terminal.events()).exit_status, std::nullopt);
}

TEST(Capture, says_what_could_not_be_run) {
  TestTerminal nobody({"no-such-command-anywhere"});
  EXPECT_EQ(nobody.exit_code(), 127);
  EXPECT_EQ(end_of(nobody.events()).exit_status, 127);
  EXPECT_EQ(end_of(nobody.events()).why,
            "cannot run no-such-command-anywhere: No such file or directory");
  TestTerminal folder({"/"});
  EXPECT_EQ(folder.exit_code(), 126);
  EXPECT_EQ(end_of(folder.events()).why, "cannot run /: Permission denied");
  EXPECT_FALSE(folder.is_raw());
}

TEST(Capture, does_not_wait_for_what_a_command_leaves_behind) {
  TestTerminal terminal(shell("trap '' HUP; sleep 100 & echo pid=$!=; exit 3"));
  ASSERT_TRUE(terminal.shows("pid="));
  ASSERT_TRUE(terminal.shows("="));
  EXPECT_EQ(terminal.exit_code(), 3);
  const event::End end = end_of(terminal.events());
  EXPECT_EQ(end.why, kWhyBackground);
  EXPECT_EQ(end.exit_status, 3);
  (void)os::send_signal(std::stoi(terminal.shown().substr(4)), SIGKILL);
}

// The end and the last output are then seen in the same moment.
TEST(Capture, ends_when_the_last_output_is_read_after_the_command_s_end) {
  TestTerminal terminal(
      shell("trap '' HUP; echo pid=$$=; while [ ! -e $FOLDER/go ]; do sleep 0.01; done;"
            "sleep 100 & echo left=$!=; exit 3"));
  ASSERT_TRUE(terminal.shows("pid="));
  ASSERT_TRUE(terminal.shows("="));
  const std::string stat =
      "/proc/" + std::to_string(std::stoi(terminal.shown().substr(4))) + "/stat";
  terminal.signal(SIGSTOP);
  write_file(terminal.path("go"), "");
  const auto has_ended = [&] { return read_file(stat).find(") Z ") != std::string::npos; };
  ASSERT_TRUE(terminal.until(has_ended, false));
  terminal.signal(SIGCONT);
  EXPECT_EQ(terminal.exit_code(), 3);
  EXPECT_EQ(end_of(terminal.events()).why, kWhyBackground);
  (void)os::send_signal(std::stoi(terminal.shown().substr(terminal.shown().find("left=") + 5)),
                        SIGKILL);
}

TEST(Capture, shows_all_that_was_written_before_the_end) {
  TestTerminal terminal(shell("stty raw; head -c 60000 /dev/zero"));
  const auto recorded = [&] { return joined(terminal.events(), event::Lane::kOutput).size(); };
  ASSERT_TRUE(terminal.until([&] { return recorded() > 40'000; }, false));
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_EQ(terminal.shown(), std::string(60'000, '\0'));
}

TEST(Capture, hangs_up_when_the_terminal_goes_away) {
  TestTerminal terminal(
      shell("trap 'echo hup > $FOLDER/hup; exit 5' HUP; echo READY; while :; do read x; done"));
  ASSERT_TRUE(terminal.shows("READY"));
  terminal.hang_up();
  EXPECT_EQ(terminal.exit_code(), 129);
  EXPECT_EQ(end_of(terminal.events()).why, "hangup");
  EXPECT_EQ(end_of(terminal.events()).exit_status, 5);
  EXPECT_EQ(read_file(terminal.path("hup")), "hup\n");
}

TEST(Capture, hangs_up_when_it_is_terminated) {
  TestTerminal terminal(
      shell("trap 'echo hup > $FOLDER/hup; exit 5' HUP; echo READY; while :; do read x; done"));
  ASSERT_TRUE(terminal.shows("READY"));
  EXPECT_TRUE(terminal.is_raw());
  terminal.signal(SIGTERM);
  EXPECT_EQ(terminal.exit_code(), 143);
  EXPECT_EQ(end_of(terminal.events()).why, "terminated");
  EXPECT_EQ(read_file(terminal.path("hup")), "hup\n");
  EXPECT_FALSE(terminal.is_raw());
}

TEST(Capture, does_not_wait_for_a_command_that_ignores_the_hangup) {
  TestTerminal terminal(
      shell("trap '' HUP; echo READY; while [ -d $FOLDER ]; do sleep 0.02; done"));
  ASSERT_TRUE(terminal.shows("READY"));
  terminal.signal(SIGTERM);
  EXPECT_EQ(terminal.exit_code(), 143);
  EXPECT_EQ(end_of(terminal.events()).exit_status, std::nullopt);
}

TEST(Capture, takes_the_session_along_when_it_is_killed) {
  TestTerminal terminal(
      shell("trap 'echo hup > $FOLDER/hup; exit' HUP; echo READY; while :; do read x; done"));
  ASSERT_TRUE(terminal.shows("READY"));
  terminal.signal(SIGKILL);
  EXPECT_TRUE(terminal.until([&] { return read_file(terminal.path("hup")) == "hup\n"; }));
}

// ── Keys, jobs and windows

TEST(Capture, gives_interrupt_and_quit_to_the_session) {
  TestTerminal terminal({"bash", "-c",
                         "trap 'echo INT' INT; trap 'echo QUIT' QUIT; echo READY; "
                         "until read -t 1 x; do :; done"});
  ASSERT_TRUE(terminal.shows("READY"));
  terminal.type("\003");
  ASSERT_TRUE(terminal.shows("INT"));
  terminal.type("\034");
  ASSERT_TRUE(terminal.shows("QUIT"));
  terminal.signal(SIGINT);  // from elsewhere: as if it had been typed
  ASSERT_TRUE(terminal.shows("INT"));
  terminal.type("\r");
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_EQ(joined(terminal.events(), event::Lane::kInput), "\003\034\r");
}

TEST(Capture, stops_and_continues_a_job_inside) {
  TestTerminal terminal({"bash", "--norc", "--noprofile", "-i"});
  // Says when the terminal is its own: what is typed before is still the shell's.
  write_file(terminal.path("job"), R"(
import signal, sys, termios
def back(*_):
    while not termios.tcgetattr(0)[3] & termios.ICANON: pass
    print("back", flush=True)
signal.signal(signal.SIGCONT, back)
print("begun", flush=True)
for line in sys.stdin: print("got", line, end="", flush=True)
)");
  ASSERT_TRUE(terminal.until([&] { return terminal.is_raw(); }));
  ASSERT_TRUE(terminal.shows("# "));
  terminal.type("PS1='ready''> '\r");
  ASSERT_TRUE(terminal.shows("ready> "));
  terminal.type("python3 $FOLDER/job\r");
  ASSERT_TRUE(terminal.shows("begun"));
  terminal.type("hello\r");
  ASSERT_TRUE(terminal.shows("got hello"));
  terminal.type("\032");
  ASSERT_TRUE(terminal.shows("Stopped"));
  ASSERT_TRUE(terminal.shows("ready> "));
  terminal.type("fg\r");
  ASSERT_TRUE(terminal.shows("back"));
  terminal.type("again\r");
  ASSERT_TRUE(terminal.shows("got again"));
  terminal.type("\004");
  ASSERT_TRUE(terminal.shows("ready> "));
  terminal.type("exit 4\r");
  EXPECT_EQ(terminal.exit_code(), 4);
  EXPECT_EQ(joined(terminal.events(), event::Lane::kInput),
            "PS1='ready''> '\rpython3 $FOLDER/job\rhello\r\032fg\ragain\r\004exit 4\r");
}

TEST(Capture, stops_with_the_terminal_as_it_was_and_takes_it_back_when_continued) {
  Setting setting;
  setting.shell = "set -m; \"$@\"; echo \"outer: $(jobs -p)\"; read x; fg; echo \"code $?\"";
  TestTerminal terminal(shell("echo READY; read x; echo \"got:$x\"; exit 6"), setting);
  ASSERT_TRUE(terminal.shows("READY"));
  ASSERT_TRUE(terminal.until([&] { return terminal.is_raw(); }));
  ASSERT_TRUE(os::signal_foreground(terminal.master(), SIGTSTP));
  ASSERT_TRUE(terminal.shows("outer: "));
  EXPECT_FALSE(terminal.is_raw());
  terminal.type("\r");
  ASSERT_TRUE(
      terminal.until([&] { return bodies<event::Suspend>(terminal.events()).size() == 2; }));
  ASSERT_TRUE(terminal.until([&] { return terminal.is_raw(); }));
  terminal.type("back\r");
  ASSERT_TRUE(terminal.shows("got:back"));
  ASSERT_TRUE(terminal.shows("code 6"));
  EXPECT_EQ(terminal.exit_code(), 0);
  const std::vector<event::Suspend> expected = {{false}, {true}};
  EXPECT_EQ(bodies<event::Suspend>(terminal.events()), expected);
}

TEST(Capture, goes_on_where_nobody_could_continue_it) {
  // An orphaned process group cannot be stopped from its terminal (POSIX).
  TestTerminal terminal(shell("echo READY; read x; echo \"got:$x\""));
  ASSERT_TRUE(terminal.shows("READY"));
  terminal.signal(SIGTSTP);
  ASSERT_TRUE(
      terminal.until([&] { return bodies<event::Suspend>(terminal.events()).size() == 2; }));
  EXPECT_TRUE(terminal.is_raw());
  terminal.type("on\r");
  ASSERT_TRUE(terminal.shows("got:on"));
  EXPECT_EQ(terminal.exit_code(), 0);
}

TEST(Capture, follows_the_size_of_the_window) {
  TestTerminal terminal(
      shell("while [ ! -e $FOLDER/go ]; do now=$(stty size);"
            "[ \"$now\" = \"$was\" ] || echo \"$now\"; was=$now; done"));
  ASSERT_TRUE(terminal.shows("24 80"));
  terminal.resize({50, 132, 800, 600});
  ASSERT_TRUE(terminal.shows("50 132"));
  terminal.resize({0, 0, 0, 0});
  ASSERT_TRUE(terminal.shows("0 0"));
  terminal.resize({65535, 10000, 65535, 1});
  ASSERT_TRUE(terminal.shows("65535 10000"));
  write_file(terminal.path("go"), "");
  EXPECT_EQ(terminal.exit_code(), 0);
  const std::vector<event::Resize> expected = {
      {{50, 132, 800, 600}}, {{0, 0, 0, 0}}, {{65535, 10000, 65535, 1}}};
  EXPECT_EQ(bodies<event::Resize>(terminal.events()), expected);
}

TEST(Capture, starts_in_windows_of_any_size) {
  for (const os::WindowSize size : {os::WindowSize{0, 0, 0, 0}, os::WindowSize{1, 10000, 0, 0},
                                    os::WindowSize{65535, 65535, 65535, 65535}}) {
    Setting setting;
    setting.size = size;
    TestTerminal terminal(shell("stty size; read x; echo \"$x\""), setting);
    ASSERT_TRUE(terminal.shows(std::to_string(size.rows) + " " + std::to_string(size.columns)));
    terminal.type(std::string(3000, 'w') + "\r");
    ASSERT_TRUE(terminal.shows(std::string(3000, 'w') + "\r\n"));
    EXPECT_EQ(terminal.exit_code(), 0);
    EXPECT_EQ(joined(terminal.events(), event::Lane::kInput).size(), 3001U);
  }
}

// ── Not a terminal

TEST(Capture, passes_the_end_of_a_file_on) {
  Setting setting;
  setting.shell = "printf 'one\\ntwo' | \"$@\"";
  TestTerminal terminal({"cat"}, setting);
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_NE(terminal.shown().find("two"), std::string::npos);
  EXPECT_EQ(joined(terminal.events(), event::Lane::kInput).substr(0, 8), "one\ntwo\004");
}

TEST(Capture, ends_a_shell_that_reads_a_file) {
  Setting setting;
  setting.shell = "printf 'echo a-$((40+2))\\nexit 9\\n' | \"$@\"";
  TestTerminal terminal({"bash", "--norc", "--noprofile", "-i"}, setting);
  EXPECT_EQ(terminal.exit_code(), 9);
  EXPECT_NE(terminal.shown().find("a-42"), std::string::npos);

  setting.shell = "\"$@\" < /dev/null";
  TestTerminal empty({"bash", "--norc", "--noprofile", "-i"}, setting);
  EXPECT_EQ(empty.exit_code(), 0);

  setting.shell = "\"$@\" <&-";
  TestTerminal closed({"sh", "-c", "cat; cat; exit 8"}, setting);
  EXPECT_EQ(closed.exit_code(), 8);
}

TEST(Capture, goes_on_after_the_end_of_its_input) {
  Setting setting;
  setting.shell = "\"$@\" < /dev/null";
  TestTerminal terminal(
      shell("echo READY; while [ ! -e $FOLDER/go ]; do sleep 0.01; done; echo LATER"), setting);
  ASSERT_TRUE(terminal.shows("READY"));
  write_file(terminal.path("go"), "");
  ASSERT_TRUE(terminal.shows("LATER"));
  EXPECT_EQ(terminal.exit_code(), 0);
}

TEST(Capture, writes_into_a_pipe_and_ends_with_it) {
  Setting setting;
  setting.shell = "\"$@\" | cksum";
  TestTerminal terminal(shell("stty raw; head -c 500000 /dev/zero"), setting);
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_NE(terminal.shown().find(" 500000"), std::string::npos);
  EXPECT_EQ(end_of(terminal.events()).why, "");

  setting.shell = "\"$@\" | head -c 10; exit ${PIPESTATUS[0]}";
  TestTerminal cut(shell("while :; do echo more; done"), setting);
  EXPECT_EQ(cut.exit_code(), 129);
  EXPECT_EQ(end_of(cut.events()).why, "hangup");
  EXPECT_FALSE(cut.is_raw());
}

TEST(Capture, records_with_its_output_closed) {
  Setting setting;
  setting.shell = "\"$@\" >&-";
  TestTerminal terminal(shell("echo unseen; exit 2"), setting);
  EXPECT_EQ(terminal.exit_code(), 2);
  EXPECT_EQ(joined(terminal.events(), event::Lane::kOutput), "unseen\r\n");
  EXPECT_EQ(terminal.shown(), "");
}

TEST(Capture, leaves_a_shared_output_blocking_and_a_file_where_it_was) {
  Setting setting;
  setting.shell = "{ echo before; \"$@\"; echo after; } > $FOLDER/out; cat $FOLDER/out";
  TestTerminal terminal(shell("echo inside"), setting);
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_EQ(read_file(terminal.path("out")), "before\ninside\r\nafter\n");
}

// ── The session's surroundings

TEST(Capture, tells_the_command_its_session) {
  Setting setting;
  setting.session = "0197a3b2-0000-7000-8000-000000000000";
  setting.shell = "STELE_SESSION=outer \"$@\"";
  TestTerminal terminal(shell("env | grep STELE; tty; ls /proc/self/fd | wc -w"), setting);
  EXPECT_EQ(terminal.exit_code(), 0);
  EXPECT_NE(terminal.shown().find("STELE_SESSION=" + setting.session), std::string::npos);
  EXPECT_EQ(terminal.shown().find("outer"), std::string::npos);
  EXPECT_NE(terminal.shown().find("/dev/pts/"), std::string::npos);
  EXPECT_NE(terminal.shown().find("\n4\r\n"), std::string::npos) << "0, 1, 2 and ls's own";
}

TEST(Capture, works_inside_itself) {
  Setting setting;
  setting.shell = "\"$@\"";
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  TestTerminal terminal(
      shell("STELE_TEST_EVENTS=$FOLDER/inner STELE_TEST_POLICY=1 STELE_TEST_ROWS=24 "
            "STELE_TEST_COLUMNS=80 " +
            self + " sh -c 'echo DEEP; read x; echo \"got:$x\"; exit 12'"),
      setting);
  ASSERT_TRUE(terminal.shows("DEEP"));
  terminal.type("down\r");
  ASSERT_TRUE(terminal.shows("got:down"));
  EXPECT_EQ(terminal.exit_code(), 12);
  EXPECT_EQ(joined(terminal.events(), event::Lane::kInput), "down\r");
}

}  // namespace
}  // namespace stele::capture
