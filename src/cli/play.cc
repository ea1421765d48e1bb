#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iterator>

#include "cli/commands.h"
#include "cli/play_head.h"
#include "cli/player.h"
#include "cli/projector.h"
#include "cli/recording.h"
#include "cli/time_text.h"
#include "cli/viewer.h"

namespace stele::cli {
namespace {

constexpr Micros kLeap = std::chrono::seconds(5);
constexpr double kSpeedMin = 0.01, kSpeedMax = 1000;
/// Shown at once, before keys are looked at again.
constexpr size_t kBurstBytes = size_t{1} << 20;
constexpr size_t kAnswerSizeMax = 16;
/// How often a session that is followed is looked at.
constexpr Micros kLookEvery = std::chrono::milliseconds(300);

Micros micros_of(double seconds) { return Micros(static_cast<int64_t>(seconds * 1e6)); }

class Playback {
 public:
  /// `growing`: a session to follow; null: there is nothing more than the player has.
  Playback(Player& player, Viewer& viewer, Clock& clock, const PlayOptions& options,
           Recording* growing)
      : player_(player),
        growing_(growing),
        viewer_(viewer),
        clock_(clock),
        projector_(viewer, options.raw),
        raw_(options.raw),
        head_(options.speed,
              options.idle_max ? std::optional(micros_of(*options.idle_max)) : std::nullopt,
              clock.boot()) {}

  /// The exit status.
  int run(Micros start_at) {
    if (start_at > Micros(0)) {
      if (auto done = player_.seek(start_at); !done) return report(done.error());
      head_.jump(start_at, clock_.boot());
    }
    projector_.begin(player_);
    while (!quit_ && !viewer_.left()) {
      show_due();
      if (quit_) break;
      projector_.flush(player_, status());
      const auto next = player_.next_time();
      if (!next && growing_ == nullptr && !head_.paused()) break;
      viewer_.wait(how_long(next));
      look_again();
      for (std::string key = viewer_.key(); !key.empty() && !quit_; key = viewer_.key())
        handle(key);
      if (viewer_.wants_to_stop()) viewer_.stop(projector_.farewell(player_));
      if (viewer_.was_resized()) projector_.show_anew(player_);
    }
    if (raw_) viewer_.settle();
    const auto status = viewer_.left() ? viewer_.left() : quit_;
    viewer_.leave(projector_.farewell(player_));
    if (failed_) return report(*failed_);
    return status.value_or(kExitOk);
  }

 private:
  std::optional<Micros> how_long(std::optional<Micros> next) const {
    std::optional<Micros> longest;
    if (next && !head_.paused()) longest = head_.wait(*next, clock_.boot());
    if (growing_ != nullptr) longest = std::min(longest.value_or(kLookEvery), kLookEvery);
    return longest;
  }
  // A follower whose server is away for a moment goes on waiting; not one whose server lies.
  void look_again() {
    if (growing_ == nullptr || clock_.boot() < look_at_) return;
    look_at_ = clock_.boot() + kLookEvery;
    // Who has seen all there was sees what came at once, however long nothing came.
    const bool has_seen_all = !player_.next_time();
    if (auto looked = growing_->look_again(); !looked) {
      if (looked.error().code == Code::kUnauthentic) fail_with(std::move(looked).error());
      return;
    }
    if (auto done = growing_->read_on(); !done) return fail_with(std::move(done).error());
    if (has_seen_all && player_.next_time() && !head_.paused())
      head_.jump(player_.duration(), clock_.boot());
    if (growing_->is_over()) growing_ = nullptr;
  }
  void fail_with(Error error) {
    failed_ = std::move(error);
    quit_ = kExitFailed;
  }
  void show_due() {
    for (size_t shown = 0; shown < kBurstBytes && !head_.paused() && !viewer_.left() && !quit_;) {
      const auto next = player_.next_time();
      if (!next || head_.wait(*next, clock_.boot()) > Micros(0)) return;
      shown += show_next();
    }
  }
  size_t show_next() {
    auto moment = player_.advance();
    if (!moment) return fail_with(std::move(moment).error()), 0;
    head_.reach((*moment)->at, clock_.boot());
    projector_.show(player_, **moment);
    return (*moment)->output.size() + 1;
  }
  void seek(Micros to) {
    to = std::clamp(to, Micros(0), player_.duration());
    if (auto done = player_.seek(to); !done) return fail_with(std::move(done).error());
    head_.jump(to, clock_.boot());
    projector_.show_anew(player_);
  }
  Micros position() const { return head_.at(player_.next_time(), clock_.boot()); }

