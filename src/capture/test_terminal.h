// Test only: a person at a terminal, and the recorder that runs there as a process of its own (this
// test program again; see test_recorder_test.cc), so that signals, hang-ups and exits are real.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/event.h"
#include "os/process.h"
#include "os/pty.h"
#include "os/terminal_mode.h"

namespace stele::capture {

/// How the recorder is run. Told to it through its environment.
struct Setting {
  event::InputPolicy policy = event::InputPolicy::kRedact;
  std::string fail_on;  // the sink refuses bytes that contain this
  std::string session;
  /// A shell command that runs the recorder as "$@", e.g. "\"$@\" < file"; empty: it runs directly.
  std::string shell;
  os::WindowSize size{24, 80, 0, 0};
};

class TestTerminal {
 public:
  explicit TestTerminal(const std::vector<std::string>& argv, Setting setting = {});
  ~TestTerminal();

  /// Types all of it, reading what is shown meanwhile so that nobody gets stuck.
  void type(std::string_view bytes);
  /// Types what the terminal takes without anything being read; how much that was.
  size_t type_without_reading(std::string_view bytes);
  /// Reads until `text` is shown after all earlier matches, or 20 s are over.
  [[nodiscard]] bool shows(std::string_view text);
  /// Reads on until the condition holds, or 20 s are over.
  [[nodiscard]] bool until(const std::function<bool()>& condition, bool reading = true);
  /// Reads until the recorder has ended; its exit code (128 + n for a signal), or nothing.
  std::optional<int> exit_code();
  void hang_up() { pty_.master.reset(); }
  void resize(const os::WindowSize& size);
  void signal(int number);

  const std::string& shown() const { return shown_; }
  int master() const { return pty_.master.get(); }
  bool is_raw() const;
  /// The recorder has read all that was typed.
  bool has_taken_all() const { return !os::has_unread_input(pty_.slave.get()); }
  /// What the sink has taken so far.
  std::vector<event::Event> events() const;
  pid_t recorder() const { return recorder_; }
  const std::string& folder() const { return folder_; }
  /// A path in this test's own folder, removed with it.
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

 private:
  bool read_once(std::optional<Micros> timeout);

  std::string folder_;
  os::Pty pty_;
  std::optional<os::TerminalMode> mode_;
  pid_t recorder_ = -1;
  std::optional<os::Ended> ended_;
  std::string shown_;
  size_t matched_ = 0;
};

/// All bytes of one lane's Output or Input events, joined.
std::string joined(const std::vector<event::Event>& events, event::Lane lane);
template <typename Body>
std::vector<Body> bodies(const std::vector<event::Event>& events) {
  std::vector<Body> found;
  for (const event::Event& event : events) {
    if (const Body* body = std::get_if<Body>(&event.body)) found.push_back(*body);
  }
  return found;
}
/// The one End there must be.
event::End end_of(const std::vector<event::Event>& events);

/// The program's other life. Returns the recorder's exit code.
int be_recorder(int argc, char** argv);

}  // namespace stele::capture
