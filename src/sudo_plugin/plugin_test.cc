// What sudo loads, loaded as sudo loads it, and called as sudo calls it.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sudo_plugin.h>
#include <unistd.h>

#include <cstdarg>
#include <future>

#include "base/check.h"
#include "recorder/test_agent.h"

namespace stele::sudo_plugin {
namespace {

using event::Sudo;

std::string printed;

int print(int, const char* format, ...) {
  char text[4096];
  va_list list;
  va_start(list, format);
  const int size = std::vsnprintf(text, sizeof text, format, list);
  va_end(list);
  printed += text;
  return size;
}

/// A list as sudo makes it: pointers, and a null one at its end.
class List {
 public:
  List(std::initializer_list<std::string> words) : words_(words) {
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
  }
  operator char* const*() { return pointers_.data(); }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

template <typename Kind>
Kind& symbol(const char* name) {
  static void* const library = ::dlopen(STELE_PLUGIN, RTLD_NOW);
  CHECK(library != nullptr);
  return *static_cast<Kind*>(::dlsym(library, name));
}

class PluginTest : public testing::Test {
 protected:
  PluginTest() { printed.clear(); }

  int audit_open() {
    return audit.open(SUDO_API_VERSION, nullptr, print, settings, user, 2, submitted, environment,
                      options, &error);
  }
  int open(unsigned version = SUDO_API_VERSION) {
    return io.open(version, nullptr, print, settings, user, command, 2, argv, environment, options,
                   &error);
  }
  /// open(), and what it comes to when the agent has welcomed it.
  int begin() {
    auto opened = std::async(std::launch::async, [this] { return open(); });
    agent.begin();
    const int result = opened.get();
    EXPECT_TRUE(std::holds_alternative<event::Terms>(heard().body));
    return result;
  }
  event::Event heard() { return std::get<wire::Said>(agent.hear()).event; }
  template <typename Body>
  Body heard_body() {
    const event::Event event = heard();
    CHECK(std::holds_alternative<Body>(event.body));
    return std::get<Body>(event.body);
  }
  void end(int status, int failure = 0) {
    auto closed = std::async(std::launch::async, [&] { io.close(status, failure); });
    event::Event last = heard();
    while (!std::holds_alternative<event::End>(last.body)) last = heard();
    ended = std::get<event::End>(last.body);
    agent.taken(std::get<wire::Bye>(agent.hear()).last);
    closed.get();
  }

