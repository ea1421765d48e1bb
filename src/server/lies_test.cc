// A host and a server that lies, in one simulated world: whatever it answers and whatever log it
// shows, a host has let go of nothing that is not in the ledger; and hosts that are not who they
// were.
//
// A seed that fails is printed; STELE_SEED=n runs that one alone, STELE_TEST_EFFORT=n more of them.
#include "server/test_fleet.h"

namespace stele::server {
namespace {

enum class Lie {
  kNone,
  kAnotherLeaf,
  kAnotherIndex,
  kThrowsAway,  // takes it, says so, and forgets it
  kRefuses,
  kBabbles,
  kOldLog,    // of a moment ago
  kForkedLog  // of a ledger with the same key and another history
};
constexpr uint64_t kLies = 8;

class Liar : public SimServer {
 public:
  Liar(World& world, std::mt19937_64& random) : SimServer(world), random_(random) { remember(); }

  Lie lie = Lie::kNone;
  std::optional<wire::Refusal> refuse_with;

  /// What it will show as its old log, and go on from in its forked one.
  void remember() {
    old_ = world_.disk.snapshot();
    fork_.restore(old_);
    sim::SimFileSystem files(fork_);
    auto ledger = world_.open(files).value();
    static const auto other = ledger::TestStream(files, world_.clock, world_.random).next(10, true);
    ASSERT_TRUE(ledger->append(other.bytes).has_value());
    ASSERT_TRUE(ledger->sync() && ledger->publish_through(ledger->size()));
  }
  Result<Bytes> post(const std::string& host, ByteSpan request) override {
    const size_t count = wire::parse_segments(request).value().size();
    if (lie == Lie::kBabbles) {
      Bytes noise(random_() % 200);
      for (uint8_t& byte : noise) byte = static_cast<uint8_t>(random_());
      return noise;
    }
    if (lie == Lie::kRefuses) return wire::encode(std::vector<wire::Answer>(count, refusal()));
    const sim::Image before = world_.disk.snapshot();
    auto response = SimServer::post(host, request);
    if (lie == Lie::kThrowsAway) {
      stop();
      world_.disk.restore(before);
    }
    if (!response || (lie != Lie::kAnotherLeaf && lie != Lie::kAnotherIndex)) return response;
    auto answers = wire::parse_answers(*response, count).value();
    for (wire::Answer& answer : answers) {
      auto* accepted = std::get_if<wire::Accepted>(&answer);
      if (accepted != nullptr && lie == Lie::kAnotherIndex) accepted->index += 1 + random_() % 3;
      if (accepted != nullptr && lie == Lie::kAnotherLeaf) accepted->leaf.segment_hash[0] ^= 1;
    }
    return wire::encode(answers);
  }
  Result<Bytes> fetch(const std::string& path) override {
    if (lie == Lie::kForkedLog) {
      sim::SimFileSystem reader(fork_);
      return reader.read(kLayout.vault() + "/log/" + path, 1 << 16);
    }
    if (lie != Lie::kOldLog) return SimServer::fetch(path);
    const auto file = old_.find(kLayout.vault() + "/log/" + path);
    if (file == old_.end()) return fail(Code::kNotFound, path);
    return file->second.bytes;
  }

 private:
  wire::Refused refusal() {
    // Beyond the last: as a newer server may refuse.
    const auto any = static_cast<wire::Refusal>(1 + random_() % 12);
    wire::Refused refused{refuse_with.value_or(any), 0, {}, "because"};
    refused.next = static_cast<uint32_t>(random_() % 8);
    return refused;
  }

