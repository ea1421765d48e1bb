// For tests: recorders of which the kernel says this and that, and sessions in memory.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "agent/session_host.h"
#include "event/test_events.h"
#include "os/clock.h"

namespace stele::agent {

class StandingClock : public Clock {
 public:
  WallTime wall() override { return {}; }
  BootTime boot() override { return now; }
  BootTime now = event::at(1'000'000);
};

/// Sessions in memory: what was taken in, and what of it is "durable" when the test says so.
class MemorySessions : public Sessions {
 public:
  struct Session {
    Owner owner;
    wire::Terms terms;
    uint8_t retention_class = 0;
    event::Start start;
    std::vector<event::Event> events;
    std::vector<event::Event> stood;  // for others, which are an Unknown in `events`; no lanes
    std::vector<event::Finding> notes;
    std::vector<event::Person> people;
    std::vector<event::Opening> openings;
    std::vector<event::Transfer> transfers;  // that were noted
    uint64_t durable = 0;
    bool closed = false, held = false;
    Durable tell;
  };

  class Sink : public SessionSink {
   public:
    Sink(MemorySessions& all, Session& session) : all_(all), session_(session) {
      session_.held = true;
    }
    ~Sink() override { session_.held = false; }
    Status output(BootTime at, ByteSpan bytes) override {
      return event(at, event::Lane::kOutput, event::Output{Bytes(bytes.begin(), bytes.end())});
    }
    Status input(BootTime at, ByteSpan bytes) override {
      return event(at, event::Lane::kInput, event::Input{Bytes(bytes.begin(), bytes.end())});
    }
    Status event(BootTime at, event::Lane lane, const event::Body& body) override {
      if (all_.full) return fail(Code::kNoSpace, "no space");
      session_.events.push_back({lane, at, body});
      return {};
    }
    Status note(BootTime, const event::Body& body) override {
      if (const auto* person = std::get_if<event::Person>(&body))
        session_.people.push_back(*person);
      else if (const auto* opening = std::get_if<event::Opening>(&body))
        session_.openings.push_back(*opening);
      else if (const auto* transfer = std::get_if<event::Transfer>(&body))
        session_.transfers.push_back(*transfer);
      else
        session_.notes.push_back(std::get<event::Finding>(body));
      return {};
    }
    Status stand_for(BootTime at, const std::vector<event::Body>& bodies) override {
      if (all_.full) return fail(Code::kNoSpace, "no space");
      for (const event::Body& body : bodies)
        session_.stood.push_back({event::Lane::kFacts, at, body});
      session_.events.push_back({event::Lane::kFacts, at, event::Unknown{}});
      return {};
    }
    void passed_on() override {}
    Status close() override {
      session_.closed = true;
      session_.durable = session_.events.size() + 1;
      session_.tell(session_.durable);
      return {};
    }

   private:
    MemorySessions& all_;
    Session& session_;
  };

  Result<Opened> open(const Owner& owner, const wire::Terms& terms, uint8_t retention_class,
                      const event::Start& start, Durable durable) override {
    if (full) return fail(Code::kNoSpace, "no space");
    StreamId id{};
    id[0] = static_cast<uint8_t>(sessions.size() + 1);
    Session& session = sessions[id];
    session.owner = owner;
    session.terms = terms;
    session.retention_class = retention_class;
    session.start = start;
    session.tell = std::move(durable);
    return Opened{id, std::make_unique<Sink>(*this, session)};
  }
  Result<Known> find(const StreamId& id) override {
    const auto found = sessions.find(id);
    if (found == sessions.end() || found->second.durable == 0)
      return fail(Code::kNotFound, "no such session");
    return Known{found->second.owner, found->second.terms, found->second.start};
  }
  Result<Resumed> resume(const StreamId& id, uint64_t durable_min, Durable durable) override {
    Session& session = sessions.at(id);
    if (session.held) return fail(Code::kBusy, "not over");
    if (session.durable < durable_min) return fail(Code::kConflict, "messages are missing");
    if (session.closed) return Resumed{session.durable, nullptr};
    session.events.resize(session.durable - 1);
    session.tell = std::move(durable);
    return Resumed{session.durable, std::make_unique<Sink>(*this, session)};
  }

  Session& only() { return sessions.begin()->second; }
  void make_durable(uint64_t n) {
    only().durable = n;
    only().tell(n);
  }

  bool full = false;
  std::map<StreamId, Session> sessions;
};

class SessionHostTest : public testing::Test {
 protected:
  static os::Peer peer(uint32_t pid = 77) {
    os::Peer peer;
    peer.process = {pid, 1234};
    peer.uid = peer.euid = 1000;
    peer.gid = 1000;
    peer.egid = 4242;
    peer.tty = "/dev/pts/5";
    return peer;
  }
  std::unique_ptr<SessionHost> host(os::Peer who = peer()) {
    return *SessionHost::make(std::move(who), policy, sessions, clock);
  }
  static wire::Hello hello() {
    wire::Hello hello;
    hello.argv = {"bash"};
    hello.terminal = "vt100";
    return hello;
  }
  static Bytes said(uint64_t number, std::string_view text = "x") {
    return wire::encode_content(number, event::at(5), event::Lane::kOutput, as_bytes(text));
  }
  static Bytes end_of(uint64_t number) {
    return *wire::encode_event(number, event::at(6), event::Lane::kFacts, event::End{});
  }
  static wire::FromAgent reply(SessionHost& host) {
    const auto packet = host.next_reply();
    EXPECT_TRUE(packet);
    return packet ? *wire::parse_from_agent(*packet) : wire::FromAgent{};
  }
  static wire::SessionRefusal refusal(SessionHost& host) {
    const auto message = reply(host);
    const auto* refused = std::get_if<wire::SessionRefused>(&message);
    EXPECT_TRUE(refused);
    return refused ? refused->code : wire::SessionRefusal{};
  }
  /// A session in which `count` events were said and `durable` messages are.
  StreamId begun(SessionHost& host, uint64_t count, uint64_t durable) {
    EXPECT_TRUE(host.receive(*wire::encode(hello())));
    const auto welcome = std::get<wire::Welcome>(reply(host));
    for (uint64_t i = 0; i < count; ++i) EXPECT_TRUE(host.receive(said(2 + i)));
    sessions.make_durable(durable);
    return welcome.session;
  }

  std::vector<Notice> notices;
  Policy policy = [this] {
    Policy made;
    made.tell = [this](const Notice& notice) { notices.push_back(notice); };
    return made;
  }();
  MemorySessions sessions;
  StandingClock clock;
};

}  // namespace stele::agent
