// The way to the agent: numbered messages, each held until the agent has taken it
// (docs/formats/wire-session.md).
//
// Two threads: the capture's (open, put, close), which sends, and one of its own, "link", which
// connects, resends, and hears what is taken. Both work under one mutex; only "link" waits for the
// socket, and only "link" replaces it.
//
// Invariants:
// - held_[i] is message taken_ + 1 + i: the first sent_ of them went out on this connection;
// - no put() returns before its message went out, was refused a place, or is counted in a gap;
// - a message leaves held_ only when the agent said it is taken.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>

#include "base/clock.h"
#include "event/event.h"
#include "os/unix_socket.h"
#include "os/wake.h"
#include "wire/session.h"

namespace stele::recorder {

struct LinkOptions {
  std::string path;                      // of the agent's socket
  Micros opening_max{3'000'000};         // how long an agent that is not there is waited for
  std::function<Status()> begin_thread;  // the first thing that "link" does
  /// Called on "link" when a session that runs can not be recorded any more; put() fails then.
  std::function<void()> on_failure;
};

class Link {
 public:
  static Result<std::unique_ptr<Link>> make(LinkOptions options, Clock& clock);
  ~Link();

  /// Begins the session; when it returns, its start is durable. Or policy has it left out, and
  /// there is nothing to be put or closed. Errors: no agent, or its refusal.
  using Opening = std::variant<wire::Welcome, wire::Unrecorded>;
  Result<Opening> open(const wire::Hello& hello);

  /// Output or input, any amount. Returns when the kernel has it for the agent; waits while the
  /// window is full or the agent is away. Fails when the agent stayed away for too long, or refused
  /// to go on; if terms are `open`, what can not be recorded is counted then, and a gap sent later;
  /// only the session's end waits for the agent once more.
  Status put(BootTime at, event::Lane lane, ByteSpan content);
  Status put(BootTime at, event::Lane lane, const event::Body& body);

  /// Says bye; when it returns, all is taken.
  Status close();

 private:
  enum class State { kBroken, kConnected, kAdrift };
  using Lock = std::unique_lock<std::mutex>;

  Link(LinkOptions options, Clock& clock, os::Wake wake)
      : options_(std::move(options)), clock_(clock), wake_(std::move(wake)) {}

  uint64_t last() const { return taken_ + held_.size(); }
  bool has_room(size_t bytes) const { return held_bytes_ + bytes <= terms_.window_bytes; }
  template <typename Encode>
  Status add(event::Lane lane, size_t content, bool is_last, const Encode& encode);
  void count_gap(event::Lane lane, size_t bytes);
  void hold(Bytes packet);

  // On "link".
  void keep();
  Status connect(Lock& lock);
  Status greet(Lock& lock);
  Result<wire::FromAgent> hear(Lock& lock, BootTime until);
  Status enter(const wire::Welcome& welcome);
  Status serve(Lock& lock);
  Status receive_all();
  Status receive(ByteSpan packet);
  Status drop_taken(uint64_t number);
  void send_gap();
  bool bear(Lock& lock, const Error& error);
  void pause(Lock& lock, Micros time);
  tl::unexpected<Error> final(Code code, std::string why);

  // Either thread.
  Result<bool> flush();

  const LinkOptions options_;
  Clock& clock_;
  const os::Wake wake_;

  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kBroken;
  std::optional<Error> failed_;  // for good
  bool stopping_ = false, is_running_ = false;
  bool is_final_ = false;  // the last error is none that waiting mends
  os::PacketSocket socket_;
  Bytes room_ = Bytes(wire::kPacketBytesMax);
  BootTime due_;               // until when an agent that is away is waited for
  uint64_t taken_before_ = 0;  // when it last went away

  Bytes hello_;
  std::optional<StreamId> session_;
  std::optional<wire::Unrecorded> unrecorded_;  // then the link is over
  wire::Terms terms_;
  std::deque<Bytes> held_;
  size_t held_bytes_ = 0;
  uint64_t taken_ = 0;
  size_t sent_ = 0;
  bool wants_bye_ = false, sent_bye_ = false;

  // Adrift: what is missing since when.
  std::optional<event::Gap> gap_;
  BootTime gap_since_;

  std::thread thread_;
};

}  // namespace stele::recorder
