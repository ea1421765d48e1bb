#include "cli/viewer.h"

#include <algorithm>
#include <csignal>
#include <memory>

namespace stele::cli {
namespace {

constexpr int kInput = 0, kOutput = 1;
/// The end of whatever sequence is under way, then DSR, which every terminal answers in its turn.
constexpr std::string_view kAreYouThere = "\x18\x1b\\\x1b[5n", kYes = "\x1b[0n";
constexpr Micros kAnswerMax = std::chrono::milliseconds(500);
/// How long a terminal that takes nothing (stopped with Ctrl-S) is waited for at the end.
constexpr Micros kFarewellMax = std::chrono::seconds(1);

}  // namespace

Result<Viewer> Viewer::open() {
  os::ignore_broken_pipes();
  TRY(auto signals,
      os::SignalWatch::make({SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP}, {SIGWINCH, SIGCONT}));
  Viewer viewer(std::move(signals));
  TRY_VOID(viewer.enter());
  return viewer;
}

Viewer::Viewer(os::SignalWatch signals)
    : signals_(std::move(signals)),
      input_(std::make_unique<os::NonBlocking>(os::is_open(kInput) ? kInput : -1)),
      output_(std::make_unique<os::NonBlocking>(kOutput)),
      is_screen_(os::is_terminal(kOutput)) {
  if (const auto mode = os::terminal_mode(kInput); mode && is_screen_) mode_ = *mode;
}

Viewer::~Viewer() {
  if (input_) leave("");
}

Status Viewer::enter() {
  if (mode_) TRY_VOID(os::set_terminal_mode(kInput, mode_->raw()));
  is_raw_ = mode_.has_value();
  return {};
}

std::optional<os::WindowSize> Viewer::size() const {
  const auto size = os::window_size(kOutput);
  if (!size || size->rows == 0 || size->columns == 0) return std::nullopt;
  return *size;
}

void Viewer::write(std::string_view text) {
  for (ByteSpan bytes = as_bytes(text); !bytes.empty() && !left_;) {
    const os::Transfer took = os::write_some(output_->get(), bytes);
    if (took.is_closed()) {
      left_ = 0;
      return;
    }
    bytes = bytes.subspan(took.bytes);
    if (!took.is_blocked()) continue;
    os::Readiness set[] = {{.fd = output_->get(), .want_write = true},
                           {.fd = signals_.fd(), .want_read = true}};
    os::wait_until_ready(set, std::nullopt);
    if (set[1].can_read) take_signals();
  }
}

void Viewer::wait(std::optional<Micros> timeout) {
  os::Readiness set[] = {{.fd = has_keys() ? input_->get() : -1, .want_read = true},
                         {.fd = signals_.fd(), .want_read = true}};
  os::wait_until_ready(set, timeout);
  if (set[1].can_read) take_signals();
  if (set[0].can_read) read_keys();
}

void Viewer::take_signals() {
  const os::SignalSet came = signals_.take();
  for (const int signal : {SIGHUP, SIGTERM, SIGQUIT, SIGINT}) {
    if (came.has(signal)) left_ = 128 + signal;
  }
  wants_to_stop_ = wants_to_stop_ || came.has(SIGTSTP);
  was_resized_ = was_resized_ || came.has(SIGWINCH) || came.has(SIGCONT);
}

std::string Viewer::read_some() {
  std::array<uint8_t, 256> bytes{};
  const os::Transfer got = os::read_some(input_->get(), bytes);
  if (got.is_closed()) left_ = 0;
  return std::string(as_text(ByteSpan(bytes).first(got.bytes)));
}

void Viewer::read_keys() { keys_.add(read_some()); }

void Viewer::settle() {
  if (!is_raw_ || left_) return;
  write(kAreYouThere);
  std::string answers;
  while (!left_ && answers.find(kYes) == std::string::npos) {
    os::Readiness in{.fd = input_->get(), .want_read = true};
    os::wait_until_ready({&in, 1}, kAnswerMax);
    if (!in.can_read) return;
    answers = answers.substr(answers.size() - std::min(answers.size(), kYes.size())) + read_some();
  }
}

void Viewer::leave(std::string_view farewell) {
  for (ByteSpan bytes = as_bytes(farewell); !bytes.empty();) {
    const os::Transfer took = os::write_some(output_->get(), bytes);
    bytes = bytes.subspan(took.bytes);
    if (took.bytes > 0) continue;
    os::Readiness out{.fd = output_->get(), .want_write = true};
    if (took.is_blocked()) os::wait_until_ready({&out, 1}, kFarewellMax);
    if (!out.can_write) break;
  }
  if (!std::exchange(is_raw_, false)) return;
  while (!read_some().empty()) {
  }
  if (os::in_foreground(kInput)) (void)os::set_terminal_mode(kInput, *mode_);
}

void Viewer::stop(std::string_view farewell) {
  leave(farewell);
  signals_.stop_self();
  if (!enter()) left_ = 0;
  was_resized_ = true;
}

}  // namespace stele::cli
