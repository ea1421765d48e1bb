// The agent's side of one recorder's connection (docs/formats/wire-session.md).
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "agent/arrivals.h"
#include "agent/openings.h"
#include "agent/quota.h"
#include "agent/roles.h"
#include "base/uuid.h"
#include "event/sink.h"
#include "os/peer.h"
#include "os/unix_socket.h"
#include "os/wake.h"
#include "policy/decide.h"
#include "transfer/follower.h"
#include "wire/session.h"

namespace stele::agent {

/// Says that the session's messages 1 … n are durable (1: its start). Any thread; n never goes
/// back.
using Durable = std::function<void(uint64_t n)>;

/// What one session's events go into. All but the destructor is called by the connection's thread,
/// and may block: the recorder waits then. Destroyed without close(): the connection broke. What
/// was taken in becomes durable still: the recorder may be dead, and nobody will send it again.
class SessionSink : public event::Sink {
 public:
  /// Something that the agent says of the session, beside what its recorder says; in facts. Any
  /// thread. kLimit: it is the kernel's, and there is no room for it now.
  virtual Status note(BootTime at, const event::Body& body) = 0;
  /// In the place of one event of the recorder's, all of these, each in its lane: they become
  /// durable together or not at all. What is Elided counts for the content that it stands for.
  virtual Status stand_for(BootTime at, const std::vector<event::Body>& bodies) = 0;
  /// The session is over; all of it is durable when this returns, and Durable was told.
  virtual Status close() = 0;
};

/// Whose a session is: nobody else may go on with it. `uid`: whose share of the spool it takes.
struct Owner {
  os::ProcessKey process;
  uint32_t uid = 0;
  bool operator==(const Owner&) const = default;
  /// No process of this host's: who may go on with it, something else tells.
  bool has_process() const { return process != os::ProcessKey{}; }
};

/// The agent's sessions, for all connections: any thread.
class Sessions {
 public:
  virtual ~Sessions() = default;

  struct Opened {
    StreamId id{};
    std::unique_ptr<SessionSink> sink;
  };
  /// A new session that begins with this start. `durable` may be called until the sink is gone.
  /// kBusy: not now.
  virtual Result<Opened> open(const Owner& owner, const wire::Terms& terms, uint8_t retention_class,
                              const event::Start& start, Durable durable) = 0;

  struct Known {
    Owner owner;
    wire::Terms terms;
    event::Start start;
  };
  /// kNotFound: there is no such session of this boot, or nothing of it is durable. (A process is
  /// told from others within one boot only.)
  virtual Result<Known> find(const StreamId& id) = 0;

  struct Resumed {
    uint64_t durable = 0;               // messages; what was beyond them is forgotten
    std::unique_ptr<SessionSink> sink;  // none: the session is closed
  };
  /// Goes on with a session. kBusy: its former connection is not over yet. kConflict: fewer than
  /// `durable_min` messages are durable; nothing has changed.
  virtual Result<Resumed> resume(const StreamId& id, uint64_t durable_min, Durable durable) = 0;
};

/// Something about a session that somebody else counts, or should hear of.
struct Notice {
  enum class What { kLeftOut, kBreakGlass, kBreakGlassLeftOut, kSlowed, kShared };
  What what = What::kLeftOut;
  std::string text;  // one line, for a person
};

/// What an agent grants to whom.
struct Policy {
  policy::Terms terms;                     // of the rule that fits
  uint64_t version = 0;                    // of the policy it is in; 0: there is none
  std::optional<Hash> hash;                // exactly if there is one
  std::optional<uint32_t> recorder_group;  // what a recorder's effective group must be
  std::string refusal;                     // not empty: nobody may, and why
  std::shared_ptr<Meter> meter;            // none: nothing is bounded
  std::shared_ptr<const PeopleRules> people = std::make_shared<PeopleRules>();
  /// Who the session is of that a process was started in, as far as the kernel tells.
  std::function<std::optional<event::Person>(uint32_t pid)> person_around = [](uint32_t) {
    return std::optional<event::Person>();
  };
  /// Hears who the session of a recorder is of.
  std::function<void(const os::ProcessKey&, const event::Person&)> know =
      [](const os::ProcessKey&, const event::Person&) {};
  /// What PAM told; none: nothing is taken from it.
  Arrivals* arrivals = nullptr;
  /// Who waits for the server; none: nobody does, and nothing is said of it.
  Openings* openings = nullptr;
  std::function<void(const Notice&)> tell = [](const Notice&) {};
};

/// A break-glass session waits no longer for its agent before it goes on without it.
inline constexpr uint32_t kBreakGlassPatienceMs = 5'000;

/// A recorder whose session began already is not kept from its agent for longer.
inline constexpr Micros kResumedOpeningMax = std::chrono::seconds(10);

/// The terms for a wish: policy made only stricter by it. kPermission: none, and why.
Result<wire::Terms> decide(const Policy& policy, const os::Peer& peer, const wire::Hello& hello);

/// One recorder's connection. Memory: one packet, and what the sink holds. What the recorder says
/// is hostile until proven otherwise: an error ends this connection, and nothing else.
class SessionHost {
 public:
  /// A connection that says nothing for so long has no business here.
  static constexpr Micros kHelloMax = std::chrono::seconds(10);