  std::mt19937_64& random_;
  sim::Image old_;
  sim::Disk fork_;
};

using LiesTest = FleetTest;

void step(Liar& server, SimHost& host, Chance& chance) {
  switch (chance.pick(8)) {
    case 0:
    case 1:
    case 2:
      return host.say(chance.pick(SimHost::kRecorders));
    case 3:
    case 4:
      return host.ship(Network::kGood);
    case 5:
      return server.publish();
    case 6:
      return chance.pick(4) == 0 ? server.remember() : host.confirm();
    default:
      return host.confirm();
  }
}

void lie_at_random(World& world, Liar& server, SimHost& host, Chance& chance) {
  for (int i = 0; i < 20; ++i) {
    server.lie = chance.pick(3) == 0 ? static_cast<Lie>(chance.pick(kLies)) : Lie::kNone;
    host.start(chance.death(8, 40));
    step(server, host, chance);
    world.clock.advance(std::chrono::milliseconds(chance.pick(4000)));
    host.do_what_is_due();
  }
  server.lie = Lie::kNone;
}

TEST_F(LiesTest, whatever_a_server_says_nothing_that_it_has_not_is_let_go_of) {
  for_each_seed(500, [&](std::mt19937_64& random) {
    Chance chance{random};
    Liar server(world, random);
    SimHost host(world, server);
    lie_at_random(world, server, host, chance);
    expect_nothing_lost({&host});
  });
}

TEST_F(LiesTest, a_host_that_frees_what_is_only_acknowledged_is_found_out) {
  size_t found_out = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    world.disk.restore(world.fresh);
    std::mt19937_64 random(seed);
    Chance chance{random};
    Liar server(world, random);
    SimHost host(world, server);
    host.frees_too_early = true;
    lie_at_random(world, server, host, chance);
    found_out += faults({&host}).empty() ? 0 : 1;
  }
  EXPECT_GT(found_out, 0U) << "else these tests can not fail";
}

TEST_F(LiesTest, a_fork_is_told_and_believed_by_nobody) {
  std::mt19937_64 random(1);
  Liar server(world, random);
  SimHost host(world, server);
  server.start();
  host.say(0);
  host.ship(Network::kGood);
  world.clock.advance(std::chrono::seconds(1));
  server.publish();
  host.confirm();
  host.do_what_is_due();
  host.say(0);
  world.clock.advance(std::chrono::seconds(1));
  host.do_what_is_due();
  server.lie = Lie::kForkedLog;
  host.ship(Network::kGood);
  server.publish();
  world.clock.advance(std::chrono::seconds(1));
  const uint64_t waiting = host.depth().segments;
  host.confirm();
  ASSERT_TRUE(host.distrust().has_value());
  ASSERT_EQ(host.findings.size(), 1U);
  EXPECT_EQ(host.findings[0].rule, "rolled-back") << "its other history is the shorter one";
  EXPECT_GT(waiting, 0U);
  EXPECT_EQ(host.depth().segments, waiting);
}

TEST_F(LiesTest, a_longer_log_without_what_was_acknowledged_is_a_fork) {
  std::mt19937_64 random(1);
  Liar server(world, random);
  SimHost host(world, server);
  const auto go_on = [&] {
    host.say(0);
    world.clock.advance(std::chrono::seconds(1));
    host.do_what_is_due();
    host.ship(Network::kGood);
    server.publish();
  };
  server.start();
  go_on();
  host.confirm();
  server.remember();
  go_on();
  const uint64_t waiting = host.depth().segments;
  ASSERT_GT(waiting, 0U);
  server.lie = Lie::kForkedLog;
  host.confirm();
  ASSERT_TRUE(host.distrust().has_value());
  ASSERT_EQ(host.findings.size(), 1U);
  EXPECT_EQ(host.findings[0].rule, "fork");
  server.lie = Lie::kNone;
  host.confirm();
  EXPECT_EQ(host.depth().segments, waiting) << "not even when it shows its other face again";
  EXPECT_EQ(host.findings.size(), 1U);
}

TEST_F(LiesTest, an_answer_that_can_not_be_right_is_told_and_not_believed) {
  std::mt19937_64 random(1);
  Liar server(world, random);
  SimHost host(world, server);
  server.start();
  host.say(0);
  world.clock.advance(std::chrono::seconds(1));
  host.do_what_is_due();
  const uint64_t waiting = host.depth().segments;
  ASSERT_GT(waiting, 0U);
  server.lie = Lie::kAnotherLeaf;
  host.ship(Network::kGood);
  ASSERT_EQ(host.findings.size(), waiting) << "for each that was sent";
  EXPECT_EQ(host.findings[0].rule, "bad-answer");
  EXPECT_TRUE(host.findings[0].stream && host.findings[0].sequence);
  EXPECT_EQ(host.depth().segments, waiting);
  server.lie = Lie::kNone;
  finish(server, host);
  expect_all_there({&host});
}

TEST_F(LiesTest, while_anything_is_late_nothing_is_freed) {
  SimServer server(world);
  SimHost host(world, server);
  server.start();
  host.say(0);
  host.ship(Network::kGood);
  world.clock.advance(std::chrono::seconds(40));
  server.publish();  // of the first, and of nothing behind it
  host.say(1);
  world.clock.advance(std::chrono::seconds(1));
  host.do_what_is_due();
  host.ship(Network::kGood);
  const uint64_t waiting = host.depth().segments;
  world.clock.advance(std::chrono::seconds(61));
  host.confirm();
  EXPECT_EQ(host.depth().segments, waiting) << "not even what is proven";
  ASSERT_EQ(host.findings.size(), 1U);
  EXPECT_EQ(host.findings[0].rule, "not-covered");
  server.publish();
  host.confirm();
  EXPECT_LT(host.depth().segments, waiting);
  EXPECT_EQ(host.findings.size(), 1U);
}

TEST_F(LiesTest, a_server_that_is_silent_for_long_is_told_and_trusted_again) {
  SimServer server(world);
  SimHost host(world, server);
  server.start();
  host.say(0);
  host.ship(Network::kGood);
  for (int minute = 0; minute < 10; ++minute) {
    host.say(1);
    host.ship(Network::kRequestLost);
    world.clock.advance(std::chrono::minutes(1));
    host.do_what_is_due();
    host.confirm();
  }
  EXPECT_EQ(host.findings.size(), 1U) << "once";
  EXPECT_GE(host.depth().segments, Recorder::kMessages);
  finish(server, host);
  expect_all_there({&host});
}

TEST_F(LiesTest, a_refusal_that_only_a_newer_server_knows_is_not_now) {
  std::mt19937_64 random(1);
  Liar server(world, random);
  SimHost host(world, server);
  server.start();
  host.say(0);
  world.clock.advance(std::chrono::seconds(1));
  host.do_what_is_due();
  const uint64_t waiting = host.depth().segments;
  ASSERT_GT(waiting, 0U);
  server.lie = Lie::kRefuses;
  for (const int code : {11, 255, static_cast<int>(wire::Refusal::kUnsupported)}) {
    server.refuse_with = static_cast<wire::Refusal>(code);
    for (int tries = 0; tries < 3; ++tries) {
      host.ship(Network::kGood);
      host.confirm();
      world.clock.advance(std::chrono::seconds(2));
    }
    EXPECT_EQ(host.depth().segments, waiting) << code;
    world.clock.advance(std::chrono::minutes(11));
  }
  EXPECT_EQ(host.findings.size(), 3U) << "told, and not with every try";
  for (const event::Finding& finding : host.findings) EXPECT_EQ(finding.rule, "not-taken");
  server.lie = Lie::kNone;
  finish(server, host);
  expect_all_there({&host});
}

}  // namespace
}  // namespace stele::server
