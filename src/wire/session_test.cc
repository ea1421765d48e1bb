#include "wire/session.h"

#include <gtest/gtest.h>

#include "event/test_events.h"

namespace stele::wire {
namespace {

using event::Lane;

StreamId id_of(uint8_t first) {
  StreamId id{};
  id[0] = first;
  return id;
}

Hello full_hello() {
  Hello hello;
  hello.input_policy = event::InputPolicy::kAll;
  hello.size = {24, 80, 640, 480};
  hello.recorder = "stele-recorder 0.1.0";
  hello.title = "release \xff";
  hello.cwd = "/home/ada";
  hello.terminal = "xterm";
  hello.connection = "192.0.2.7 52014 192.0.2.1 22";
  hello.invoker = "grace";
  hello.proof = "publickey ssh-ed25519 AAAA\n";
  hello.forwarded_agent = "/tmp/ssh-4cKMrb/agent.7";
  hello.break_glass = "the disk is full: ü";
  hello.parent = id_of(9);
  hello.program = Program::kScpFrom;
  hello.argv = {"ls", "-l", ""};
  return hello;
}

Arrived full_arrived() {
  return {.service = "sshd",
          .user = "deploy",
          .remote_host = "192.0.2.7",
          .remote_user = "ada",
          .terminal = "ssh",
          .connection = "192.0.2.7 52014 192.0.2.1 22",
          .proof = "publickey ssh-ed25519 AAAA\n"};
}

Welcome full_welcome() {
  Welcome welcome{id_of(7), 42, {}};
  welcome.terms = {.input_policy = event::InputPolicy::kNone,
                   .lanes = {true, false},
                   .digests = true,
                   .open = true,
                   .patience_ms = 1500,
                   .window_bytes = 1 << 20,
                   .banner = "recorded: ü",
                   .break_glass = "the disk is full",
                   .rule = 3,
                   .rule_name = "operators",
                   .policy_version = 17,
                   .policy_hash = Hash{1, 2, 3}};
  return welcome;
}

Welcome bare_welcome() { return {id_of(7), 2, {}}; }

std::vector<Bytes> recorder_packets() {
  std::vector<Bytes> packets = {*encode(full_hello()), encode(Resume{id_of(3), 77}),
                                encode(Bye{12}), *encode(full_arrived()), encode(Left{})};
  for (const event::Sample& sample : event::samples()) {
    if (std::holds_alternative<event::Start>(sample.body)) continue;
    if (std::holds_alternative<event::Grant>(sample.body) || event::is_host_event(sample.body) ||
        event::is_kernel_event(sample.body) || std::holds_alternative<event::Person>(sample.body) ||
        std::holds_alternative<event::Opening>(sample.body) ||
        std::holds_alternative<event::Elided>(sample.body) ||
        std::holds_alternative<event::Transfer>(sample.body))
      continue;
    packets.push_back(*encode_event(5, event::at(1000), sample.lane, sample.body));
  }
  return packets;
}

std::vector<Bytes> agent_packets() {
  return {encode(full_welcome()), encode(SessionRefused{SessionRefusal::kPolicy, "not you"}),
          encode(Taken{99}),      encode(Unrecorded{"nothing is kept"}),
          encode(bare_welcome()), encode(Noted{})};
}

TEST(SessionMessage, comes_back_as_it_was_sent) {
  Hello bare;
  bare.argv = {"sh"};
  for (const Hello& hello : {full_hello(), bare}) {
    EXPECT_EQ(std::get<Hello>(*parse_from_recorder(*encode(hello))), hello);
  }
  const Resume resume{id_of(3), 77};
  EXPECT_EQ(std::get<Resume>(*parse_from_recorder(encode(resume))), resume);
  EXPECT_EQ(std::get<Bye>(*parse_from_recorder(encode(Bye{12}))), Bye{12});
  for (const Arrived& arrived : {full_arrived(), Arrived{}})
    EXPECT_EQ(std::get<Arrived>(*parse_from_recorder(*encode(arrived))), arrived);
  EXPECT_EQ(std::get<Left>(*parse_from_recorder(encode(Left{}))), Left{});
  EXPECT_EQ(std::get<Noted>(*parse_from_agent(encode(Noted{}))), Noted{});
  EXPECT_EQ(std::get<Welcome>(*parse_from_agent(encode(full_welcome()))), full_welcome());
  EXPECT_EQ(std::get<Welcome>(*parse_from_agent(encode(bare_welcome()))), bare_welcome());
  const Unrecorded unrecorded{"nothing is kept"};
  EXPECT_EQ(std::get<Unrecorded>(*parse_from_agent(encode(unrecorded))), unrecorded);
  const SessionRefused refused{SessionRefusal::kFailed, "no space"};
  EXPECT_EQ(std::get<SessionRefused>(*parse_from_agent(encode(refused))), refused);
  EXPECT_EQ(std::get<Taken>(*parse_from_agent(encode(Taken{99}))), Taken{99});
}

TEST(SessionMessage, carries_each_event_a_recorder_can_make) {
  for (const event::Sample& sample : event::samples()) {
    const auto packet = encode_event(5, event::at(1000), sample.lane, sample.body);
    ASSERT_TRUE(packet);
    const auto message = parse_from_recorder(*packet);
    const bool agents = std::holds_alternative<event::Start>(sample.body) ||
                        std::holds_alternative<event::Grant>(sample.body) ||
                        event::is_host_event(sample.body) || event::is_kernel_event(sample.body) ||
                        std::holds_alternative<event::Person>(sample.body) ||
                        std::holds_alternative<event::Opening>(sample.body) ||
                        std::holds_alternative<event::Elided>(sample.body) ||
                        std::holds_alternative<event::Transfer>(sample.body);
    ASSERT_EQ(message.has_value(), !agents) << sample.body.index();
    if (agents) continue;
    const auto& said = std::get<Said>(*message);
    EXPECT_EQ(said.number, 5u);
    EXPECT_EQ(said.event, (event::Event{sample.lane, event::at(1000), sample.body}));
  }
}

TEST(SessionMessage, has_the_bytes_of_the_format_page) {
  const Bytes key = event::bytes_of("l");
  EXPECT_EQ(
      encode_content(2, event::at(1234), Lane::kOutput, key),
      (Bytes{3, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 4, 0xd2, 0x83, 2, 0, 0x41, 'l'}));
  EXPECT_EQ(encode(Taken{2}), (Bytes{0x13, 0, 0, 0, 0, 0, 0, 0, 2}));
}

TEST(SessionMessage, cut_at_any_byte_is_refused) {
  for (const Bytes& packet : recorder_packets()) {
    for (size_t size = 0; size < packet.size(); ++size) {
      EXPECT_FALSE(parse_from_recorder(ByteSpan(packet).first(size))) << size;
    }
  }
  for (const Bytes& packet : agent_packets()) {
    for (size_t size = 0; size < packet.size(); ++size) {
      EXPECT_FALSE(parse_from_agent(ByteSpan(packet).first(size))) << size;
    }
  }
}

TEST(SessionMessage, with_a_byte_too_many_is_refused) {
  for (Bytes packet : recorder_packets()) {
    packet.push_back(0);
    EXPECT_FALSE(parse_from_recorder(packet));
  }
  for (Bytes packet : agent_packets()) {
    packet.push_back(0);
    EXPECT_FALSE(parse_from_agent(packet));
  }
}

TEST(SessionMessage, with_any_bit_flipped_is_refused_or_another_message) {
  for (const Bytes& packet : agent_packets()) {
    for (size_t bit = 0; bit < packet.size() * 8; ++bit) {
      Bytes flipped = packet;
      flipped[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
      const auto message = parse_from_agent(flipped);
      if (message) {
        EXPECT_EQ(std::visit([](const auto& m) { return encode(m); }, *message), flipped) << bit;
      }
    }
  }
}

TEST(SessionMessage, of_another_version_says_so) {
  Bytes packet = *encode(full_hello());
  packet[1] = 1;
  EXPECT_EQ(parse_from_recorder(packet).error().code, Code::kUnsupported);
  packet = encode(Resume{id_of(3), 77});
  packet[1] = 0;
  EXPECT_EQ(parse_from_recorder(packet).error().code, Code::kUnsupported);
}

TEST(Arrived, that_does_not_fit_is_not_sent) {
  Arrived arrived = full_arrived();
  arrived.user.assign(kClaimBytesMax + 1, 'x');
  EXPECT_EQ(encode(arrived).error().code, Code::kLimit);
  arrived = full_arrived();
  arrived.proof.assign(kProofBytesMax + 1, 'x');
  EXPECT_EQ(encode(arrived).error().code, Code::kLimit);
}

TEST(Hello, that_does_not_fit_is_not_sent) {
  const auto refuses = [](auto change) {
    Hello hello = full_hello();
    change(hello);
    const auto packet = encode(hello);
    return !packet && packet.error().code == Code::kLimit;
  };
  EXPECT_TRUE(refuses([](Hello& h) { h.title.assign(kTitleBytesMax + 1, 'x'); }));
  EXPECT_TRUE(refuses([](Hello& h) { h.cwd.assign(kDirectoryBytesMax + 1, 'x'); }));
  EXPECT_TRUE(refuses([](Hello& h) { h.terminal.assign(kTerminalBytesMax + 1, 'x'); }));
  EXPECT_TRUE(refuses([](Hello& h) { h.connection.assign(kClaimBytesMax + 1, 'x'); }));
  EXPECT_TRUE(refuses([](Hello& h) { h.forwarded_agent.assign(kClaimBytesMax + 1, 'x'); }));
  EXPECT_TRUE(refuses([](Hello& h) { h.invoker.assign(kClaimBytesMax + 1, 'x'); }));
  EXPECT_TRUE(refuses([](Hello& h) { h.proof.assign(kProofBytesMax + 1, 'x'); }));
  EXPECT_TRUE(refuses([](Hello& h) { h.break_glass.assign(kBreakGlassBytesMax + 1, 'x'); }));
  EXPECT_TRUE(refuses([](Hello& h) { h.recorder.assign(kRecorderBytesMax + 1, 'x'); }));
  EXPECT_TRUE(refuses([](Hello& h) { h.argv.assign(kArgumentCountMax + 1, "x"); }));
  EXPECT_TRUE(refuses([](Hello& h) { h.argv = {std::string(70'000, 'x')}; }));
  EXPECT_TRUE(refuses([](Hello& h) { h.argv.assign(2, std::string(32'800, 'x')); }));
  Hello none = full_hello();
  none.argv.clear();
  EXPECT_EQ(encode(none).error().code, Code::kInvalid);
}

TEST(SaidEvent, keeps_its_time_in_one_place) {
  Bytes packet = encode_content(2, event::at(1234), Lane::kOutput, event::bytes_of("l"));
  packet[20] = 1;  // dt
  EXPECT_FALSE(parse_from_recorder(packet));
}

TEST(SaidEvent, stands_alone_in_its_own_lane) {
  Bytes twice = encode_content(2, event::at(1), Lane::kOutput, event::bytes_of("l"));
  const Bytes event(twice.begin() + 18, twice.end());
  twice.insert(twice.end(), event.begin(), event.end());
  EXPECT_FALSE(parse_from_recorder(twice));
  Bytes elsewhere = encode_content(2, event::at(1), Lane::kOutput, event::bytes_of("l"));
  elsewhere[1] = 2;
  EXPECT_FALSE(parse_from_recorder(elsewhere));
  elsewhere[1] = 3;
  EXPECT_FALSE(parse_from_recorder(elsewhere));
}

TEST(SaidEvent, of_a_newer_kind_is_refused_rather_than_half_understood) {
  Bytes newer = encode_content(2, event::at(1), Lane::kOutput, event::bytes_of("l"));
  newer[19] = 14;  // type
  EXPECT_FALSE(parse_from_recorder(newer));
  Bytes longer = encode_content(2, event::at(1), Lane::kOutput, event::bytes_of("l"));
  longer[18] = 0x84;
  longer.push_back(0);
  EXPECT_FALSE(parse_from_recorder(longer));
}

TEST(Terms, are_said_as_they_were_welcomed) {
  const Terms terms = full_welcome().terms;
  const event::Terms facts = facts_of(terms);
  EXPECT_EQ(facts.rule, 3U);
  EXPECT_EQ(facts.version, 17U);
  EXPECT_EQ(facts.policy_hash, terms.policy_hash);
  EXPECT_EQ(facts.input_policy, event::InputPolicy::kNone);
  EXPECT_TRUE(facts.open && facts.keeps_output);
  EXPECT_EQ(facts.banner, "recorded: ü");
  EXPECT_EQ(facts.reason, "the disk is full");
  const auto packet = encode_event(2, event::at(1), Lane::kFacts, facts);
  EXPECT_EQ(std::get<Said>(*parse_from_recorder(*packet)).event.body, event::Body(facts));
}

TEST(Reason, too_long_is_cut_between_characters) {
  std::string reason(kRefusalBytesMax - 1, 'x');
  reason += "ü";
  const auto message = parse_from_agent(encode(SessionRefused{SessionRefusal::kFailed, reason}));
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<SessionRefused>(*message).reason, std::string(kRefusalBytesMax - 1, 'x'));
}

}  // namespace
}  // namespace stele::wire
