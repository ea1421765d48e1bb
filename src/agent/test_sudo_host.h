// For tests: a client of sudo's log protocol, and the agent's side of its connections.
#pragma once

#include "agent/sudo_host.h"
#include "agent/test_session_host.h"
#include "os/random.h"
#include "sim/file_system.h"
#include "sudolog/test_client.h"

namespace stele::agent {

class SudoHostTest : public testing::Test {
 protected:
  using Nanos = sudolog::Nanos;
  using Data = sudolog::Data;
  using Way = sudolog::Data::Way;
  static constexpr Nanos kStep = std::chrono::milliseconds(10);

  /// What a server says.
  struct Told {
    uint32_t kind = 0;  // its member's number in ServerMessage
    std::string text;
    Nanos point{0};
  };
  enum Kind : uint32_t { kHello = 1, kCommit = 2, kLogId = 3, kError = 4, kAbort = 5 };

  SudoHostTest() { EXPECT_TRUE(memory.prepare()); }

  std::unique_ptr<SudoHost> connected(const SudoClient& client = {}) {
    auto host = SudoHost::make(world, client).value();
    EXPECT_TRUE(say(*host, sudolog::Hello{"sudoers 1.9"}));
    EXPECT_EQ(told(*host).kind, kHello);
    return host;
  }
  static Status say(SudoHost& host, const sudolog::ClientMessage& message) {
    return host.receive(sudolog::encode_client(message));
  }
  static Data shown(std::string_view text, Nanos delay = kStep) {
    return {Way::kTtyOut, delay, Bytes(text.begin(), text.end())};
  }
  static Data typed(std::string_view text, Nanos delay = kStep) {
    return {Way::kTtyIn, delay, Bytes(text.begin(), text.end())};
  }
  static sudolog::Decision accepted() {
    return {.at = Nanos(0),
            .infos = {{"submituser", std::string("jane")}, {"command", std::string("/bin/sh")}},
            .expects_data = true};
  }
  static sudolog::Decision inside(const std::string& command) {
    return {.at = Nanos(0), .infos = {{"command", command}}};
  }

  /// All that the host has to say.
  static std::vector<Told> all_told(SudoHost& host) {
    sudolog::Frames frames;
    frames.add(host.take_replies());
    std::vector<Told> all;
    for (auto frame = frames.next().value(); frame; frame = frames.next().value()) {
      sudolog::FieldReader message(*frame);
      const auto field = message.next();
      const ByteSpan bytes = field->bytes().value();
      Told& each = all.emplace_back(field->number, std::string(as_text(bytes)), Nanos(0));
      if (each.kind != kCommit) continue;
      sudolog::FieldReader time(bytes);
      while (const auto part = time.next())
        each.point +=
            Nanos(static_cast<int64_t>(*part->varint()) * (part->number == 1 ? 1'000'000'000 : 1));
    }
    return all;
  }
  /// The only thing, or the last one.
  static Told told(SudoHost& host) {
    const auto all = all_told(host);
    return all.empty() ? Told{} : all.back();
  }
  /// A session that began; its log's id.
  std::string begun(SudoHost& host) {
    EXPECT_TRUE(say(host, accepted()));
    const Told id = told(host);
    EXPECT_EQ(id.kind, kLogId);
    return id.text;
  }
  uint64_t messages() { return sessions.only().events.size() + 1; }
  /// What was shown, or typed, as the record has it.
  std::string recorded(event::Lane lane) {
    std::string all;
    for (const event::Event& each : sessions.only().events) {
      if (each.lane != lane) continue;
      if (const auto* out = std::get_if<event::Output>(&each.body)) all += as_text(out->bytes);
      if (const auto* in = std::get_if<event::Input>(&each.body)) all += as_text(in->bytes);
    }
    return all;
  }
  /// Each line, as lane, prompt and text.
  std::vector<std::string> recorded_lines() {
    std::vector<std::string> all;
    for (const event::Event& each : sessions.only().events)
      if (const auto* line = std::get_if<event::Line>(&each.body))
        all.push_back((each.lane == event::Lane::kFacts ? "facts|" : "input|") + line->prompt +
                      "|" + line->text);
    return all;
  }
  template <typename Body>
  size_t count() {
    return static_cast<size_t>(std::ranges::count_if(
        sessions.only().events,
        [](const event::Event& each) { return std::holds_alternative<Body>(each.body); }));
  }

  sim::Disk disk;
  sim::SimFileSystem files{disk};
  SessionMemory memory{files, "/run/sessions", "5f0c2a91-7c1e-4a31-9d0b-0b6f3c1a2e44"};
  MemorySessions sessions;
  StandingClock clock;
  Policy policy;
  SudoWorld world{[this](const Submitter&) { return policy; }, sessions, memory, clock,
                  os::system_random};
};

}  // namespace stele::agent
