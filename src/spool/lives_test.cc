// Many lives of one spool: in each a process does what chance says, until a kill, a power cut, a
// failing disk or a full one ends it; the next finds what was promised. Prints its seed on failure.
#include <cstdlib>
#include <random>

#include "spool/test_promises.h"

namespace stele::spool {
namespace {

constexpr uint8_t kStreams = 12;

class Life {
 public:
  Life(World& world, Promises& promises, uint64_t seed)
      : world_(world), promises_(promises), random_(seed) {}

  // What ends it.
  sim::Plan plan() {
    sim::Plan plan;
    const uint64_t step = 1 + random_() % 120;
    switch (random_() % 5) {
      case 0:
        plan.crash_at = step;
        plan.crash = sim::Plan::Crash::kKill;
        break;
      case 1:
        plan.fail_at = step;
        plan.fails_from_there = random_() % 2 == 0;
        break;
      case 2:
        plan.fail_at = step;
        plan.fail_code = Code::kNoSpace;
        plan.fails_from_there = random_() % 2 == 0;
        break;
      default:
        plan.crash_at = step;
    }
    return plan;
  }

  Status run(os::FileSystem& files) {
    TRY(const auto spool, world_.open(files));
    Worker worker(*spool, promises_, false);
    for (uint8_t id = 1; id <= kStreams; ++id) streams_.emplace(id, TestStream(id));
    for (int i = 0; i < 60; ++i) {
      Status done = act(*spool, worker);
      // A full spool, or disk, is no reason to stop; nor is a stream that nothing can follow in.
      if (!done && done.error().code != Code::kNoSpace && done.error().code != Code::kLimit &&
          done.error().code != Code::kConflict && done.error().code != Code::kNotFound) {
        return done;
      }
      world_.clock.advance(std::chrono::seconds(1));
    }
    return {};
  }

 private:
  Status act(Spool& spool, Worker& worker) {
    const uint64_t dice = random_() % 20;
    if (dice < 12) return append(spool, worker);
    if (dice < 16) return worker.sync();
    if (dice < 19)
      return worker.ship(TestStream(static_cast<uint8_t>(1 + random_() % kStreams)).id(),
                         TestStream(static_cast<uint8_t>(1 + random_() % kStreams)).id());
    return set_aside(spool, worker);
  }

  // The next segment of some stream; its bytes depend on its stream and number alone.
  Status append(Spool& spool, Worker& worker) {
    const auto id = static_cast<uint8_t>(1 + random_() % kStreams);
    TestStream stream(id);
    const auto state = spool.find(stream.id());
    if (!state && promises_.durable_count.contains(stream.id())) return {};  // closed
    const TestStream& ahead = streams_.at(id);
    if (ahead.next_sequence() > 0) {
      stream = ahead;
    } else if (state) {
      stream.go_on_from(state->tail);
    }
    const uint32_t sequence = stream.next_sequence();
    const size_t payload = 20 + (id * 37 + sequence * 101) % 900;
    const bool close = id % 3 == 0 && sequence == id;
    TRY_VOID(worker.append(stream, payload, close));
    streams_.at(id) = stream;
    return {};
  }

  Status set_aside(Spool& spool, Worker& worker) {
    const auto states = spool.streams();
    if (states.empty()) return {};
    const StreamState& one = states[random_() % states.size()];
    if (one.waiting == 0 || one.set_aside || one.stream[15] % 4 != 0) return {};
    const auto back = static_cast<uint32_t>(random_() % one.waiting);
    if (one.tail.next_sequence <= back) return {};
    return worker.set_aside(one.stream, one.tail.next_sequence - 1 - back);
  }

  World& world_;
  Promises& promises_;
  std::mt19937_64 random_;
  std::map<uint8_t, TestStream> streams_;
};

void live(uint64_t seed) {
  World world;
  world.options.quota = {.bytes_max = 40 << 10,
                         .owner_bytes_max = 40 << 10,
                         .reserve_bytes = seed % 2 == 0 ? 600U : 0U,
                         .low_water_bytes = 0};
  world.options.file_bytes_max = 1000 + seed % 3 * 1500;
  {
    // A directory whose own making failed to be synced is nothing that a later process could mend.
    sim::SimFileSystem files(world.disk);
    ASSERT_TRUE(files.make_directories(kDirectory + "/aside").has_value());
  }
  Promises promises;
  std::mt19937_64 random(seed);
  for (int life = 0; life < 8; ++life) {
    const std::string when = "seed " + std::to_string(seed) + ", life " + std::to_string(life);
    Life one(world, promises, random());
    const sim::Plan plan = one.plan();
    {
      sim::SimFileSystem files(world.disk, plan);
      (void)one.run(files);
    }
    if (random() % 3 == 0) world.disk.cut_power();
    if (!world.disk.is_powered()) world.disk.restart(random());
    EXPECT_EQ(broken_promises(world, promises, when, true), 0);
    if (testing::Test::HasFailure()) return;
  }
  expect_life_goes_on(world, promises, "seed " + std::to_string(seed));
}

// STELE_TEST_EFFORT: so many times as many seeds.
uint64_t seeds() {
  const char* effort = std::getenv("STELE_TEST_EFFORT");
  return 100 * (effort != nullptr ? std::strtoull(effort, nullptr, 10) : 1);
}

TEST(Lives, whatever_ends_them_promises_are_kept) {
  for (uint64_t seed = 1; seed <= seeds(); ++seed) {
    live(seed);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace stele::spool
