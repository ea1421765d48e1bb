#include "agent/host_beat.h"

namespace stele::agent {

HostBeat::HostBeat(Measure measure, Post post, Hear hear, Clock& clock)
    : measure_(std::move(measure)),
      post_(std::move(post)),
      hear_(std::move(hear)),
      clock_(clock),
      thread_([this] { run(); }) {}

HostBeat::~HostBeat() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
}

Status HostBeat::beat(const Measure& measure, const Post& post, const Hear& hear, Clock& clock) {
  wire::Heartbeat heartbeat = measure();
  heartbeat.wall = clock.wall();
  heartbeat.boot = clock.boot();
  TRY(const Bytes answer, post(wire::encode(heartbeat)));
  const Micros way = clock.boot() - heartbeat.boot;  // the wall clock may be set meanwhile
  TRY(const auto said, wire::parse_heartbeat_answer(answer));
  hear(wire::clock_offset(heartbeat.wall, said.wall, heartbeat.wall + way), said.recipients);
  return {};
}

void HostBeat::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    (void)beat(measure_, post_, hear_, clock_);
    lock.lock();
    stop_.wait_for(lock, kEvery, [this] { return stopping_; });
  }
}

}  // namespace stele::agent
