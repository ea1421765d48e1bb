#include "capture/piped_session.h"

#include <algorithm>
#include <csignal>
#include <string>

#include "capture/start_command.h"
#include "os/pty.h"

namespace stele::capture {
namespace {

constexpr size_t kReadBytes = size_t{32} << 10;  // fits into one message to an agent
constexpr size_t kHeldBytesMax = size_t{64} << 10;
constexpr int kRoundsMax = 16;  // of reading what is left after a hang-up

using Pipe = event::Piped::Pipe;

/// A closed descriptor's number may come to name something of ours.
int if_open(int fd) { return os::is_open(fd) ? fd : -1; }

}  // namespace

PipedSession::PipedSession(const Options& options, event::Sink& sink, Clock& clock,
                           os::SignalWatch& signals)
    : options_(options),
      sink_(sink),
      clock_(clock),
      signals_(signals),
      input_(if_open(options.input)),
      output_(if_open(options.output)),
      error_(if_open(options.error)),
      ways_{Way{Pipe::kInput, Outbox(Outbox::Holds::kKeys)},
            Way{Pipe::kOutput, Outbox(Outbox::Holds::kScreen)},
            Way{Pipe::kError, Outbox(Outbox::Holds::kScreen)}} {}

Result<Outcome> PipedSession::run() {
  if (auto started = start(); !started) return fail(std::move(started).error());
  if (auto relayed = relay(); !relayed) {
    hang_up(kWhyTerminated, SIGHUP);
    pipes_ = {};
    if (!ended_) ended_ = wait_for_end(child_, clock_, signals_);
    return fail(std::move(relayed).error());
  }
  return finish();
}

Status PipedSession::start() {
  TRY(poller_, os::Poller::make());
  auto child = os::spawn_piped(command_of(options_));
  if (!child) {
    why_ = could_not_run(child.error(), ended_.emplace());
    return {};
  }
  child_ = child->process;
  pipes_ = std::move(child->pipes);
  auto& [input, output, error] = ways_;
  input.from = input_.get();
  input.to = pipes_.input.get();
  output.from = pipes_.output.get();
  output.to = output_.get();
  error.from = pipes_.error.get();
  error.to = error_.get();
  if (input.from < 0) close_to(input);
  return {};
}

Status PipedSession::relay() {
  for (;;) {
    for (Way& way : ways_) TRY_VOID(move(way));
    if (ended_) close_from(ways_[0]);
    if (hangup_signal_ != 0 || (ended_ && ways_[1].is_over() && ways_[2].is_over())) return {};
    wait();
  }
}

Status PipedSession::move(Way& way) {
  TRY_VOID(read(way));
  write(way);
  // The command hears of the end of its input once it was sent all before it.
  if (way.from < 0 && way.box.is_empty() && way.pipe == Pipe::kInput) close_to(way);
  return {};
}

Status PipedSession::read(Way& way) {
  if (way.from < 0 || !way.may_read || way.box.size() + kReadBytes > kHeldBytesMax) return {};
  const MutableByteSpan room = way.box.room(kReadBytes);
  const os::Transfer got = os::read_some(way.from, room);
  way.may_read = got.bytes == room.size();
  if (got.is_closed()) return close_from(way), Status{};
  if (got.bytes == 0) return {};
  event::Piped piped{way.pipe,
                     Bytes(room.begin(), room.begin() + static_cast<ptrdiff_t>(got.bytes))};
  way.bytes += got.bytes;
  TRY_VOID(sink_.event(clock_.boot(), piped.lane(), piped));
  if (way.to >= 0) way.box.commit(got.bytes);
  return {};
}

void PipedSession::write(Way& way) {
  if (way.box.is_empty() || !way.may_write) return;
  const os::Transfer took = os::write_some(way.to, way.box.rest());
  if (took.is_closed()) {
    // Nobody reads it: who writes it shall know.
    way.box.clear();
    close_from(way);
    return close_to(way);
  }
  way.box.sent(took.bytes);
  way.may_write = way.box.is_empty();
  if (way.box.is_empty()) sink_.passed_on();
}

void PipedSession::close_from(Way& way) {
  way.from = -1;
  if (way.pipe == Pipe::kOutput) pipes_.output.reset();
  if (way.pipe == Pipe::kError) pipes_.error.reset();
}

void PipedSession::close_to(Way& way) {
  way.to = -1;
  if (way.pipe == Pipe::kInput) pipes_.input.reset();
}

void PipedSession::wait() {
  std::array<os::Readiness, 8> set;
  for (size_t i = 0; i < ways_.size(); ++i) {
    const Way& way = ways_[i];
    const bool has_room = way.box.size() + kReadBytes <= kHeldBytesMax;
    set[2 * i] = {.fd = way.from, .want_read = has_room};
    set[2 * i + 1] = {.fd = way.to, .want_write = !way.box.is_empty()};
  }
  set[6] = {.fd = signals_.fd(), .want_read = true};
  set[7] = {.fd = options_.stop, .want_read = true};
  const bool has_more = std::any_of(ways_.begin(), ways_.end(), [](const Way& way) {
    return way.from >= 0 && way.may_read && way.box.size() + kReadBytes <= kHeldBytesMax;
  });
  poller_->wait(set, has_more ? std::optional(Micros(0)) : std::nullopt);
  for (size_t i = 0; i < ways_.size(); ++i) {
    ways_[i].may_read = ways_[i].may_read || set[2 * i].can_read;
    ways_[i].may_write = ways_[i].may_write || set[2 * i + 1].can_write;
  }
  if (set[6].can_read) handle(signals_.take());
  if (set[7].can_read) hang_up(kWhyTerminated, SIGTERM);
}

void PipedSession::handle(os::SignalSet came) {
  if (came.has(SIGCHLD)) reap();
  for (const int signal : {SIGINT, SIGQUIT})
    if (came.has(signal) && !ended_) (void)os::send_signal(-child_, signal);
  if (came.has(SIGHUP)) hang_up(kWhyHangup, SIGHUP);
  if (came.has(SIGTERM)) hang_up(kWhyTerminated, SIGTERM);
}

void PipedSession::hang_up(std::string_view why, int signal) {
  if (hangup_signal_ != 0) return;
  why_ = why;
  hangup_signal_ = signal;
  if (!ended_ && child_ > 0) (void)os::send_signal(-child_, signal);
}

void PipedSession::reap() {
  if (!ended_ && child_ >= 0) ended_ = end_of(child_);
}

/// Written before the hang-up and passed on to nobody; still it happened.
Status PipedSession::record_unseen() {
  for (Way* way : {&ways_[1], &ways_[2]}) {
    way->to = -1;
    way->box.clear();
    for (int round = 0; round < kRoundsMax && way->from >= 0; ++round) {
      const uint64_t had = way->bytes;
      way->may_read = true;
      TRY_VOID(read(*way));
      if (way->bytes == had) break;
    }
  }
  return {};
}

Result<Outcome> PipedSession::finish() {
  if (hangup_signal_ != 0) {
    TRY_VOID(record_unseen());
    pipes_ = {};
    if (!ended_) ended_ = wait_for_end(child_, clock_, signals_);
  }
  Outcome outcome = outcome_of(ended_.value_or(os::Ended{}), why_, hangup_signal_);
  outcome.end.input_bytes = ways_[0].bytes;
  outcome.end.output_bytes = ways_[1].bytes + ways_[2].bytes;
  TRY_VOID(sink_.event(clock_.boot(), event::Lane::kFacts, outcome.end));
  return outcome;
}

}  // namespace stele::capture
