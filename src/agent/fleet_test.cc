// A host and a server in one simulated world: lost requests, lost answers, either side killed or
// cut off from power at any of its writes. Whatever happens, what the host promised to have is in
// the server's ledger in the end, byte for byte; and nothing was freed before it was proven.
//
// A seed that fails is printed; STELE_SEED=n runs that one alone, STELE_TEST_EFFORT=n more of them.
#include "agent/test_fleet.h"

namespace stele::agent {
namespace {

TEST_F(FleetTest, without_faults_everything_arrives_and_is_freed) {
  Server server(world);
  Host host(world, server);
  finish(server, host);
  EXPECT_EQ(host.promised().size(), 18U);
  expect_all_there(world, host);
  EXPECT_TRUE(host.findings.empty()) << host.findings[0];
}

TEST_F(FleetTest, nothing_is_freed_before_a_checkpoint_covers_it) {
  Server server(world);
  Host host(world, server);
  host.record(0);
  host.sync();
  host.ship(Network::kGood);
  host.confirm();
  EXPECT_EQ(host.depth().segments, 1U) << "acknowledged is not covered";
  world.clock.advance(std::chrono::seconds(61));
  host.confirm();
  EXPECT_EQ(host.findings.size(), 1U) << "and somebody is told after a minute";
  server.publish();
  host.confirm();
  EXPECT_EQ(host.depth().segments, 0U);
}

TEST_F(FleetTest, a_server_restored_from_an_old_copy_is_not_trusted_again) {
  Server server(world);
  Host host(world, server);
  const sim::Image old = world.disk.snapshot();
  host.record(0);
  host.sync();
  host.ship(Network::kGood);
  server.publish();
  host.confirm();
  host.record(0);
  host.sync();
  server.stop();
  world.disk.restore(old);
  host.ship(Network::kGood);
  server.publish();
  host.confirm();
  ASSERT_TRUE(host.distrust().has_value());
  EXPECT_NE(host.distrust()->context.find("rolled back"), std::string::npos);
  EXPECT_EQ(host.depth().segments, 1U) << "what was not proven stays";
}

TEST_F(FleetTest, whatever_dies_and_gets_lost_what_was_promised_arrives) {
  const Seeds seeds(300);
  for (uint64_t seed = seeds.first; seed < seeds.end; ++seed) {
    SCOPED_TRACE("STELE_SEED=" + std::to_string(seed));
    world.disk.restore(world.fresh);
    std::mt19937_64 random(seed);
    const auto pick = [&](uint64_t n) { return random() % n; };
    const auto crash = [&] {
      return pick(2) == 0 ? sim::Plan::Crash::kKill : sim::Plan::Crash::kPowerCut;
    };
    Server server(world);
    Host host(world, server);
    for (int step = 0; step < 60; ++step) {
      server.start(pick(3) == 0 ? 1 + pick(12) : 0, crash());
      host.start(pick(3) == 0 ? 1 + pick(12) : 0, crash());
      switch (pick(8)) {
        case 0:
        case 1:
        case 2:
          host.record(pick(host.sessions()));
          break;
        case 3:
          host.sync();
          break;
        case 4:
          host.ship(static_cast<Network>(pick(3)));
          break;
        case 5:
          host.ship(Network::kGood);
          break;
        case 6:
          server.publish();
          break;
        default:
          host.confirm();
      }
      world.clock.advance(std::chrono::milliseconds(pick(3000)));
    }
    host.stop();
    server.stop();
    finish(server, host);
    expect_all_there(world, host);
    EXPECT_FALSE(host.distrust().has_value()) << host.distrust()->message();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace stele::agent
