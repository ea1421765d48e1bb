// The agent's side of one connection of sudo's log protocol (docs/sudo-logsrv.md).
#pragma once

#include <atomic>
#include <memory>

#include "agent/session_host.h"
#include "capture/secret_filter.h"
#include "os/account.h"
#include "os/loopback_socket.h"
#include "sudolog/facts.h"
#include "sudolog/progress.h"

namespace stele::agent {

/// Who a session of sudo's is of: what sudo says, and what the user database has of that name.
struct Submitter {
  std::string name;
  os::Account account;
};

/// One connection of a program of root's. Memory: one message, and what the sink holds. An error
/// ends this connection, and nothing else; the client is told, and sudo ends its command then.
class SudoHost {
 public:
  using PolicyFor = std::function<Policy(const Submitter&)>;
  static constexpr Micros kHelloMax = std::chrono::seconds(10);

  static Result<std::unique_ptr<SudoHost>> make(PolicyFor policy_for, Sessions& sessions,
                                                Clock& clock);
  ~SudoHost();

  /// Takes one message. After an error nothing more may come; take_replies() has what to tell.
  Status receive(ByteSpan message);
  /// What is due by now: typed bytes are decided on, durable ones are told.
  Status step();
  Bytes take_replies() { return std::exchange(replies_, {}); }
  bool is_over() const { return stage_ == Stage::kOver; }

  /// Serves a connection until it is over or `stop` is readable.
  Status serve(os::StreamSocket socket, const os::Wake& stop);

 private:
  enum class Stage { kSilent, kReady, kRunning, kLeftOut, kOver };

  SudoHost(PolicyFor policy_for, Sessions& sessions, Clock& clock, os::Wake wake)
      : policy_for_(std::move(policy_for)),
        sessions_(sessions),
        clock_(clock),
        wake_(std::move(wake)) {}

  Status take(const sudolog::Hello& hello);
  Status take(const sudolog::Decision& decision);
  Status take(const sudolog::Exit& exit);
  Status take(const sudolog::Restart& restart);
  Status take(const sudolog::Data& data);
  Status take(const sudolog::WindowSize& size);
  Status take(const sudolog::Suspend& suspend);

  Status dispatch(ByteSpan message);
  Status begin(const sudolog::Decision& decision);
  Status tell_person(const event::Start& start);
  Status tell_facts(const sudolog::Facts& facts);
  Status end(event::End end);
  BootTime count(Micros since);
  Result<BootTime> begin_record(sudolog::Nanos delay);
  Status put(BootTime at, event::Lane lane, const event::Body& body);
  Status put_terminal(BootTime at, event::Lane lane, ByteSpan bytes);
  Status put_decided();
  Status settle();
  void commit();
  void reply(const Bytes& message);
  Status charge(size_t bytes);
  Status gone();
  Status receive_all(os::StreamSocket& socket, sudolog::Frames& frames, Bytes& room);
  Status send_replies(os::StreamSocket& socket);
  Micros slowed() const { return std::max(Micros(0), slowed_until_ - clock_.boot()); }

  const PolicyFor policy_for_;
  Sessions& sessions_;
  Clock& clock_;
  const os::Wake wake_;               // outlives the sink, which tells what is durable
  std::atomic<uint64_t> durable_{0};  // likewise

  Stage stage_ = Stage::kSilent;
  std::string client_;
  Policy policy_;
  wire::Terms terms_;
  bool expects_data_ = false;
  BootTime began_{}, last_{}, slowed_until_{};
  uint64_t messages_ = 0;  // in the stream
  uint64_t output_bytes_ = 0, input_bytes_ = 0;
  sudolog::Progress progress_;
  std::unique_ptr<capture::SecretFilter> filter_;
  Bytes replies_;
  std::unique_ptr<SessionSink> sink_;
};

}  // namespace stele::agent