  io_plugin& io = symbol<io_plugin>("stele_io");
  audit_plugin& audit = symbol<audit_plugin>("stele_audit");
  recorder::Agent agent;
  List settings{}, argv{"id", "-u"}, submitted{"sudo", "-n", "id", "-u"};
  List user{"user=jane",  "uid=1000", "tty=/dev/pts/7", "cwd=/srv/jane",
            "host=web01", "lines=24", "cols=80"};
  List command{"command=/usr/bin/id", "runas_uid=0", "runas_gid=0", "cwd=/root"};
  List environment{"TERM=vt100", "SSH_CONNECTION=192.0.2.7 1 192.0.2.1 22"};
  List options{"socket=" + agent.path};
  const char* error = nullptr;
  event::End ended;
};

TEST_F(PluginTest, begins_a_session_and_tells_what_was_decided) {
  ASSERT_EQ(audit_open(), 1);
  ASSERT_EQ(audit.accept("sudoers_policy", SUDO_POLICY_PLUGIN, command, argv, environment, &error),
            1);
  agent.terms.banner = "Recorded.";
  auto opened = std::async(std::launch::async, [this] { return open(); });
  agent.accept();
  const auto hello = std::get<wire::Hello>(agent.hear());
  EXPECT_EQ(hello.argv, (std::vector<std::string>{"id", "-u"}));
  EXPECT_EQ(hello.cwd, "/srv/jane");
  EXPECT_EQ(hello.terminal, "vt100");
  EXPECT_EQ(hello.connection, "192.0.2.7 1 192.0.2.1 22");
  EXPECT_EQ(hello.proof, "");
  EXPECT_EQ(hello.size, (event::WindowSize{24, 80, 0, 0}));
  agent.welcome();
  EXPECT_EQ(opened.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout)
      << "the command starts only once its opening is taken";
  agent.taken(1);
  ASSERT_EQ(opened.get(), 1);
  EXPECT_EQ(printed, "Recorded.\n");
  EXPECT_EQ(heard_body<event::Terms>().banner, "Recorded.");
  const auto sudo = heard_body<Sudo>();
  EXPECT_EQ(sudo.what, Sudo::What::kAccept);
  EXPECT_EQ(sudo.plugin, "sudoers_policy");
  EXPECT_EQ(sudo.by, "jane");
  EXPECT_EQ(sudo.by_uid, 1000U);
  EXPECT_EQ(sudo.as, "root");
  EXPECT_EQ(sudo.as_uid, 0U);
  EXPECT_EQ(sudo.file, "/usr/bin/id");
  ASSERT_EQ(audit.accept("sudo", SUDO_FRONT_END, command, argv, environment, &error), 1);
  ASSERT_EQ(audit.accept("sudo", SUDO_FRONT_END, command, List{"/bin/ls"}, environment, &error), 1);
  EXPECT_EQ(heard_body<Sudo>().what, Sudo::What::kCommand);
  end(7 << 8);
  EXPECT_EQ(ended.exit_status, 7);
}

TEST_F(PluginTest, hands_on_all_that_passes_and_no_password) {
  int master = -1, slave = -1;
  ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  ASSERT_EQ(begin(), 1);
  (void)heard_body<Sudo>();
  ASSERT_EQ(io.log_ttyout("Name: ", 6, &error), 1);
  EXPECT_EQ(as_text(heard_body<event::Output>().bytes), "Name: ");
  ASSERT_EQ(io.log_ttyin("ada\r", 4, &error), 1);
  ASSERT_EQ(io.log_ttyout("ada\r\n", 5, &error), 1);
  EXPECT_EQ(as_text(heard_body<event::Input>().bytes), "ada\r");
  EXPECT_EQ(heard_body<event::Line>(), (event::Line{"ada", "Name:"}));
  EXPECT_EQ(as_text(heard_body<event::Output>().bytes), "ada\r\n");
  termios mode{};
  ASSERT_EQ(::tcgetattr(slave, &mode), 0);
  mode.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ASSERT_EQ(::tcsetattr(slave, TCSANOW, &mode), 0);
  ASSERT_EQ(io.log_ttyin("hunter2\r", 8, &error), 1);
  EXPECT_EQ(heard_body<event::Redaction>().bytes_rounded, 16U);
  ASSERT_EQ(io.log_stdin("i", 1, &error), 1);
  ASSERT_EQ(io.log_stdout("o", 1, &error), 1);
  ASSERT_EQ(io.log_stderr("e", 1, &error), 1);
  for (const auto pipe :
       {event::Piped::Pipe::kInput, event::Piped::Pipe::kOutput, event::Piped::Pipe::kError})
    EXPECT_EQ(heard_body<event::Piped>().pipe, pipe);
  ASSERT_EQ(io.change_winsize(24, 80, &error), 1);  // as it is
  ASSERT_EQ(io.change_winsize(70'000, 0, &error), 1);
  EXPECT_EQ(heard_body<event::Resize>().size, (event::WindowSize{65'535, 0, 0, 0}));
  ASSERT_EQ(io.log_suspend(SIGTSTP, &error), 1);
  EXPECT_FALSE(heard_body<event::Suspend>().continued);
  ASSERT_EQ(io.log_suspend(SIGCONT, &error), 1);
  EXPECT_TRUE(heard_body<event::Suspend>().continued);
  end(SIGKILL);
  EXPECT_EQ(ended.signal, SIGKILL);
  EXPECT_EQ(ended.output_bytes, 13U);
  EXPECT_EQ(ended.input_bytes, 4 + 16 + 1U);
  ::close(master);
  ::close(slave);
}

TEST_F(PluginTest, without_a_terminal_of_the_commands_nothing_typed_is_kept) {
  ASSERT_EQ(begin(), 1);
  ASSERT_EQ(io.log_ttyin("word\r", 5, &error), 1);
  (void)heard_body<Sudo>();
  EXPECT_EQ(heard_body<event::Redaction>().why, event::Redaction::Why::kNoEcho);
  end(0);
}

TEST_F(PluginTest, a_large_buffer_is_more_than_one_event) {
  const std::string much(wire::kContentBytesMax + 1, 'x');
  ASSERT_EQ(begin(), 1);
  (void)heard_body<Sudo>();
  ASSERT_EQ(io.log_stdout(much.data(), static_cast<unsigned>(much.size()), &error), 1);
  EXPECT_EQ(heard_body<event::Piped>().bytes.size(), wire::kContentBytesMax);
  EXPECT_EQ(heard_body<event::Piped>().bytes.size(), 1U);
  end(0);
}

TEST_F(PluginTest, what_is_refused_is_a_session_that_never_ran) {
  ASSERT_EQ(audit_open(), 1);
  auto told = std::async(std::launch::async, [this] {
    return audit.reject("sudoers_policy", SUDO_POLICY_PLUGIN, "not allowed", command, &error);
  });
  agent.accept();
  EXPECT_EQ(std::get<wire::Hello>(agent.hear()).argv, (std::vector<std::string>{"id", "-u"}));
  agent.welcome();
  agent.taken(1);
  (void)heard_body<event::Terms>();
  const auto sudo = heard_body<Sudo>();
  EXPECT_EQ(sudo.what, Sudo::What::kReject);
  EXPECT_EQ(sudo.why, "not allowed");
  const auto last = heard_body<event::End>();
  EXPECT_EQ(last.why, "rejected by sudo");
  EXPECT_FALSE(last.exit_status || last.signal);
  agent.taken(std::get<wire::Bye>(agent.hear()).last);
  EXPECT_EQ(told.get(), 1);
}

TEST_F(PluginTest, a_refusal_that_can_not_be_recorded_is_said_and_stays_one) {
  ASSERT_EQ(audit_open(), 1);
  auto told = std::async(std::launch::async, [this] {
    return audit.error("sudoers_policy", SUDO_POLICY_PLUGIN, nullptr, nullptr, &error);
  });
  agent.accept();
  (void)agent.hear();
  agent.say(wire::encode(wire::SessionRefused{wire::SessionRefusal::kPolicy, "nobody may"}));
  EXPECT_EQ(told.get(), 1);
  EXPECT_NE(printed.find("this refusal is not in the record"), printed.npos) << printed;
}

TEST_F(PluginTest, refuses_what_can_not_be_recorded) {
  ASSERT_EQ(audit_open(), 1);
  auto opened = std::async(std::launch::async, [this] { return open(); });
  agent.accept();
  (void)agent.hear();
  agent.say(wire::encode(wire::SessionRefused{wire::SessionRefusal::kPolicy, "nobody may"}));
  EXPECT_EQ(opened.get(), -1);
  EXPECT_NE(printed.find("not recorded, so it is refused: the agent refused it: nobody may"),
            printed.npos)
      << printed;
  EXPECT_EQ(audit.error("stele_io", SUDO_IO_PLUGIN, "no", command, &error), 1)
      << "of a refusal of ours nobody can be told";
}

TEST_F(PluginTest, runs_without_a_record_only_where_policy_says_so) {
  auto opened = std::async(std::launch::async, [this] { return open(); });
  agent.accept();
  (void)agent.hear();
  agent.say(wire::encode(wire::Unrecorded{"Not recorded."}));
  EXPECT_EQ(opened.get(), 0);
  EXPECT_EQ(printed, "Not recorded.\n");
  EXPECT_EQ(io.log_ttyout("x", 1, &error), 1);
}

TEST_F(PluginTest, ends_what_can_not_be_recorded_any_more) {
  ASSERT_EQ(begin(), 1);
  (void)heard_body<Sudo>();
  agent.say(wire::encode(wire::SessionRefused{wire::SessionRefusal::kFailed, "no room"}));
  agent.die();
  int result = 1;
  for (int i = 0; result == 1 && i < 1000; ++i) {
    result = io.log_ttyout("x", 1, &error);
    ::usleep(1000);
  }
  EXPECT_EQ(result, 0);
  EXPECT_NE(std::string(error).find("can not be recorded any more: the agent ended it: no room"),
            std::string::npos)
      << error;
  io.close(0, 0);
  EXPECT_NE(printed.find("the record of this session is not complete"), printed.npos) << printed;
}

TEST_F(PluginTest, refuses_another_sudo_and_an_option_it_does_not_know) {
  EXPECT_EQ(open(SUDO_API_MKVERSION(1, 14)), -1);
  EXPECT_NE(std::string(error).find("not that of sudo 1.9"), std::string::npos);
  EXPECT_EQ(open(SUDO_API_MKVERSION(2, 20)), -1);
  options = List{"sokcet=/tmp/x"};
  EXPECT_EQ(open(), -1);
  EXPECT_NE(std::string(error).find("no option sokcet=/tmp/x"), std::string::npos);
}

TEST_F(PluginTest, what_is_no_command_is_not_recorded) {
  EXPECT_EQ(io.open(SUDO_API_VERSION, nullptr, print, settings, user, command, 0, argv, environment,
                    options, &error),
            1);
  EXPECT_EQ(io.show_version(0), 1);
}

}  // namespace
}  // namespace stele::sudo_plugin
