#include "agent/sudo_connections.h"

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
  threads_.join_done();
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
  const auto served = std::make_shared<os::StreamSocket>(std::move(socket));
  const Status serves = threads_.serve([this, served] { serve(std::move(*served)); });
  if (!serves) turn_away(serves.error().message());
}

void SudoConnections::turn_away(const std::string& why) {
  ++untold_;
  const BootTime now = world_.clock.boot();
  if (told_at_ && now - *told_at_ < kToldEvery) return;
  told_at_ = now;
  tell_("turned away " + std::to_string(std::exchange(untold_, 0)) + ", the last because " + why);
}

void SudoConnections::serve(os::StreamSocket socket) {
  auto host = SudoHost::make(world_);
  const Status served =
      host ? (*host)->serve(std::move(socket), stopped_) : Status(fail(std::move(host).error()));
  if (!served) tell_(served.error().message());
}

void SudoConnections::stop() {
  stopped_.wake();
  threads_.join_all();
}

}  // namespace stele::agent
