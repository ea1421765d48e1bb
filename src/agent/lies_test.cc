// A host and a server that lies, in one simulated world: whatever it answers and whatever log it
// shows, a host has let go of nothing that is not in the ledger; and hosts that are not who they
// were.
//
// A seed that fails is printed; STELE_SEED=n runs that one alone, STELE_TEST_EFFORT=n more of them.
#include "agent/test_fleet.h"

namespace stele::agent {
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

class Liar : public Server {
 public:
  Liar(World& world, std::mt19937_64& random) : Server(world), random_(random) { remember(); }

  Lie lie = Lie::kNone;

  /// What it will show as its old log, and go on from in its forked one.
  void remember() {
    old_ = world_.disk.snapshot();
    fork_.restore(old_);
    sim::SimFileSystem files(fork_);
    auto ledger = world_.open(files).value();
    ledger::TestStream stream(files, world_.clock, world_.random);
    const Sealed other = stream.next(10, true);
    ASSERT_TRUE(ledger->append(other.bytes).has_value());
    ASSERT_TRUE(ledger->sync() && ledger->publish_through(ledger->size()));
  }
  Result<Bytes> post(ByteSpan request) override {
    const size_t count = wire::parse_segments(request).value().size();
    if (lie == Lie::kBabbles) {
      Bytes noise(random_() % 200);
      for (uint8_t& byte : noise) byte = static_cast<uint8_t>(random_());
      return noise;
    }
    if (lie == Lie::kRefuses) return wire::encode(std::vector<wire::Answer>(count, refusal()));
    const sim::Image before = world_.disk.snapshot();
    auto response = Server::post(request);
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
    if (lie != Lie::kOldLog) return Server::fetch(path);
    const auto file = old_.find(kLayout.vault() + "/log/" + path);
    if (file == old_.end()) return fail(Code::kNotFound, path);
    return file->second.bytes;
  }

 private:
  wire::Refused refusal() {
    wire::Refused refused{static_cast<wire::Refusal>(1 + random_() % 9), 0, {}, "because"};
    refused.next = static_cast<uint32_t>(random_() % 8);
    return refused;
  }

  std::mt19937_64& random_;
  sim::Image old_;
  sim::Disk fork_;
};

/// What the host once promised to keep is in the ledger, or still the host's.
void expect_nothing_lost(World& world, Server& server, Host& host) {
  server.start();
  server.publish();
  const auto found = found_in_ledger(world, host);
  for (const Hash& hash : host.promised())
    ASSERT_TRUE(found.contains(hash) || host.holds(hash)) << "let go of, and not in the ledger";
}

using LiesTest = FleetTest;

TEST_F(LiesTest, whatever_a_server_says_nothing_that_it_has_not_is_let_go_of) {
  const Seeds seeds(200);
  for (uint64_t seed = seeds.first; seed < seeds.end; ++seed) {
    SCOPED_TRACE("STELE_SEED=" + std::to_string(seed));
    world.disk.restore(world.fresh);
    std::mt19937_64 random(seed);
    const auto pick = [&](uint64_t n) { return random() % n; };
    Liar server(world, random);
    Host host(world, server);
    for (int step = 0; step < 60; ++step) {
      server.lie = pick(3) == 0 ? static_cast<Lie>(pick(kLies)) : Lie::kNone;
      host.start(pick(8) == 0 ? 1 + pick(12) : 0);
      switch (pick(6)) {
        case 0:
        case 1:
          host.record(pick(host.sessions()));
          host.sync();
          break;
        case 2:
          host.ship(Network::kGood);
          break;
        case 3:
          server.publish();
          break;
        case 4:
          if (pick(4) == 0) server.remember();
          break;
        default:
          host.confirm();
      }
      world.clock.advance(std::chrono::milliseconds(pick(3000)));
    }
    server.lie = Lie::kNone;
    expect_nothing_lost(world, server, host);
    if (HasFailure()) return;
  }
}

TEST_F(LiesTest, a_fork_is_told_and_believed_by_nobody) {
  std::mt19937_64 random(1);
  Liar server(world, random);
  Host host(world, server);
  host.record(0);
  host.sync();
  host.ship(Network::kGood);
  server.publish();
  host.confirm();
  host.record(0);
  host.sync();
  server.lie = Lie::kForkedLog;
  host.ship(Network::kGood);
  server.publish();
  world.clock.advance(std::chrono::seconds(1));
  host.confirm();
  ASSERT_TRUE(host.distrust().has_value());
  EXPECT_EQ(host.findings.size(), 1U);
  EXPECT_EQ(host.depth().segments, 1U);
}

TEST_F(LiesTest, a_server_that_is_silent_for_long_is_told_and_trusted_again) {
  Server server(world);
  Host host(world, server);
  host.record(0);
  host.sync();
  host.ship(Network::kGood);
  for (int minute = 0; minute < 10; ++minute) {
    host.record(1);
    host.sync();
    host.ship(Network::kRequestLost);
    world.clock.advance(std::chrono::minutes(1));
    host.confirm();
  }
  EXPECT_EQ(host.findings.size(), 1U) << "once";
  EXPECT_EQ(host.depth().segments, 7U);
  finish(server, host);
  expect_all_there(world, host);
}

TEST_F(LiesTest, a_host_restored_from_a_copy_says_again_what_it_forgot) {
  Server server(world);
  Host host(world, server);
  host.record(0);
  host.sync();
  const sim::Image old = host.image();
  host.ship(Network::kGood);
  server.publish();
  host.confirm();
  host.record(0);
  host.sync();
  host.ship(Network::kGood);
  host.become(old);
  finish(server, host);
  expect_all_there(world, host);
}

}  // namespace
}  // namespace stele::agent
