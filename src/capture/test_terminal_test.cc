// The helper of the other tests, and this test program's main.
#include "capture/test_terminal.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "capture/capture.h"
#include "os/clock.h"

namespace stele::capture {
namespace {

constexpr Micros kPatience{20'000'000};
constexpr uint64_t kNone = 999;
constexpr const char* kEventsVariable = "STELE_TEST_EVENTS";

std::string setting_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// Writes each event to a file, at once: lane, time, kind, size, payload.
class FileSink : public event::Sink {
 public:
  FileSink(const std::string& path, std::string fail_on)
      : file_(path, std::ios::binary | std::ios::app), fail_on_(std::move(fail_on)) {}

  Status output(BootTime at, ByteSpan bytes) override {
    return take(event::Lane::kOutput, at, 'o', as_text(bytes));
  }
  Status input(BootTime at, ByteSpan bytes) override {
    return take(event::Lane::kInput, at, 'i', as_text(bytes));
  }
  Status event(BootTime at, event::Lane lane, const event::Body& body) override {
    if (const auto* resize = std::get_if<event::Resize>(&body)) {
      return take(lane, at, 'w',
                  {reinterpret_cast<const char*>(&resize->size), sizeof resize->size});
    }
    if (const auto* redaction = std::get_if<event::Redaction>(&body)) {
      const uint64_t parts[] = {static_cast<uint64_t>(redaction->why), redaction->bytes_rounded};
      return take(lane, at, 'x', {reinterpret_cast<const char*>(parts), sizeof parts});
    }
    if (const auto* suspend = std::get_if<event::Suspend>(&body)) {
      return take(lane, at, 's', suspend->continued ? "1" : "0");
    }
    if (const auto* line = std::get_if<event::Line>(&body)) return take(lane, at, 'l', line->text);
    const auto& end = std::get<event::End>(body);
    const uint64_t parts[] = {end.exit_status ? *end.exit_status : kNone,
                              end.signal ? *end.signal : kNone,
                              end.output_bytes,
                              end.input_bytes,
                              end.rss_bytes_max,
                              static_cast<uint64_t>((end.user_time + end.system_time).count())};
    return take(lane, at, 'e',
                std::string(reinterpret_cast<const char*>(parts), sizeof parts) + end.why);
  }
  void passed_on() override {}

 private:
  Status take(event::Lane lane, BootTime at, char kind, std::string_view payload) {
    if (!fail_on_.empty() && payload.find(fail_on_) != std::string_view::npos) {
      return fail(Code::kNoSpace, "the test's sink is full");
    }
    const int64_t time = micros(at);
    const uint64_t size = payload.size();
    file_.put(static_cast<char>(lane)).put(kind);
    file_.write(reinterpret_cast<const char*>(&time), sizeof time);
    file_.write(reinterpret_cast<const char*>(&size), sizeof size);
    file_.write(payload.data(), static_cast<std::streamsize>(size));
    file_.flush();
    return {};
  }

  std::ofstream file_;
  std::string fail_on_;
};

template <typename T>
T load(std::string_view& bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

event::Body body_of(char kind, std::string_view payload) {
  const Bytes bytes(payload.begin(), payload.end());
  switch (kind) {
    case 'o':
      return event::Output{bytes};
    case 'i':
      return event::Input{bytes};
    case 'w':
      return event::Resize{load<event::WindowSize>(payload)};
    case 'x': {
      const auto why = static_cast<event::Redaction::Why>(load<uint64_t>(payload));
      return event::Redaction{why, load<uint64_t>(payload)};
    }
    case 'l':
      return event::Line{std::string(payload), ""};
    case 's':
      return event::Suspend{payload == "1"};
    default:
      break;
  }
  event::End end;
  if (const auto status = load<uint64_t>(payload); status != kNone) end.exit_status = status & 255;
  if (const auto signal = load<uint64_t>(payload); signal != kNone) end.signal = signal & 255;
  end.output_bytes = load<uint64_t>(payload);
  end.input_bytes = load<uint64_t>(payload);
  end.rss_bytes_max = load<uint64_t>(payload);
  end.user_time = Micros(static_cast<int64_t>(load<uint64_t>(payload)));
  end.why = payload;
  return end;
}

}  // namespace

TestTerminal::TestTerminal(const std::vector<std::string>& argv, Setting setting) {
  std::string pattern = (std::filesystem::temp_directory_path() / "stele-capture-XXXXXX").string();
  folder_ = ::mkdtemp(pattern.data());
  auto pty = os::open_pty(std::nullopt, setting.size);
  EXPECT_TRUE(pty) << pty.error().message();
  if (!pty) return;
  pty_ = *std::move(pty);
  mode_ = *os::terminal_mode(pty_.slave.get());

  os::Command command;
  command.file = "/proc/self/exe";
  command.argv = {std::filesystem::read_symlink("/proc/self/exe").string()};
  command.argv.insert(command.argv.end(), argv.begin(), argv.end());
  if (!setting.shell.empty()) {
    command.file = "/bin/bash";
    command.argv.insert(command.argv.begin(), {"bash", "-c", setting.shell, "bash"});
  }
  command.environment = os::environment();
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {kEventsVariable, path("events")},
           {"STELE_TEST_POLICY", std::to_string(static_cast<int>(setting.policy))},
           {"STELE_TEST_FAIL_ON", setting.fail_on},
           {"STELE_TEST_SESSION", setting.session},
           {"STELE_TEST_ROWS", std::to_string(setting.size.rows)},
           {"STELE_TEST_COLUMNS", std::to_string(setting.size.columns)},
           {"FOLDER", folder_},
           {"TERM", "xterm"},
           {"LC_ALL", "C.UTF-8"}}) {
    std::erase_if(command.environment,
                  [&](const std::string& entry) { return entry.starts_with(name + "="); });
    command.environment.push_back(name + "=" + value);
  }
  auto child = os::spawn(command, pty_.slave.get());
  EXPECT_TRUE(child) << child.error().message();
  if (child) recorder_ = *child;
}