  void handle(const std::string& key) {
    const auto next = player_.next_time();
    const BootTime now = clock_.boot();
    if (key == "q") quit_ = kExitOk;
    if (key == "\x03") quit_ = 128 + SIGINT;
    if (key == "\x1a") viewer_.stop(projector_.farewell(player_));
    if (key == " ") head_.pause(!head_.paused(), next, now);
    if (key == "." && head_.paused() && next) show_next();
    if (key == "[") head_.set_speed(std::max(kSpeedMin, head_.speed() / 2), next, now);
    if (key == "]") head_.set_speed(std::min(kSpeedMax, head_.speed() * 2), next, now);
    if (key == "right") seek(position() + kLeap);
    if (key == "left") seek(position() - kLeap);
    if (key == "g") jump();
    if (key == "n") seek_command(true);
    if (key == "N") seek_command(false);
  }
  const Command* command_before(Micros at, bool or_at) const {
    const auto& all = player_.commands();
    const auto found = std::partition_point(all.begin(), all.end(), [&](const Command& each) {
      return each.at < at || (or_at && each.at == at);
    });
    return found == all.begin() ? nullptr : &*std::prev(found);
  }
  void seek_command(bool on) {
    const Micros here = position();
    const auto& all = player_.commands();
    const auto next = std::partition_point(all.begin(), all.end(),
                                           [&](const Command& each) { return each.at <= here; });
    const Command* const to =
        on ? (next == all.end() ? nullptr : &*next) : command_before(here, false);
    if (to != nullptr) seek(to->at);
  }
  void jump() {
    std::string answer;
    for (;;) {
      projector_.ask(player_, " jump to (seconds, or h:m:s): " + answer + ' ');
      const std::string key = next_key();
      if (key == "\r" || key == "\n") break;
      if (key.empty() || key == "escape" || key == "q" || key == "\x03") {
        answer.clear();
        break;
      }
      if ((key == "\x7f" || key == "\b") && !answer.empty()) answer.pop_back();
      if (key.size() == 1 && std::string_view("0123456789:.").find(key) != std::string_view::npos &&
          answer.size() < kAnswerSizeMax)
        answer += key;
    }
    const auto to = parse_offset(answer);
    seek(to ? *to : position());
  }
  // Empty: the viewer has left, or the terminal is another.
  std::string next_key() {
    for (;;) {
      const std::string key = viewer_.key();
      if (!key.empty() || viewer_.left()) return key;
      viewer_.wait(std::nullopt);
    }
  }
  std::string command_shown() const {
    const Command* const command = command_before(position(), true);
    return command == nullptr ? "" : " $ " + command->text + ' ';
  }
  std::string status() const {
    char speed[16];
    std::snprintf(speed, sizeof speed, "%g", head_.speed());
    return std::string(head_.paused() ? " paused  " : " playing ") + offset_text(position()) +
           " of " + offset_text(player_.duration()) + "  x" + speed + ' ' + command_shown();
  }

  Player& player_;
  Recording* growing_;
  BootTime look_at_{};
  std::optional<Error> failed_;
  Viewer& viewer_;
  Clock& clock_;
  Projector projector_;
  const bool raw_;
  PlayHead head_;
  std::optional<int> quit_;
};

Result<int> run(Context& context, const PlayOptions& options) {
  TRY(const auto recording, Recording::open(context, options.session, options.identity,
                                            options.follow ? "follow" : "play"));
  Player player(recording->size(), *recording);
  TRY(auto viewer, Viewer::open());
  const bool grows = options.follow && !recording->is_over();
  const Micros start_at = grows ? player.duration() : micros_of(options.start_at);
  const int status =
      Playback(player, viewer, context.clock, options, grows ? recording.get() : nullptr)
          .run(start_at);
  if (grows && recording->is_cut())
    warn("the session is cut: nothing more comes of it, and it has no end");
  return status;
}

}  // namespace

int play(Context& context, const PlayOptions& options) {
  const auto status = run(context, options);
  return status ? *status : report(status.error());
}

}  // namespace stele::cli
