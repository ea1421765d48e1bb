#include <algorithm>
#include <charconv>
#include <cstdio>

#include "cli/commands.h"
#include "cli/player.h"
#include "os/pty.h"
#include "os/terminal_mode.h"

namespace stele::cli {
namespace {

constexpr Micros kStep = std::chrono::seconds(5);

// The viewer's terminal: raw while the player runs, and as it was afterwards.
class Screen {
 public:
  Screen() {
    const auto mode = os::terminal_mode(0);
    if (!mode) return;
    mode_ = *mode;
    (void)os::set_terminal_mode(0, mode_->raw());
  }
  ~Screen() {
    const std::string_view leave = "\033[0m\033[?25h\033[?7h\033[?1049l\033(B\r\n";
    if (mode_) write(as_bytes(leave));
    if (mode_) (void)os::set_terminal_mode(0, *mode_);
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  bool interactive() const { return mode_.has_value(); }
  bool write(ByteSpan bytes) {
    while (!bytes.empty()) {
      const os::Transfer t = os::write_some(1, bytes);
      if (t.is_blocked()) {
        os::Readiness out{.fd = 1, .want_write = true};
        os::wait_until_ready({&out, 1}, std::nullopt);
        continue;
      }
      if (t.is_closed()) return false;
      bytes = bytes.subspan(t.bytes);
    }
    return true;
  }
  /// A key, or 0 when the time is over; 'q' when the keyboard is gone.
  std::string key(std::optional<Micros> timeout) {
    if (!mode_) {
      os::wait_until_ready({}, timeout);
      return {};
    }
    os::Readiness in{.fd = 0, .want_read = true};
    os::wait_until_ready({&in, 1}, timeout);
    if (!in.can_read) return {};
    std::array<uint8_t, 32> bytes{};
    const os::Transfer t = os::read_some(0, bytes);
    return t.is_closed() ? "q" : std::string(as_text(ByteSpan(bytes).first(t.bytes)));
  }

 private:
  std::optional<os::TerminalMode> mode_;
};

// "90", "1:30", "0:01:30.5" as a time from the start.
std::optional<Micros> parse_time(std::string_view text) {
  double seconds = 0;
  while (!text.empty()) {
    const size_t colon = text.find(':');
    double part = 0;
    const std::string_view word = text.substr(0, colon);
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), part);
    if (error != std::errc() || end != word.data() + word.size() || part < 0 || part > 1e7)
      return std::nullopt;
    seconds = seconds * 60 + part;
    text = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  }
  return Micros(static_cast<int64_t>(seconds * 1e6));
}

class Playback {
 public:
  Playback(Player& player, Clock& clock, const PlayOptions& options)
      : player_(player), clock_(clock), speed_(options.speed), raw_(options.raw) {
    if (options.idle_max) idle_max_ = Micros(static_cast<int64_t>(*options.idle_max * 1e6));
  }

  void run(Micros start_at) {
    if (start_at > Micros(0)) seek(start_at);
    while (!quit_) {
      const auto next = player_.next_time();
      if (!next && !paused_) return;
      const Micros pause = next ? wait_for(*next) : Micros(0);
      const auto due = clock_.boot() + pause;
      handle(screen_.key(paused_ ? std::nullopt : std::optional<Micros>(pause)));
      if (!paused_ && clock_.boot() >= due) quit_ = quit_ || !show_next();
    }
  }

 private:
  Micros wait_for(Micros next) const {
    Micros gap = std::max(Micros(0), next - position_);
    if (idle_max_) gap = std::min(gap, *idle_max_);
    return Micros(static_cast<int64_t>(static_cast<double>(gap.count()) / speed_));
  }
  bool show_next() {
    const auto next = player_.next_time();
    if (!next) return false;
    position_ = *next;
    return screen_.write(player_.advance(raw_));
  }
  void seek(Micros to) {
    position_ = std::max(Micros(0), to);
    screen_.write(player_.seek(position_));
  }
  void handle(const std::string& key) {
    if (key.empty()) return;
    if (key == "q" || key == "\x03") quit_ = true;
    if (key == " ") paused_ = !paused_;
    if (key == "." && paused_) quit_ = !show_next();
    if (key == "[") speed_ = std::max(0.01, speed_ / 2);
    if (key == "]") speed_ = std::min(1000.0, speed_ * 2);
    if (key == "\033[C" || key == "\033OC") seek(position_ + kStep);
    if (key == "\033[D" || key == "\033OD") seek(position_ - kStep);
    if (key == "g") jump();
  }
  void jump() {
    std::string text;
    for (;;) {
      const std::string line =
          "\0337\033[999;1H\033[0;7m jump to (seconds or h:m:s): " + text + " \033[0m\0338";
      screen_.write(as_bytes(line));
      const std::string key = screen_.key(std::nullopt);
      if (key == "\r" || key == "\n") break;
      if (key == "\033" || key == "q" || key == "\x03") {
        text.clear();
        break;
      }
      if (key == "\x7f" && !text.empty()) text.pop_back();
      if (key.size() == 1 &&
          (std::isdigit(static_cast<unsigned char>(key[0])) || key[0] == ':' || key[0] == '.') &&
          text.size() < 16)
        text += key;
    }
    const auto to = parse_time(text);
    seek(to && !text.empty() ? *to : position_);
  }

  Player& player_;
  Clock& clock_;
  Screen screen_;
  double speed_;
  const bool raw_;
  std::optional<Micros> idle_max_;
  Micros position_{0};
  bool paused_ = false, quit_ = false;
};

Status run(Context& context, const PlayOptions& options) {
  TRY(auto player, Player::open(context, options.session, options.identity));
  Playback(player, context.clock, options)
      .run(Micros(static_cast<int64_t>(options.start_at * 1e6)));
  return {};
}

}  // namespace

int play(Context& context, const PlayOptions& options) {
  const Status done = run(context, options);
  return done ? kExitOk : report(done.error());
}

}  // namespace stele::cli