TestTerminal::~TestTerminal() {
  hang_up();
  if (recorder_ > 0 && !ended_) {
    (void)os::send_signal(recorder_, SIGKILL);
    (void)until([this] { return exit_code().has_value(); });
  }
  std::filesystem::remove_all(folder_);
}

bool TestTerminal::read_once(std::optional<Micros> timeout) {
  os::Readiness set[] = {{.fd = pty_.master.get(), .want_read = true}};
  os::wait_until_ready(set, timeout);
  Bytes buffer(64 << 10);
  const os::Transfer got = pty_.master ? os::read_some(pty_.master.get(), buffer) : os::Transfer{};
  shown_ += as_text(ByteSpan(buffer).first(got.bytes));
  return got.bytes > 0;
}

bool TestTerminal::until(const std::function<bool()>& condition, bool reading) {
  os::SystemClock clock;
  const BootTime limit = clock.boot() + kPatience;
  while (!condition()) {
    if (clock.boot() > limit) return false;
    if (reading && pty_.master) {
      read_once(Micros(5'000));
    } else {
      os::wait_until_ready({}, Micros(5'000));
    }
  }
  return true;
}

bool TestTerminal::shows(std::string_view text) {
  const bool found = until([&] { return shown_.find(text, matched_) != std::string::npos; });
  if (found) {
    matched_ = shown_.find(text, matched_) + text.size();
  } else {
    ADD_FAILURE() << "waited for " << text << " and saw:\n" << shown_;
  }
  return found;
}

void TestTerminal::type(std::string_view bytes) {
  const bool typed = until([&] {
    const os::Transfer took = os::write_some(pty_.master.get(), as_bytes(bytes));
    bytes.remove_prefix(took.bytes);
    return bytes.empty();
  });
  EXPECT_TRUE(typed);
}

size_t TestTerminal::type_without_reading(std::string_view bytes) {
  return os::write_some(pty_.master.get(), as_bytes(bytes)).bytes;
}

std::optional<int> TestTerminal::exit_code() {
  const bool ended = until([this] {
    if (ended_) return true;
    auto found = os::reap(recorder_);
    if (found && *found) ended_ = **found;
    return ended_.has_value();
  });
  while (pty_.master && read_once(Micros(0))) {
  }
  if (!ended) return std::nullopt;
  return ended_->signal ? 128 + *ended_->signal : ended_->exit_status.value_or(255);
}

void TestTerminal::resize(const os::WindowSize& size) {
  EXPECT_TRUE(os::set_window_size(pty_.master.get(), size));
}

void TestTerminal::signal(int number) { EXPECT_TRUE(os::send_signal(recorder_, number)); }

bool TestTerminal::is_raw() const { return *os::terminal_mode(pty_.slave.get()) != *mode_; }

std::vector<event::Event> TestTerminal::events() const {
  std::ifstream file(path("events"), std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  std::vector<event::Event> found;
  constexpr size_t kHeaderBytes = 2 + 8 + 8;
  for (std::string_view rest = all; rest.size() >= kHeaderBytes;) {
    const auto lane = static_cast<event::Lane>(load<char>(rest));
    const char kind = load<char>(rest);
    const BootTime at(Micros(load<int64_t>(rest)));
    const auto size = load<uint64_t>(rest);
    if (rest.size() < size) break;  // it is being written
    found.push_back({lane, at, body_of(kind, rest.substr(0, size))});
    rest.remove_prefix(size);
  }
  return found;
}

std::string joined(const std::vector<event::Event>& events, event::Lane lane) {
  std::string all;
  for (const event::Event& event : events) {
    if (event.lane != lane) continue;
    if (const auto* output = std::get_if<event::Output>(&event.body)) all += as_text(output->bytes);
    if (const auto* input = std::get_if<event::Input>(&event.body)) all += as_text(input->bytes);
  }
  return all;
}

event::End end_of(const std::vector<event::Event>& events) {
  const auto ends = bodies<event::End>(events);
  EXPECT_EQ(ends.size(), 1U);
  return ends.empty() ? event::End{} : ends[0];
}

int be_recorder(int argc, char** argv) {
  Options options;
  options.argv.assign(argv + 1, argv + argc);
  options.environment = os::environment();
  std::erase_if(options.environment,
                [](const std::string& entry) { return entry.starts_with("STELE_TEST_"); });
  options.input_policy =
      static_cast<event::InputPolicy>(std::stoi(setting_variable("STELE_TEST_POLICY")));
  options.session = setting_variable("STELE_TEST_SESSION");
  options.size.rows = static_cast<uint16_t>(std::stoi(setting_variable("STELE_TEST_ROWS")));
  options.size.columns = static_cast<uint16_t>(std::stoi(setting_variable("STELE_TEST_COLUMNS")));
  FileSink sink(setting_variable(kEventsVariable), setting_variable("STELE_TEST_FAIL_ON"));
  os::SystemClock clock;
  const auto outcome = run(options, sink, clock);
  return outcome ? outcome->exit_code : 200;
}

}  // namespace stele::capture

int main(int argc, char** argv) {
  if (std::getenv(stele::capture::kEventsVariable) != nullptr) {
    return stele::capture::be_recorder(argc, argv);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
