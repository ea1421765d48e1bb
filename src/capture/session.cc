#include "capture/session.h"

#include <algorithm>
#include <csignal>
#include <string>

#include "capture/start_command.h"

namespace stele::capture {
namespace {

// A pty gives at most 4095 bytes a read (n_tty's buffer), whatever we offer.
constexpr size_t kReadBytes = 4096;
/// A read of this much is likely to be followed by more: no need to ask poll.
constexpr size_t kBulkBytes = 2048;
constexpr size_t kGatherBytes = 4 * kReadBytes;
constexpr size_t kTurnsMax = 4;
constexpr size_t kShownBytesMax = 64 << 10;
/// What is recorded as sent but cannot be taken back if the terminal's mode changes before the
/// session takes it.
constexpr size_t kSliceBytes = 256;
/// More than a pty holds: beyond it, what comes was written after the command's end.
constexpr uint64_t kLeftBehindBytesMax = 256 << 10;

constexpr Micros kEndOfFilePauseMin{100'000}, kEndOfFilePauseMax{30'000'000};
constexpr Micros kEndOfFileLook{20'000};
constexpr uint8_t kEndOfTransmission = 0x04;

event::WindowSize as_event(const os::WindowSize& size) {
  return {size.rows, size.columns, size.width_pixels, size.height_pixels};
}
os::WindowSize as_os(const event::WindowSize& size) {
  return {size.rows, size.columns, size.width_pixels, size.height_pixels};
}

}  // namespace

Session::Session(const Options& options, event::Sink& sink, Clock& clock, os::SignalWatch& signals)
    : options_(options),
      sink_(sink),
      clock_(clock),
      signals_(signals),
      person_(options.input, options.output),
      typed_(options.input_policy, options.lines_in_facts, options.size, sink),
      size_(options.size),
      input_open_(person_.input() >= 0),
      end_of_file_at_(clock.boot()),
      end_of_file_pause_(kEndOfFilePauseMin) {}

Result<Outcome> Session::run() {
  if (auto started = start(); !started) return fail(std::move(started).error());
  if (auto relayed = relay(); !relayed) {
    person_.leave_raw();
    close_session();
    if (!ended_) ended_ = wait_for_end(child_, clock_, signals_);
    return fail(std::move(relayed).error());
  }
  return finish();
}

Status Session::start() {
  TRY(poller_, os::Poller::make());
  TRY(os::Pty pty, os::open_pty(person_.mode(), person_.size().value_or(as_os(options_.size))));
  master_ = std::move(pty.master);
  slave_ = std::move(pty.slave);
  TRY_VOID(resize());
  TRY_VOID(person_.enter_raw());
  auto child = os::spawn(command_of(options_), slave_.get());
  if (child) {
    child_ = *child;
    return {};
  }
  why_ = could_not_run(child.error(), ended_.emplace());
  session_open_ = false;
  return {};
}

// Reading goes on while output waits for a slow terminal, up to kShownBytesMax, so that the two
// sides of a flood overlap; after a full read the next is tried without asking poll. Measured:
// naps, a blocking write, and gathering more than 16 KiB before a write cost more than they save.
Status Session::relay() {
  for (;;) {
    TRY_VOID(read_session());
    TRY_VOID(show());
    TRY_VOID(send());
    if (is_over()) return {};
    if (has_more() && ++turns_ < kTurnsMax) continue;
    turns_ = 0;
    TRY_VOID(wait());
  }
  return {};
}

bool Session::is_over() {
  if (is_hung_up_) return true;
  if (ended_ && session_open_ && !has_more()) {
    const BootTime now = clock_.boot();
    const bool emptied =
        drained_since_end_ || output_bytes_ - output_before_end_ > kLeftBehindBytesMax;
    const bool waited =
        now - std::max(ended_at_, last_output_at_) >= kQuietMin || now - ended_at_ >= kGraceMax;
    if (emptied && waited) {
      session_open_ = false;
      why_ = kWhyBackground;
    }
  }
  return !session_open_ && ended_ && shown_.is_empty();
}

bool Session::has_room() const { return shown_.size() + kGatherBytes <= kShownBytesMax; }

/// What comes at once belongs together, up to kGatherBytes: one event, one write.
Status Session::read_session() {
  if (!has_more()) return {};
  const MutableByteSpan room = shown_.room(kGatherBytes);
  size_t size = 0;
  while (may_read_session_ && size + kReadBytes <= room.size()) {
    const os::Transfer got = os::read_some(master_.get(), room.subspan(size, kReadBytes));
    // After the command's end what is left is read until there is none: nobody may write again, so
    // that poll would never tell.
    may_read_session_ = got.bytes >= kBulkBytes || (ended_ && got.bytes > 0);
    size += got.bytes;
    if (got.bytes > 0) continue;
    drained_since_end_ = ended_.has_value();
    if (got.is_closed()) session_open_ = false;
  }
  if (size == 0) return {};
  const ByteSpan bytes = room.first(size);
  last_output_at_ = clock_.boot();
  output_bytes_ += size;
  TRY_VOID(typed_.output(last_output_at_, bytes));
  TRY_VOID(sink_.output(last_output_at_, bytes));
  if (person_.output() >= 0) shown_.commit(size);
  return {};
}

Status Session::show() {
  if (shown_.is_empty() || !may_show_) return {};
  const os::Transfer took = os::write_some(person_.output(), shown_.rest());
  if (took.is_closed()) return hang_up(kWhyHangup, SIGHUP), Status{};
  shown_.sent(took.bytes);
  may_show_ = shown_.is_empty();
  if (may_show_) sink_.passed_on();
  return {};
}

Status Session::read_person() {
  const os::Transfer got = os::read_some(person_.input(), sent_.room(kReadBytes));
  sent_.commit(got.bytes);
  if (!got.is_closed()) return send();
  if (person_.is_interactive()) {
    hang_up(kWhyHangup, SIGHUP);
  } else {
    input_open_ = false;
    end_of_file_at_ = clock_.boot();
  }
  return {};
}

Status Session::send() {
  while (!sent_.is_empty() && may_send_) {
    if (judged_ == 0) TRY_VOID(judge_slice());
    const os::Transfer took = os::write_some(master_.get(), sent_.rest().first(judged_));
    if (took.is_closed()) return sent_.clear(), judged_ = 0, Status{};
    judged_ -= took.bytes;
    sent_.sent(took.bytes);
    may_send_ = judged_ == 0;
    if (typed_.wants_second_look()) TRY_VOID(typed_.written(input_mode(master_.get())));
    if (sent_.is_empty()) sink_.passed_on();
  }
  return {};
}

Status Session::judge_slice() {
  judged_ = std::min(sent_.size(), kSliceBytes);
  if (options_.input_policy == event::InputPolicy::kNone) unkept_bytes_ += judged_;
  return typed_.input(clock_.boot(), sent_.rest().first(judged_), input_mode(master_.get()));
}

Status Session::record(const event::Body& body) {
  return sink_.event(clock_.boot(), event::Lane::kFacts, body);
}

/// Sent once the command has read all before it, and again when it has read this and goes on: what
/// it reads from a closed input is the end, each time. Less and less often, should nobody care.
void Session::send_end_of_file(BootTime now) {
  if (input_open_ || ended_ || !sent_.is_empty() || now < end_of_file_at_) return;
  end_of_file_at_ = now + kEndOfFileLook;
  const auto mode = os::terminal_mode(slave_.get());
  if (!mode || os::has_unread_input(slave_.get())) return;
  const uint8_t key = mode->is_canonical() ? mode->end_of_file_key() : kEndOfTransmission;
  sent_.add({&key, 1});
  end_of_file_at_ = now + end_of_file_pause_;
  end_of_file_pause_ = std::min(end_of_file_pause_ * 2, kEndOfFilePauseMax);
}

Status Session::wait() {
  os::Readiness set[] = {
      {.fd = session_open_ ? master_.get() : -1,
       .want_read = has_room(),
       .want_write = !sent_.is_empty()},
      {.fd = person_.input(), .want_read = input_open_ && sent_.is_empty()},
      {.fd = signals_.fd(), .want_read = true},
      {.fd = person_.output(), .want_write = !shown_.is_empty()},
      {.fd = options_.stop, .want_read = true},
  };
  const std::optional<Micros> limit = has_more() ? Micros(0) : patience();
  poller_->wait(set, limit);
  const auto& [session, keys, signals, screen, stop] = set;
  may_read_session_ = may_read_session_ || session.can_read;
  may_send_ = may_send_ || session.can_write;
  may_show_ = may_show_ || screen.can_write;
  if (signals.can_read) TRY_VOID(handle(signals_.take()));
  if (stop.can_read) hang_up(kWhyTerminated, SIGTERM);
  if (keys.can_read && !is_hung_up_) TRY_VOID(read_person());
  return limit ? keep_time() : Status{};
}

/// How long nothing need be done if nothing happens; none: for ever.
std::optional<Micros> Session::patience() const {
  // With no room, the session is not read: time says nothing about what it shows.
  std::optional<BootTime> next = has_room() ? typed_.deadline() : std::nullopt;
  const auto consider = [&next](BootTime other) { next = next ? std::min(*next, other) : other; };
  if (!input_open_ && !ended_ && sent_.is_empty()) consider(end_of_file_at_);
  if (ended_ && session_open_ && has_room())
    consider(std::max(ended_at_, last_output_at_) + kQuietMin);
  if (!next) return std::nullopt;
  return std::max(Micros(0), *next - clock_.boot());
}

Status Session::keep_time() {
  const BootTime now = clock_.boot();
  send_end_of_file(now);
  // What the session has shown must be known first: an echo may be among it. In a flood, some of it
  // never is; then one more kHold must do.
  const auto due = typed_.deadline();
  if (!has_room() || !due || now < *due) return {};
  if (may_read_session_ && now < *due + SecretFilter::kHold) return {};
  return typed_.tick(now);
}

Status Session::handle(os::SignalSet came) {
  if (came.has(SIGCHLD)) reap();
  if (came.has(SIGHUP)) hang_up(kWhyHangup, SIGHUP);
  if (came.has(SIGTERM)) hang_up(kWhyTerminated, SIGTERM);
  if (is_hung_up_) return {};
  for (const int signal : {SIGINT, SIGQUIT}) {
    if (came.has(signal)) (void)os::signal_foreground(master_.get(), signal);
  }
  if (came.has(SIGTSTP)) return suspend();
  if (came.has(SIGCONT)) return resume();
  if (came.has(SIGWINCH)) return resize();
  return {};
}

Status Session::resize() {
  if (const auto wanted = person_.size()) TRY_VOID(os::set_window_size(master_.get(), *wanted));
  TRY(const os::WindowSize size, os::window_size(master_.get()));
  if (as_event(size) == size_) return {};
  size_ = as_event(size);
  typed_.resize(size_);
  return record(event::Resize{size_});
}

Status Session::suspend() {
  TRY_VOID(record(event::Suspend{false}));
  sink_.passed_on();
  person_.leave_raw();
  signals_.stop_self();
  const os::SignalSet meanwhile = signals_.take();
  TRY_VOID(resume());
  return handle(meanwhile.without(SIGCONT).without(SIGTSTP));
}

/// Whoever had the terminal meanwhile may have left it in any mode and size.
Status Session::resume() {
  if (!person_.enter_raw()) return hang_up(kWhyHangup, SIGHUP), Status{};
  TRY_VOID(record(event::Suspend{true}));
  return resize();
}

void Session::reap() {
  if (ended_ || child_ < 0) return;
  ended_ = end_of(child_);
  if (!ended_) return;
  ended_at_ = clock_.boot();
  output_before_end_ = output_bytes_;
  slave_.reset();
  may_read_session_ = true;
}

void Session::hang_up(std::string_view why, int signal) {
  if (is_hung_up_) return;
  is_hung_up_ = true;
  why_ = why;
  hangup_signal_ = signal;
}

/// Written before the hang-up, never shown; still it happened.
Status Session::record_unseen() {
  shown_.clear();
  for (uint64_t before = output_bytes_; output_bytes_ - before < kLeftBehindBytesMax;) {
    const uint64_t had = output_bytes_;
    may_read_session_ = true;
    TRY_VOID(read_session());
    shown_.clear();
    if (output_bytes_ == had) break;
  }
  return {};
}

void Session::close_session() {
  session_open_ = false;
  master_.reset();
  slave_.reset();
}

Result<Outcome> Session::finish() {
  if (is_hung_up_) {
    TRY_VOID(record_unseen());
    close_session();
    if (!ended_) ended_ = wait_for_end(child_, clock_, signals_);
  }
  person_.leave_raw();
  TRY_VOID(typed_.finish(clock_.boot()));

  Outcome outcome =
      outcome_of(ended_.value_or(os::Ended{}), std::string(why_), is_hung_up_ ? hangup_signal_ : 0);
  outcome.end.output_bytes = output_bytes_;
  outcome.end.input_bytes = unkept_bytes_ + typed_.bytes();
  TRY_VOID(record(outcome.end));
  return outcome;
}

}  // namespace stele::capture