  static Result<std::unique_ptr<SessionHost>> make(os::Peer peer, Policy policy, Sessions& sessions,
                                                   Clock& clock);

  /// Takes one packet. After an error nothing more may come; next_reply() has what to tell.
  Status receive(ByteSpan packet);
  /// What to send next, if anything. `taken` is always the newest.
  std::optional<Bytes> next_reply();
  /// Whether the session was closed as it should be.
  bool is_closed() const { return stage_ == Stage::kClosed; }

  /// Serves a connection until it is over or `stop` is readable. A recorder that goes away without
  /// `bye` is an error too: kNotFound.
  Status serve(os::PacketSocket socket, const os::Wake& stop);

 private:
  enum class Stage { kSilent, kRunning, kEnded, kClosed, kRefused };

  SessionHost(os::Peer peer, Policy policy, Sessions& sessions, Clock& clock, os::Wake wake)
      : peer_(std::move(peer)),
        policy_(std::move(policy)),
        sessions_(sessions),
        clock_(clock),
        wake_(std::move(wake)) {}

  Owner owner() const { return {peer_.process, peer_.uid}; }
  Durable durable();
  Status take(const wire::Hello& hello);
  Status take(const wire::Resume& resume);
  Status take(const wire::Said& said);
  Status take(const wire::Bye& bye);
  Status take(const wire::Arrived& arrived);
  Status take(const wire::Left& left);
  Status note(Status noted);
  Status dispatch(const event::Event& event);
  Status dispatch_followed(const event::Event& event);
  Status dispatch_end(BootTime at, event::End end);
  Status note_all(const std::vector<event::Body>& bodies);
  Status tell_lost();
  Status charge(const event::Event& event);
  std::optional<event::Person> person_of(const event::Start& start) const;
  Status tell_person();
  Micros opening_wait() const;
  void await_opening(const StreamId& stream, BootTime asked, Micros longest);
  bool may_begin();
  Status tell_opening();
  /// How long nothing is taken from the recorder; 0: something is.
  Micros slowed() const { return std::max(Micros(0), slowed_until_ - clock_.boot()); }
  Status welcome(const StreamId& id, uint64_t next);
  Status refuse(wire::SessionRefusal code, Error error);
  Status leave_out(Notice::What what, const std::string& why);
  void tell(Notice::What what, const std::string& how) const;
  Status receive_all(os::PacketSocket& socket, Bytes& room);
  Status send_replies(os::PacketSocket& socket);

  const os::Peer peer_;
  const Policy policy_;
  Sessions& sessions_;
  Clock& clock_;
  const os::Wake wake_;               // outlives the sink, which calls durable()
  std::atomic<uint64_t> durable_{0};  // likewise

  /// Between a session's opening and its beginning: nothing is shown yet.
  struct Awaited {
    BootTime asked, until;
    std::unique_ptr<Openings::Wait> wait;
  };

  Stage stage_ = Stage::kSilent;
  BootTime slowed_until_{};
  wire::Terms terms_;
  std::optional<event::Person> person_;  // still to be said, once the terms were
  std::optional<Awaited> awaited_;
  bool holds_welcome_ = false;                    // it says that the session may begin
  std::optional<event::Opening> opening_;         // still to be said, likewise
  std::unique_ptr<transfer::Follower> follower_;  // exactly where the terms say `digests`
  std::optional<event::Transfer> lost_;           // still to be said: no follower has its place
  uint64_t next_ = 2;                             // the number the next event must have
  uint64_t told_ = 0;                             // the last `taken`
  std::optional<Bytes> reply_;                    // a welcome or a refusal
  std::optional<Bytes> unsent_;                   // taken from next_reply(), not yet by the socket
  std::unique_ptr<SessionSink> sink_;
};

}  // namespace stele::agent
