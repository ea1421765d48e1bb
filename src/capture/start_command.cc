#include "capture/start_command.h"

#include <utility>

#include "os/pty.h"

namespace stele::capture {

os::Command command_of(const Options& options) {
  os::Command command{options.file, options.argv, options.environment};
  if (command.file.empty() && !command.argv.empty()) command.file = command.argv[0];
  const auto is_session = [](const std::string& variable) {
    return variable.starts_with("STELE_SESSION=");
  };
  std::erase_if(command.environment, is_session);
  if (!options.session.empty()) command.environment.push_back("STELE_SESSION=" + options.session);
  return command;
}

std::string could_not_run(const Error& error, os::Ended& ended) {
  const bool is_missing = error.code == Code::kNotFound;
  ended.exit_status = static_cast<uint8_t>(is_missing ? 127 : 126);
  return "cannot " + error.message();
}

std::optional<os::Ended> end_of(pid_t child) {
  auto ended = os::reap(child);
  return ended ? *ended : os::Ended{};
}

std::optional<os::Ended> wait_for_end(pid_t child, Clock& clock, os::SignalWatch& signals) {
  if (child < 0) return std::nullopt;
  const BootTime limit = clock.boot() + kHangupMax;
  for (;;) {
    if (auto ended = end_of(child)) return ended;
    const Micros left = limit - clock.boot();
    if (left <= Micros(0)) return std::nullopt;
    os::Readiness set[] = {{.fd = signals.fd(), .want_read = true}};
    os::wait_until_ready(set, left);
    signals.take();
  }
}

Outcome outcome_of(const os::Ended& ended, std::string why, int hangup_signal) {
  Outcome outcome;
  outcome.end.exit_status = ended.exit_status;
  outcome.end.signal = ended.signal;
  outcome.end.core_dumped = ended.core_dumped;
  outcome.end.why = std::move(why);
  outcome.end.user_time = ended.user_time;
  outcome.end.system_time = ended.system_time;
  outcome.end.rss_bytes_max = ended.rss_bytes_max;
  const int signal = hangup_signal != 0 ? hangup_signal : ended.signal.value_or(0);
  outcome.exit_code = signal != 0 ? 128 + signal : ended.exit_status.value_or(1);
  return outcome;
}

}  // namespace stele::capture
