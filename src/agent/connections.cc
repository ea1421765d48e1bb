#include "agent/connections.h"

#include "os/thread.h"

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
      stopped_(std::move(stopped)) {}

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
  join_done();
  for (;;) {
    TRY(os::PacketSocket socket, listener_.accept());
    if (!socket) return {};
    take(std::move(socket));
  }
}

void Connections::take(os::PacketSocket socket) {
  auto peer = os::peer_of(socket.get());
  if (!peer) return;  // gone, or nobody this agent could tell who it is
  const std::lock_guard lock(mutex_);
  if (served_.size() >= limits_.total) return refuse(socket, "too many sessions on this host");
  const auto of_user = by_user_.find(peer->uid);
  if (of_user != by_user_.end() && of_user->second >= limits_.per_user)
    return refuse(socket, "too many sessions of this user");
  const auto served = served_.emplace(served_.end());
  served->uid = peer->uid;
  served->socket = std::move(socket);
  served->peer = *std::move(peer);
  auto thread = os::start_thread([this, served] { serve(*served); });
  if (!thread) {
    refuse(served->socket, "this host can serve no more sessions now");
    served_.erase(served);
    return;
  }
  served->thread = *std::move(thread);
  ++by_user_[served->uid];
}

void Connections::serve(Served& each) {
  const Owner owner{each.peer.process, each.uid};
  Policy policy = policy_for_(each.peer);
  auto host = SessionHost::make(std::move(each.peer), std::move(policy), sessions_, clock_);
  const Status served = host ? (*host)->serve(std::move(each.socket), stopped_)
                             : Status(fail(std::move(host).error()));
  if (!served) on_error_(owner, served.error());
  if (host) host->reset();  // what was taken is durable before the place is free
  end(each);
}

void Connections::end(Served& each) {
  const std::lock_guard lock(mutex_);
  each.done = true;
  const auto of_user = by_user_.find(each.uid);
  if (--of_user->second == 0) by_user_.erase(of_user);
}

void Connections::join_done() {
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

void Connections::stop() {
  stopped_.wake();
  for (Served& each : served_) each.thread.join();  // nobody adds to it any more
  served_.clear();
}

size_t Connections::count() const {
  const std::lock_guard lock(mutex_);
  return served_.size();
}

}  // namespace stele::agent
