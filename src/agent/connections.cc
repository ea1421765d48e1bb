#include "agent/connections.h"

namespace stele::agent {
namespace {

void refuse(os::PacketSocket& socket, const std::string& why) {
  // To a peer that just connected, whose queue is empty; if it is gone, nobody has to know.
  (void)socket.send(wire::encode(wire::SessionRefused{wire::SessionRefusal::kNotNow, why}));
}

}  // namespace

Connections::Connections(os::PacketListener listener, Sessions& sessions, PolicyFor policy_for,
                         OnError on_error, Clock& clock, ConnectionLimits limits, os::Wake stopped)
    : listener_(std::move(listener)),
      sessions_(sessions),
      policy_for_(std::move(policy_for)),
      on_error_(std::move(on_error)),
      clock_(clock),
      limits_(limits),
      stopped_(std::move(stopped)),
      threads_(limits.total) {}

Result<std::unique_ptr<Connections>> Connections::make(os::PacketListener listener,
                                                       Sessions& sessions, PolicyFor policy_for,
                                                       OnError on_error, Clock& clock,
                                                       ConnectionLimits limits) {
  TRY(os::Wake stopped, os::Wake::make());
  return std::unique_ptr<Connections>(new Connections(std::move(listener), sessions,
                                                      std::move(policy_for), std::move(on_error),
                                                      clock, limits, std::move(stopped)));
}

Status Connections::accept_waiting() {
  threads_.join_done();
  for (;;) {
    TRY(os::PacketSocket socket, listener_.accept());
    if (!socket) return {};
    take(std::move(socket));
  }
}

void Connections::take(os::PacketSocket socket) {
  auto peer = os::peer_of(socket.get());
  if (!peer) return;  // gone, or nobody this agent could tell who it is
  const uint32_t uid = peer->uid;
  if (!enter(uid)) return refuse(socket, "too many sessions of this user");
  const auto served = std::make_shared<Served>(std::move(socket), *std::move(peer));
  const Status serves = threads_.serve([this, served, uid] {
    serve(*served);  // what was taken is durable before the place is free
    leave(uid);
  });
  if (serves) return;
  leave(uid);
  refuse(served->socket, serves.error().code == Code::kLimit
                             ? "too many sessions on this host"
                             : "this host can serve no more sessions now");
}

void Connections::serve(Served& each) {
  const Owner owner{each.peer.process, each.peer.uid};
  Policy policy = policy_for_(each.peer);
  auto host = SessionHost::make(std::move(each.peer), std::move(policy), sessions_, clock_);
  const Status served = host ? (*host)->serve(std::move(each.socket), stopped_)
                             : Status(fail(std::move(host).error()));
  if (!served) on_error_(owner, served.error());
}

bool Connections::enter(uint32_t uid) {
  const std::lock_guard lock(mutex_);
  size_t& of_user = by_user_[uid];
  if (of_user >= limits_.per_user) return false;
  ++of_user;
  return true;
}

void Connections::leave(uint32_t uid) {
  const std::lock_guard lock(mutex_);
  const auto of_user = by_user_.find(uid);
  if (--of_user->second == 0) by_user_.erase(of_user);
}

void Connections::stop() {
  stopped_.wake();
  threads_.join_all();
}

}  // namespace stele::agent
