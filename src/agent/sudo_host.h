// The agent's side of one connection of sudo's log protocol (docs/sudo-logsrv.md).
#pragma once

#include <atomic>
#include <memory>

#include "agent/session_memory.h"
#include "agent/sudo_start.h"
#include "agent/sudo_stream.h"
#include "base/random.h"
#include "os/stream.h"

namespace stele::agent {

/// What a connection of sudo's log protocol works with; all of it outlives the connection.
struct SudoWorld {
  std::function<Policy(const Submitter&)> policy_for;
  Sessions& sessions;
  SessionMemory& memory;
  Clock& clock;
  RandomSource random;
};

/// One connection. Memory: one message, what the sink holds, and what the
/// notes do (sudolog/past.h). An error ends this connection, and nothing else; the client is told,
/// and sudo ends its command then.
class SudoHost {
 public:
  static constexpr Micros kHelloMax = std::chrono::seconds(10);

  static Result<std::unique_ptr<SudoHost>> make(const SudoWorld& world, SudoClient client);

  /// Takes one message. After an error nothing more may come; take_replies() has what to tell.
  Status receive(ByteSpan message);
  /// What is due by now: typed bytes are decided on, durable ones are told.
  Status step();
  Bytes take_replies() { return std::exchange(replies_, {}); }
  bool is_over() const { return stage_ == Stage::kOver; }

  /// Serves a connection until it is over or `stop` is readable.
  Status serve(os::Stream& stream, const os::Wake& stop);

 private:
  enum class Stage { kSilent, kReady, kRunning, kLeftOut, kOver };

  SudoHost(const SudoWorld& world, SudoClient client, os::Wake wake)
      : world_(world), client_(std::move(client)), wake_(std::move(wake)) {}

  Status take(const sudolog::Hello& hello);
  Status take(const sudolog::Decision& decision);
  Status take(const sudolog::Exit& exit);
  Status take(const sudolog::Restart& restart);
  Status take(const sudolog::Data& data);
  template <typename Record>
  Status take(const Record& record);

  Status dispatch(ByteSpan message);
  Status begin(const sudolog::Decision& decision);
  Status open(const sudolog::Facts& facts, const Submitter& who);
  Status go_on(const sudolog::Restart& restart);
  std::optional<event::Person> person_of(const event::Start& start) const;
  Status note_shared(const Submitter& who);
  Status note_lateness(WallTime told);
  Status end(event::End end);
  Durable durable();
  void reply(const Bytes& message);
  Status charge(size_t bytes);
  Status gone();
  Status receive_all(os::Stream& stream, sudolog::Frames& frames, Bytes& room);
  Status send_replies(os::Stream& stream);
  void part(os::Stream& stream, Bytes& room, const os::Wake& stop);
  Owner owner() const { return {{}, client_.is_elsewhere() ? kUidElsewhere : 0}; }
  sudolog::Past::Token kept(const sudolog::Past::Token& told) const;
  Micros slowed() const { return std::max(Micros(0), slowed_until_ - world_.clock.boot()); }

  const SudoWorld& world_;
  const SudoClient client_;
  const os::Wake wake_;               // outlives the sink, which tells what is durable
  std::atomic<uint64_t> durable_{0};  // likewise

  Stage stage_ = Stage::kSilent;
  std::string program_;  // what the client calls itself
  Policy policy_;
  bool expects_data_ = false;
  BootTime slowed_until_{};
  uint64_t digest_ = 0;         // of the message that is taken
  sudolog::Progress left_out_;  // of what is not recorded
  Bytes replies_;
  std::unique_ptr<SudoStream> stream_;  // while it runs
};

}  // namespace stele::agent
