// Hosts that are not who they were: a machine that was copied while it ran, so that two go on as
// one; a disk put back as it was some time ago; a network that is away for longer than a host may
// be silent. What a recorder was told is durable is there all the same, or kept aside on a host;
// and verification accuses nobody of more than that.
//
// A seed that fails is printed; STELE_SEED=n runs that one alone, STELE_TEST_EFFORT=n more of them.
#include "server/test_fleet.h"

namespace stele::server {
namespace {

using CopiesTest = FleetTest;
using std::chrono::seconds;

void step(SimServer& server, SimHost& host, Chance& chance, Network network) {
  switch (chance.pick(6)) {
    case 0:
    case 1:
      return host.say(chance.pick(host.recorders().size()));
    case 2:
    case 3:
      return host.ship(network);
    case 4:
      return server.publish();
    default:
      return host.confirm();
  }
}

void steps(World& world, SimServer& server, const std::vector<SimHost*>& hosts, Chance& chance,
           int count) {
  for (int i = 0; i < count; ++i) {
    server.start(chance.death(8, 25));
    SimHost& host = *hosts[chance.pick(hosts.size())];
    host.start(chance.death(8, 40));
    step(server, host, chance, chance.network());
    world.clock.advance(std::chrono::milliseconds(chance.pick(5000)));
    for (SimHost* each : hosts) each->do_what_is_due();
  }
}

class TwoAsOne : public FleetTest {
 protected:
  /// What is right with every ledger that an honest server writes; two that sign as one host leave
  /// streams that the host's next key does not agree with, and nothing else.
  void expect_true_verdict() {
    sim::SimFileSystem files(world.disk);
    const auto report = World::verify_now(files);
    for (const ledger::Fault& fault : ledger::all_faults(report))
      EXPECT_EQ(fault.what, "not agreed") << fault.where;
    EXPECT_TRUE(report.faults.empty());
  }
  static bool was_refused(const SimHost& host) {
    return std::any_of(host.findings.begin(), host.findings.end(),
                       [](const event::Finding& finding) {
                         return finding.what.find("refuses") != std::string::npos;
                       });
  }
  /// All goes well from here on.
  void go_on(SimServer& server, const std::vector<SimHost*>& hosts) {
    for (int round = 0; round < 10; ++round) {
      for (SimHost* host : hosts) {
        for (size_t i = 0; i < host->recorders().size(); ++i) host->say(i);
        host->do_what_is_due();
        for (int i = 0; i < 4; ++i) host->ship(Network::kGood);
      }
      world.clock.advance(seconds(2));
      server.publish();
      for (SimHost* host : hosts) host->confirm();
    }
  }
};

TEST_F(TwoAsOne, a_machine_that_was_copied_while_it_ran) {
  size_t refused = 0, tried = 0;
  for_each_seed(150, [&](std::mt19937_64& random) {
    Chance chance{random};
    SimServer server(world);
    SimHost host(world, server);
    steps(world, server, {&host}, chance, 6);
    SimHost copy(host, "1 too");
    const std::vector<SimHost*> both = {&host, &copy};
    steps(world, server, both, chance, 10);
    go_on(server, both);
    for (SimHost* each : both) {
      for (const Recorder& r : each->recorders())
        EXPECT_TRUE(r.is_over || r.is_dead) << "who is refused goes on";
    }
    expect_nothing_lost(both);
    expect_true_verdict();
    refused += was_refused(host) || was_refused(copy) ? 1 : 0;
    ++tried;
  });
  EXPECT_GT(refused, tried / 4) << "one of the two, sooner or later";
}

TEST_F(TwoAsOne, a_disk_that_is_put_back_as_it_was) {
  for_each_seed(150, [&](std::mt19937_64& random) {
    Chance chance{random};
    SimServer server(world);
    SimHost host(world, server);
    steps(world, server, {&host}, chance, 6);
    const sim::Image image = host.image();
    steps(world, server, {&host}, chance, 6);
    server.start();
    host.become(image);
    keep_promises_that_can_be_kept(host);
    host.add_recorders();
    steps(world, server, {&host}, chance, 6);
    go_on(server, {&host});
    expect_nothing_lost({&host});
    expect_true_verdict();
  });
}

TEST_F(CopiesTest, a_network_that_is_away_for_longer_than_a_host_may_be_silent) {
  for_each_seed(200, [&](std::mt19937_64& random) {
    Chance chance{random};
    SimServer server(world);
    SimHost host(world, server);
    server.start();
    for (int i = 0; i < 6; ++i) step(server, host, chance, Network::kGood);
    host.beat(Network::kGood);
    server.told.clear();
    for (int i = 0; i < 8; ++i) {
      host.start(chance.death(6, 40));
      step(server, host, chance, Network::kRequestLost);
      host.beat(Network::kRequestLost);
      world.clock.advance(seconds(10 + chance.pick(10)));
      host.do_what_is_due();
      server.publish();
    }
    EXPECT_EQ(server.told, std::vector<std::string>{"1 is silent"}) << "once";
    host.beat(Network::kGood);
    server.publish();
    ASSERT_EQ(server.told.size(), 2U);
    EXPECT_EQ(server.told[1], "1 is back");
    finish(server, host);
    expect_all_there({&host});
    EXPECT_FALSE(host.distrust().has_value());
  });
}

TEST_F(CopiesTest, a_disk_in_another_host_whose_segments_are_not_its_own) {
  SimServer server(world);
  SimHost host(world, server);
  server.start();
  host.say(0);
  host.say(0);
  host.stop();
  SimHost other(host, "2");
  other.ship(Network::kGood);
  ASSERT_FALSE(other.findings.empty());
  EXPECT_NE(other.findings[0].what.find("another host"), std::string::npos)
      << other.findings[0].what;
  finish(server, host);
  expect_all_there({&host, &other});
}

}  // namespace
}  // namespace stele::server
