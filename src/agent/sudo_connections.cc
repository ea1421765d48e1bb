#include "agent/sudo_connections.h"

namespace stele::agent {

SudoConnections::SudoConnections(os::StreamListener listener, SudoDoor& door, SudoWorld world,
                                 Tell tell, os::Wake stopped)
    : listener_(std::move(listener)),
      door_(door),
      world_(std::move(world)),
      tell_(std::move(tell)),
      stopped_(std::move(stopped)) {}

Result<std::unique_ptr<SudoConnections>> SudoConnections::make(os::StreamListener listener,
                                                               SudoDoor& door, SudoWorld world,
                                                               Tell tell) {
  TRY(os::Wake stopped, os::Wake::make());
  return std::unique_ptr<SudoConnections>(new SudoConnections(
      std::move(listener), door, std::move(world), std::move(tell), std::move(stopped)));
}

Status SudoConnections::accept_waiting() {
  threads_.join_done();
  for (;;) {
    TRY(os::StreamSocket socket, listener_.accept());
    if (!socket) return {};
    take(std::move(socket));
  }
}

void SudoConnections::take(os::StreamSocket socket) {
  auto enter = door_.knock(std::move(socket));
  if (!enter) return turn_away(enter.error().message());
  const Status serves = threads_.serve([this, enter = *std::move(enter)] { serve(enter); });
  if (!serves) turn_away(serves.error().message());
}

void SudoConnections::turn_away(const std::string& why) {
  const std::lock_guard lock(mutex_);
  ++untold_;
  const BootTime now = world_.clock.boot();
  if (told_at_ && now - *told_at_ < kToldEvery) return;
  told_at_ = now;
  tell_("turned away " + std::to_string(std::exchange(untold_, 0)) + ", the last because " + why);
}

void SudoConnections::serve(const SudoDoor::Enter& enter) {
  const auto guest = enter(stopped_);
  if (!guest) return turn_away(guest.error().message());
  auto host = SudoHost::make(world_, guest->client);
  const Status served =
      host ? (*host)->serve(*guest->stream, stopped_) : Status(fail(std::move(host).error()));
  const std::string& name = guest->client.name;
  if (!served) tell_((name.empty() ? "" : name + ": ") + served.error().message());
}

void SudoConnections::stop() {
  stopped_.wake();
  threads_.join_all();
}

}  // namespace stele::agent
