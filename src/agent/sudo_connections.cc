#include "agent/sudo_connections.h"

#include "os/thread.h"

namespace stele::agent {

SudoConnections::SudoConnections(os::LoopbackListener listener, SudoWorld world, Tell tell,
                                 os::Wake stopped)
    : listener_(std::move(listener)),
      world_(std::move(world)),
      tell_(std::move(tell)),
      stopped_(std::move(stopped)) {}

Result<std::unique_ptr<SudoConnections>> SudoConnections::make(os::LoopbackListener listener,
                                                               SudoWorld world, Tell tell) {
  TRY(os::Wake stopped, os::Wake::make());
  return std::unique_ptr<SudoConnections>(new SudoConnections(std::move(listener), std::move(world),
                                                              std::move(tell), std::move(stopped)));
}

Status SudoConnections::accept_waiting() {
  join_done();
  for (;;) {
    TRY(os::StreamSocket socket, listener_.accept());
    if (!socket) return {};
    take(std::move(socket));
  }
}

void SudoConnections::take(os::StreamSocket socket) {
  const auto owner = os::owner_of_other_end(socket.get());
  if (!owner) return turn_away(owner.error().message());
  if (*owner != 0) return turn_away("it is of uid " + std::to_string(*owner) + ", and not root's");
  const std::lock_guard lock(mutex_);
  if (served_.size() >= kConnectionsMax) return turn_away("too many");
  const auto served = served_.emplace(served_.end());
  served->socket = std::move(socket);
  auto thread = os::start_thread([this, served] { serve(*served); });
  if (thread) {
    served->thread = *std::move(thread);
  } else {
    served_.erase(served);
    turn_away(thread.error().message());
  }
}

void SudoConnections::turn_away(const std::string& why) {
  ++untold_;
  const BootTime now = world_.clock.boot();
  if (told_at_ && now - *told_at_ < kToldEvery) return;
  told_at_ = now;
  tell_("turned away " + std::to_string(std::exchange(untold_, 0)) + ", the last because " + why);
}

void SudoConnections::serve(Served& each) {
  auto host = SudoHost::make(world_);
  const Status served = host ? (*host)->serve(std::move(each.socket), stopped_)
                             : Status(fail(std::move(host).error()));
  if (!served) tell_(served.error().message());
  if (host) host->reset();  // what was taken is durable before the place is free
  const std::lock_guard lock(mutex_);
  each.done = true;
}

void SudoConnections::join_done() {
  std::list<Served> done;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = served_.begin(); at != served_.end();) {
      const auto next = std::next(at);
      if (at->done) done.splice(done.end(), served_, at);
      at = next;
    }
  }
  for (Served& each : done) each.thread.join();
}

void SudoConnections::stop() {
  stopped_.wake();
  for (Served& each : served_) each.thread.join();  // nobody adds to it any more
  served_.clear();
}

}  // namespace stele::agent
