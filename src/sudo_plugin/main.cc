// stele_sudo.so: what sudo loads (sudo_plugin(5)). Two plugins of one command: `stele_io` is handed
// all that passes its terminal and pipes, before it passes; `stele_audit` what sudo decides.
//
// Fail-closed: where nothing can be recorded, open() returns -1 (0 would run the command without
// us), and a log function 0, which ends it.
#include <sudo_plugin.h>

#include <algorithm>
#include <csignal>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

#include "base/version.h"
#include "os/clock.h"
#include "os/hosted.h"
#include "os/peer.h"
#include "os/process.h"
#include "os/wake.h"
#include "recorder/options.h"
#include "sudo_plugin/recording.h"
#include "sudo_plugin/request.h"

extern "C" {
__attribute__((visibility("default"))) extern io_plugin stele_io;
__attribute__((visibility("default"))) extern audit_plugin stele_audit;
}

namespace stele::sudo_plugin {
namespace {

constexpr int kError = -1, kRefused = 0, kDone = 1;
constexpr unsigned kMinorMin = 15;  // sudo 1.9.0: audit plugins, and events
constexpr const char* kWhyRejected = "rejected by sudo";
constexpr const char* kWhyFailed = "sudo failed";
constexpr const char* kBackground = "goes on in the background (sudo -b)";

/// What there is of one in a process. It outlives main(): sudo may end by exit(3) while a copy of
/// it, made by fork(2), goes on with the same connection.
struct Plugin {
  os::SystemClock clock;
  sudo_printf_t print = nullptr;
  sudo_plugin_event* (*make_event)() = nullptr;
  std::string socket = recorder::kAgentSocket;
  Request request;
  std::string decided_by;
  std::string error;        // what sudo's errstr points to
  bool is_refused = false;  // by us: there is nobody to tell
  bool is_lost = false;     // in the background: nothing of it is let pass any more
  bool has_begun = false;   // sudo itself has accepted: what is accepted now is a command inside
  Recording* recording = nullptr;
  std::optional<os::Wake> failure;
  sudo_plugin_event* on_failure = nullptr;
  sudo_plugin_event* on_time = nullptr;
};

Plugin& plugin() {
  static Plugin& one = *new Plugin;
  return one;
}

int fail_as(int code, std::string why, const char** errstr) {
  plugin().error = "stele: " + std::move(why);
  if (errstr != nullptr) *errstr = plugin().error.c_str();
  return code;
}

int answer(const Status& status, const char** errstr) {
  if (status) return kDone;
  return fail_as(kRefused, "this can not be recorded any more: " + status.error().message(),
                 errstr);
}

void say(int kind, const std::string& text) {
  if (plugin().print != nullptr) (void)plugin().print(kind, "%s\n", text.c_str());
}

void warn(const std::string& what) { say(SUDO_CONV_ERROR_MSG, "stele: " + what); }

/// sudo's version of the interface, and what sudo.conf says behind the plugin's name.
Status set_up(unsigned version, sudo_printf_t print, char* const* options) {
  Plugin& p = plugin();
  p.print = print;
  if (SUDO_API_VERSION_GET_MAJOR(version) != SUDO_API_VERSION_MAJOR ||
      SUDO_API_VERSION_GET_MINOR(version) < kMinorMin)
    return fail(Code::kUnsupported, "this sudo's plugin interface is not that of sudo 1.9");
  const Words words = words_of(options);
  for (const std::string& word : words)
    if (!word.starts_with("socket="))
      return fail(Code::kInvalid, "sudo.conf: stele_sudo.so knows no option " + word);
  if (std::string socket = value_of(words, "socket"); !socket.empty()) p.socket = std::move(socket);
  return {};
}

// --- sudo's events: a verdict that is due, and an agent that is gone for good

void set_timer() {
  Plugin& p = plugin();
  if (p.on_time == nullptr) return;
  const auto due = p.recording->deadline();
  if (!due) return;
  const Micros left = std::max(Micros(1), *due - p.clock.boot());
  timespec wait{static_cast<time_t>(left.count() / 1'000'000),
                static_cast<long>(left.count() % 1'000'000 * 1000)};
  (void)p.on_time->add(p.on_time, &wait);
}

void end_command() {
  Plugin& p = plugin();
  warn("this can not be recorded any more, and is ended");
  if (p.on_failure != nullptr) p.on_failure->loopbreak(p.on_failure);
}

void failed(int, int, void*) { end_command(); }

void time_is_over(int, int, void*) {
  if (plugin().recording == nullptr) return;
  if (!plugin().recording->keep_time()) return end_command();
  set_timer();
}

void listen_to_sudo() {
  Plugin& p = plugin();
  if (p.make_event == nullptr) return;
  p.on_failure = p.make_event();
  if (p.on_failure != nullptr) {
    (void)p.on_failure->set(p.on_failure, p.failure->fd(), SUDO_PLUGIN_EV_READ, failed, nullptr);
    (void)p.on_failure->add(p.on_failure, nullptr);
  }
  p.on_time = p.make_event();
  if (p.on_time != nullptr)
    (void)p.on_time->set(p.on_time, -1, SUDO_PLUGIN_EV_TIMEOUT, time_is_over, nullptr);
}

// --- recording

Result<Recording::Opened> open_recording(const wire::Hello& hello) {
  Plugin& p = plugin();
  if (!p.failure) {
    TRY(p.failure, os::Wake::make());
  }
  TRY(auto opened, Recording::open(hello, {p.socket, [&p] { p.failure->wake(); }}, p.clock));
  if (!opened.banner.empty()) say(SUDO_CONV_ERROR_MSG | SUDO_CONV_PREFER_TTY, opened.banner);
  return opened;
}

/// True: it is recorded; false: policy leaves it out.
Result<bool> begin(std::string title) {
  Plugin& p = plugin();
  wire::Hello hello = hello_of(p.request);
  hello.title = std::move(title);
  TRY(auto opened, open_recording(hello));
  p.recording = opened.recording.release();
  if (p.recording == nullptr) return false;
  TRY_VOID(p.recording->begin(sudo_of(p.request, event::Sudo::What::kAccept, "", p.decided_by)));
  return true;
}

/// Calls `say` with the recording. `sudo -b` goes on in another process than it began in, without
/// the recording's other thread: that one is left as it is, and another is begun.
template <typename Say>
int with_recording(const char** errstr, const Say& say) {
  Plugin& p = plugin();
  if (p.recording != nullptr && p.recording->process() != os::own_pid()) {
    p.recording = nullptr;
    const auto begun = begin(kBackground);
    if (!begun) {
      p.is_lost = true;  // and what it still shows while it is ended
      return answer(fail(begun.error()), errstr);
    }
  }
  if (p.is_lost) return fail_as(kRefused, "this is not recorded, so it is ended", errstr);
  if (p.recording == nullptr) return kDone;
  const int result = answer(say(*p.recording), errstr);
  set_timer();
  return result;
}

ByteSpan bytes_of(const char* data, unsigned size) {
  return as_bytes(std::string_view(data, size));
}

int piped(event::Piped::Pipe pipe, const char* data, unsigned size, const char** errstr) {
  return with_recording(errstr, [&](Recording& r) { return r.piped(pipe, bytes_of(data, size)); });
}

/// Something that never came to run: a session of its own.
Status record_refusal(event::Sudo::What what, std::string why, std::string decided_by) {
  Plugin& p = plugin();
  TRY(auto opened, open_recording(hello_of(p.request)));
  if (!opened.recording) return {};
  TRY_VOID(
      opened.recording->begin(sudo_of(p.request, what, std::move(why), std::move(decided_by))));
  return opened.recording->end({}, what == event::Sudo::What::kReject ? kWhyRejected : kWhyFailed);
}

// --- the I/O plugin

int io_open(unsigned version, sudo_conv_t, sudo_printf_t print, char* const[],
            char* const user_info[], char* const command_info[], int argc, char* const argv[],
            char* const[], char* const options[], const char** errstr) {
  if (argc == 0) return kDone;  // `sudo -V`: nothing is to be run
  Plugin& p = plugin();
  if (const Status set = set_up(version, print, options); !set)
    return fail_as(kError, set.error().message(), errstr);
  if (p.recording != nullptr) return fail_as(kError, "sudo.conf names stele_io twice", errstr);
  p.make_event = stele_io.event_alloc;
  p.request.user = words_of(user_info);
  p.request.command = words_of(command_info);
  p.request.argv = words_of(argv);
  if (p.request.environment.empty()) p.request.environment = os::environment();
  const auto is_recorded = begin("");
  if (!is_recorded) {
    p.is_refused = true;
    warn("not recorded, so it is refused: " + is_recorded.error().message());
    return kError;
  }
  if (!*is_recorded) return kRefused;  // it runs without us
  listen_to_sudo();
  return kDone;
}

void io_close(int exit_status, int error) {
  const int done = with_recording(nullptr, [&](Recording& r) {
    if (error != 0) return r.end({}, "cannot run: " + std::system_category().message(error));
    return r.end(os::ended_by(exit_status), "");
  });
  if (done != kDone) warn("the record of this session is not complete: " + plugin().error);
  delete std::exchange(plugin().recording, nullptr);
}

int io_version(int) {
  return say(SUDO_CONV_INFO_MSG, std::string("stele_sudo.so ") + kVersion), kDone;
}

int log_ttyin(const char* data, unsigned size, const char** errstr) {
  return with_recording(errstr, [&](Recording& r) { return r.typed(bytes_of(data, size)); });
}

int log_ttyout(const char* data, unsigned size, const char** errstr) {
  return with_recording(errstr, [&](Recording& r) { return r.shown(bytes_of(data, size)); });
}

int log_stdin(const char* data, unsigned size, const char** errstr) {
  return piped(event::Piped::Pipe::kInput, data, size, errstr);
}

int log_stdout(const char* data, unsigned size, const char** errstr) {
  return piped(event::Piped::Pipe::kOutput, data, size, errstr);
}

int log_stderr(const char* data, unsigned size, const char** errstr) {
  return piped(event::Piped::Pipe::kError, data, size, errstr);
}

int change_winsize(unsigned lines, unsigned columns, const char** errstr) {
  constexpr unsigned kMax = std::numeric_limits<uint16_t>::max();
  return with_recording(errstr, [&](Recording& r) {
    return r.resize(static_cast<uint16_t>(std::min(lines, kMax)),
                    static_cast<uint16_t>(std::min(columns, kMax)));
  });
}

int log_suspend(int signal, const char** errstr) {
  return with_recording(errstr, [&](Recording& r) { return r.suspend(signal == SIGCONT); });
}

// --- the audit plugin

int audit_open(unsigned version, sudo_conv_t, sudo_printf_t print, char* const[],
               char* const user_info[], int first, char* const argv[], char* const envp[],
               char* const options[], const char** errstr) {
  if (const Status set = set_up(version, print, options); !set)
    return fail_as(kError, set.error().message(), errstr);
  plugin().is_refused = plugin().has_begun = false;
  Request& request = plugin().request;
  request.user = words_of(user_info);
  request.argv = words_of(argv);
  if (first > 0 && static_cast<size_t>(first) < request.argv.size())
    request.argv.erase(request.argv.begin(), request.argv.begin() + first);
  if (request.argv.empty()) request.argv = {"sudo"};
  request.environment = words_of(envp);
  return kDone;
}

/// Each plugin that has a say is told of, and last sudo itself.
int audit_accept(const char* name, unsigned type, char* const command_info[], char* const argv[],
                 char* const[], const char** errstr) {
  Plugin& p = plugin();
  if (!p.has_begun) {
    if (type == SUDO_POLICY_PLUGIN) p.decided_by = name;
    p.has_begun = type == SUDO_FRONT_END;
    return kDone;
  }
  if (type != SUDO_FRONT_END) return kDone;
  return with_recording(errstr, [&](Recording& r) {
    return r.say(command_of(words_of(command_info), words_of(argv)));
  });
}

int refused(event::Sudo::What what, const char* name, const char* why, char* const command_info[],
            const char** errstr) {
  Plugin& p = plugin();
  if (p.is_refused) return kDone;
  const std::string words = why == nullptr ? "" : why;
  if (p.recording != nullptr) {
    return with_recording(errstr, [&](Recording& r) {
      event::Sudo sudo = command_of(words_of(command_info), {});
      sudo.what = what;
      sudo.why = words;
      sudo.plugin = name;
      return r.say(sudo);
    });
  }
  p.request.command = words_of(command_info);
  const Status recorded = record_refusal(what, words, name);
  if (!recorded) warn("this refusal is not in the record: " + recorded.error().message());
  return kDone;
}

int audit_reject(const char* name, unsigned, const char* why, char* const command_info[],
                 const char** errstr) {
  return refused(event::Sudo::What::kReject, name, why, command_info, errstr);
}

int audit_error(const char* name, unsigned, const char* why, char* const command_info[],
                const char** errstr) {
  return refused(event::Sudo::What::kError, name, why, command_info, errstr);
}

}  // namespace
}  // namespace stele::sudo_plugin

extern "C" {

io_plugin stele_io = {
    SUDO_IO_PLUGIN,
    SUDO_API_VERSION,
    stele::sudo_plugin::io_open,
    stele::sudo_plugin::io_close,
    stele::sudo_plugin::io_version,
    stele::sudo_plugin::log_ttyin,
    stele::sudo_plugin::log_ttyout,
    stele::sudo_plugin::log_stdin,
    stele::sudo_plugin::log_stdout,
    stele::sudo_plugin::log_stderr,
    nullptr,
    nullptr,
    stele::sudo_plugin::change_winsize,
    stele::sudo_plugin::log_suspend,
    nullptr,  // event_alloc: sudo sets it
};

audit_plugin stele_audit = {
    SUDO_AUDIT_PLUGIN,
    SUDO_API_VERSION,
    stele::sudo_plugin::audit_open,
    nullptr,
    stele::sudo_plugin::audit_accept,
    stele::sudo_plugin::audit_reject,
    stele::sudo_plugin::audit_error,
    stele::sudo_plugin::io_version,
    nullptr,
    nullptr,
    nullptr,
};

}  // extern "C"
