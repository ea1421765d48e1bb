// A host and a server in one simulated world: lost requests, lost answers, clocks that are set, and
// either side killed or cut off from power at any of its writes. Whatever happens, what a recorder
// was told is durable is in the server's ledger in the end, once; and nothing was freed before it
// was proven.
//
// A seed that fails is printed; STELE_SEED=n runs that one alone, STELE_TEST_EFFORT=n more of them.
#include "server/test_fleet.h"

namespace stele::server {
namespace {

using std::chrono::seconds;

/// Something happens: most often somebody says something.
void step(SimServer& server, SimHost& host, Chance& chance) {
  switch (chance.pick(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return host.say(chance.pick(SimHost::kRecorders));
    case 4:
    case 5:
      return host.ship(chance.network());
    case 6:
      return host.ship(Network::kGood);
    case 7:
    case 8:
      return server.publish();
    case 9:
      return host.beat(chance.network());
    case 10:
      return chance.pick(3) == 0 ? host.set_clock(seconds(chance.pick(400'000)) - seconds(200'000))
                                 : host.confirm();
    default:
      return chance.pick(4) == 0 ? host.stop() : host.confirm();
  }
}

TEST_F(FleetTest, without_faults_everything_arrives_and_is_freed) {
  SimServer server(world);
  SimHost host(world, server);
  finish(server, host);
  for (const Recorder& r : host.recorders()) EXPECT_EQ(*r.durable, Recorder::kMessages);
  expect_all_there({&host});
  EXPECT_TRUE(host.findings.empty()) << host.findings[0].what;
}

TEST_F(FleetTest, nothing_is_freed_before_a_checkpoint_covers_it) {
  SimServer server(world);
  SimHost host(world, server);
  server.start();
  host.say(0);
  world.clock.advance(seconds(1));
  host.do_what_is_due();
  host.ship(Network::kGood);
  host.confirm();
  EXPECT_GT(host.depth().segments, 0U) << "acknowledged is not covered";
  world.clock.advance(seconds(61));
  host.confirm();
  EXPECT_EQ(host.findings.size(), 1U) << "and somebody is told after a minute";
  server.publish();
  host.confirm();
  EXPECT_EQ(host.depth().segments, 0U);
}

TEST_F(FleetTest, a_server_restored_from_an_old_copy_is_not_trusted_again) {
  SimServer server(world);
  SimHost host(world, server);
  const sim::Image old = world.disk.snapshot();
  host.say(0);
  host.ship(Network::kGood);
  server.publish();
  host.confirm();
  host.say(0);
  world.clock.advance(seconds(1));
  host.do_what_is_due();
  const uint64_t waiting = host.depth().segments;
  server.stop();
  world.disk.restore(old);
  host.ship(Network::kGood);
  world.clock.advance(seconds(1));
  server.publish();
  host.confirm();
  ASSERT_TRUE(host.distrust().has_value());
  EXPECT_NE(host.distrust()->context.find("rolled back"), std::string::npos);
  EXPECT_GT(waiting, 0U);
  EXPECT_EQ(host.depth().segments, waiting) << "what was not proven stays";
  EXPECT_EQ(host.evidence(), 2U) << "what the log signed: before, and now";
}

TEST_F(FleetTest, whatever_dies_and_gets_lost_what_was_promised_arrives) {
  for_each_seed(1000, [&](std::mt19937_64& random) {
    Chance chance{random};
    SimServer server(world);
    SimHost host(world, server);
    for (int i = 0; i < 16; ++i) {
      server.start(chance.death(4, 25));
      host.start(chance.death(3, 40));
      step(server, host, chance);
      world.clock.advance(std::chrono::milliseconds(chance.pick(5000)));
      host.do_what_is_due();
    }
    finish(server, host);
    expect_all_there({&host});
    EXPECT_FALSE(host.distrust().has_value()) << host.distrust()->message();
  });
}

}  // namespace
}  // namespace stele::server
