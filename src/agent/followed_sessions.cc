#include "agent/followed_sessions.h"

namespace stele::agent {
namespace {

event::Gap gap(std::string why) { return {std::move(why), 0, 0, Micros(0)}; }

}  // namespace

class FollowedSessions::Sink : public SessionSink {
 public:
  Sink(FollowedSessions& all, uint64_t number, std::unique_ptr<SessionSink> sink)
      : all_(all), number_(number), sink_(std::move(sink)) {
    const std::lock_guard lock(all_.mutex_);
    all_.sinks_[number_] = this;
  }
  ~Sink() override {
    if (!has_ended_) settle();  // cut: what is missing is said all the same
    {
      const std::lock_guard lock(all_.mutex_);
      all_.sinks_.erase(number_);
    }
    all_.watch_->forget(number_);
  }

  Status output(BootTime at, ByteSpan bytes) override { return sink_->output(at, bytes); }
  Status input(BootTime at, ByteSpan bytes) override { return sink_->input(at, bytes); }
  Status event(BootTime at, event::Lane lane, const event::Body& body) override {
    if (std::holds_alternative<event::End>(body)) {
      settle();
      has_ended_ = true;
    }
    return sink_->event(at, lane, body);
  }
  Status note(BootTime at, const event::Body& body) override { return sink_->note(at, body); }
  void passed_on() override { sink_->passed_on(); }
  Status close() override { return sink_->close(); }

  /// Under all_'s mutex.
  void saw(const commands::Seen& seen) {
    for (const event::Body& body : seen.bodies)
      if (!sink_->note(seen.at, body)) ++unnoted_;
  }

 private:
  // All that it executed stands before its end.
  void settle() {
    all_.watch_->settle();
    uint64_t lost = all_.watch_->take_lost(number_);
    {
      const std::lock_guard lock(all_.mutex_);
      lost += std::exchange(unnoted_, 0);
    }
    if (lost > 0)
      (void)sink_->note(all_.clock_.boot(),
                        gap(std::to_string(lost) + " records of what was executed were lost"));
  }

  FollowedSessions& all_;
  const uint64_t number_;
  const std::unique_ptr<SessionSink> sink_;
  uint64_t unnoted_ = 0;
  bool has_ended_ = false;
};

Status FollowedSessions::begin() {
  TRY(watch_, commands::Watch::start([this](const commands::Seen& seen) { note(seen); }));
  return {};
}

void FollowedSessions::note(const commands::Seen& seen) {
  const std::lock_guard lock(mutex_);
  const auto sink = sinks_.find(seen.session);
  if (sink != sinks_.end()) sink->second->saw(seen);
}

// The recorder has not been answered yet, so that it has not started anything.
Result<Sessions::Opened> FollowedSessions::open(const Owner& owner, const wire::Terms& terms,
                                                const event::Start& start, Durable durable) {
  if (!watch_) return sessions_.open(owner, terms, start, std::move(durable));
  event::Start with = start;
  with.commands = "ebpf";
  TRY(Opened opened, sessions_.open(owner, terms, with, std::move(durable)));
  opened.sink = followed(owner.process.pid, std::move(opened.sink));
  return opened;
}

Result<Sessions::Resumed> FollowedSessions::resume(const StreamId& id, uint64_t durable_min,
                                                   Durable durable) {
  if (!watch_) return sessions_.resume(id, durable_min, std::move(durable));
  TRY(const Known known, sessions_.find(id));
  TRY(Resumed resumed, sessions_.resume(id, durable_min, std::move(durable)));
  if (!resumed.sink) return resumed;
  (void)resumed.sink->note(clock_.boot(),
                           gap("what was executed while the agent was away was not seen"));
  resumed.sink = followed(known.owner.process.pid, std::move(resumed.sink));
  return resumed;
}

std::unique_ptr<SessionSink> FollowedSessions::followed(uint32_t pid,
                                                        std::unique_ptr<SessionSink> sink) {
  const uint64_t number = [this] {
    const std::lock_guard lock(mutex_);
    return ++last_number_;
  }();
  auto followed = std::make_unique<Sink>(*this, number, std::move(sink));
  if (const Status begun = watch_->follow(pid, number); !begun)
    (void)followed->note(clock_.boot(),
                         gap("what is executed is not seen: " + begun.error().message()));
  return followed;
}

}  // namespace stele::agent
