// A host's own stream and its keys, on a disk that fails: whatever happens to a rotation, what the
// host sealed is taken by a server and found right by a verifier with public keys alone.
#include "agent/host_stream.h"

#include <algorithm>

#include "agent/test_host_stream.h"
#include "base/hex.h"

namespace stele::agent {
namespace {

using std::chrono::minutes;

// Of the writes of a rotation, the ordinary build lets every one fail; slower ones a share.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kStride = 5;
#else
constexpr uint64_t kStride = 1;
#endif

TEST_F(HostStreamTest, keys_rotate_and_whatever_was_unshipped_is_right) {
  start();
  const StreamId a = new_session(), b = new_session();
  ASSERT_TRUE(record(a));
  ASSERT_TRUE(record(b));
  for (int i = 0; i < 4; ++i) {
    world.clock.advance(minutes(10));
    ASSERT_TRUE(host->step());
    ASSERT_TRUE(record(a));
    if (i == 1) ship();
  }
  ASSERT_TRUE(record(a, true));
  ASSERT_TRUE(record(b, true));
  ASSERT_TRUE(host->end("asked to"));
  expect_right();
  EXPECT_EQ(keys_seen(), 5U);
  EXPECT_EQ(said_of<event::HostStop>().at(0).why, "asked to");
  const auto summaries = said_of<event::HostSummary>();
  EXPECT_EQ(summaries.size(), 5U) << "every ten minutes, and at the end";
  EXPECT_EQ(summaries[0].open, 7U);
}

TEST_F(HostStreamTest, a_restart_opens_a_stream_that_continues_the_last) {
  for (int i = 0; i < 3; ++i) {
    start();
    ASSERT_TRUE(host->rotate());
    EXPECT_TRUE(i > 0 || host->end("asked to").has_value());
  }
  expect_right();
  EXPECT_EQ(said_of<event::HostStart>().size(), 3U);
  EXPECT_EQ(keys_seen(), 4U) << "each run goes on with the last key of the one before";
  EXPECT_EQ(continued(), 2U);
}

TEST_F(HostStreamTest, what_is_noticed_stands_in_the_stream) {
  start();
  host->find({"low-water", "little is left", {}, {}});
  host->find({"set-aside", "refused", StreamId{9}, 3});
  expect_right();
  const auto found = said_of<event::Finding>();
  ASSERT_EQ(found.size(), 2U) << "durable, and shipped";
  EXPECT_EQ(found[0].rule, "low-water");
  EXPECT_EQ(found[1].stream, StreamId{9});
  EXPECT_EQ(found[1].sequence, 3U);
}

TEST_F(HostStreamTest, what_is_noticed_while_there_is_no_room_is_said_later_and_counted) {
  start();
  files->set_plan({.fail_at = files->steps().size() + 1, .fail_code = Code::kNoSpace});
  for (int i = 0; i < 300; ++i) {
    files->set_plan({.fail_at = files->steps().size() + 1, .fail_code = Code::kNoSpace});
    host->find({"spool", std::to_string(i), {}, {}});
  }
  files->set_plan({});
  ASSERT_TRUE(host->step());
  expect_right();
  const auto found = said_of<event::Finding>();
  ASSERT_EQ(found.size(), 258U);
  EXPECT_EQ(found[0].what, "0") << "the ballast had room for one";
  EXPECT_EQ(found[256].what, "256");
  EXPECT_EQ(found[257].rule, "unsaid");
  EXPECT_EQ(found[257].what, "43 more findings stand in the host's journal alone");
}

TEST_F(HostStreamTest, what_a_killed_agent_left_open_is_closed_by_the_next) {
  start();
  start();
  const StreamId begun = host->stream();
  // Killed between a stream's opening and the file that remembers it.
  stop();
  ASSERT_TRUE(sim::SimFileSystem(disk).replace(
      "/agent/host.state", as_bytes(encode(HostState{new_session(), 1, 64, WallTime()}))));
  start();
  ASSERT_TRUE(host->end("asked to"));
  expect_right();
  EXPECT_NE(host->stream(), begun);
  EXPECT_EQ(said_of<event::HostStart>().size(), 3U);
  const auto stops = said_of<event::HostStop>();
  ASSERT_EQ(stops.size(), 3U);
  EXPECT_EQ(stops[0].why, "killed; the next agent says so");
  EXPECT_EQ(stops[1].why, stops[0].why);
  EXPECT_EQ(stops[2].why, "asked to");
}

TEST_F(HostStreamTest, a_rotation_that_is_killed_anywhere_leaves_one_key_that_is_right) {
  const sim::Image fresh_host = disk.snapshot();
  for (const auto crash : {sim::Plan::Crash::kKill, sim::Plan::Crash::kPowerCut}) {
    bool crashed = true;
    for (uint64_t k = 1; crashed; k += kStride) {
      SCOPED_TRACE("crash " + std::to_string(static_cast<int>(crash)) + " at write " +
                   std::to_string(k));
      stop();
      world.disk.restore(world.fresh);
      disk.restore(fresh_host);
      start();
      const StreamId a = new_session();
      ASSERT_TRUE(record(a));
      ASSERT_TRUE(record(a));
      files->set_plan({.crash_at = files->steps().size() + k, .crash = crash});
      (void)host->rotate();
      crashed = !files->is_alive();
      stop();
      if (crash == sim::Plan::Crash::kPowerCut && crashed) disk.restart(k);
      start();
      ASSERT_TRUE(record(a));
      ASSERT_TRUE(host->rotate());
      ASSERT_TRUE(record(a, true));
      expect_right();
      if (HasFailure()) return;
    }
  }
}

TEST_F(HostStreamTest, a_rotation_whose_writes_fail_leaves_a_key_that_is_right) {
  const sim::Image fresh_host = disk.snapshot();
  for (const Code code : {Code::kNoSpace, Code::kIo}) {
    bool failed = true;
    for (uint64_t k = 1; failed; k += kStride) {
      SCOPED_TRACE(std::string(code_name(code)) + " at write " + std::to_string(k));
      stop();
      world.disk.restore(world.fresh);
      disk.restore(fresh_host);
      start();
      const StreamId a = new_session();
      ASSERT_TRUE(record(a));
      files->set_plan({.fail_at = files->steps().size() + k, .fail_code = code});
      failed = !host->rotate();
      files->set_plan({});
      if (spool->failure()) start();
      ASSERT_TRUE(record(a));
      ASSERT_TRUE(host->rotate());
      if (k % 2 == 0) start();
      ASSERT_TRUE(record(a, true));
      expect_right();
      if (HasFailure()) return;
    }
  }
}

TEST_F(HostStreamTest, the_key_before_is_nowhere) {
  start();
  const auto old = ledger::load_private_key(*files, "/agent/host.key").value();
  ASSERT_TRUE(host->rotate());
  const std::string seed = to_base64(old.key.seed().span());
  for (const auto& [path, entry] : disk.snapshot())
    EXPECT_EQ(as_text(entry.bytes).find(seed), std::string_view::npos) << path;
  EXPECT_FALSE(files->exists("/agent/host.key.next"));
}

TEST_F(HostStreamTest, session_numbers_are_never_used_twice) {
  uint64_t last = 0;
  for (int run = 0; run < 4; ++run) {
    start();
    for (int i = 0; i < 70; ++i) {
      const auto number = host->number_session(new_session());
      ASSERT_TRUE(number.has_value());
      EXPECT_GT(*number, last);
      EXPECT_LE(*number, last + (i == 0 ? 64 : 1));
      last = *number;
    }
    ASSERT_TRUE(spool->sync());
    EXPECT_TRUE(run != 1 || host->end("asked to").has_value());
  }
  expect_right();
  auto numbers = said_of<event::SessionNumber>();
  ASSERT_EQ(numbers.size(), 280U);
  std::sort(numbers.begin(), numbers.end(),
            [](const auto& x, const auto& y) { return x.number < y.number; });
  EXPECT_EQ(numbers[140].number, numbers[139].number + 1) << "an orderly stop skips none";
}

TEST_F(HostStreamTest, on_a_full_disk_sessions_are_numbered_as_long_as_anything_is_kept) {
  start();
  files->set_plan({.fail_at = files->steps().size() + 1, .fail_code = Code::kNoSpace});
  EXPECT_EQ(host->number_session(new_session()).value(), 1U) << "host.state, whose room comes back";
  files->set_plan({.fail_at = files->steps().size() + 1,
                   .fail_code = Code::kNoSpace,
                   .fails_from_there = true});
  EXPECT_EQ(host->number_session(new_session()).error().code, Code::kNoSpace);
  files->set_plan({});
  EXPECT_EQ(host->number_session(new_session()).value(), 2U) << "and none is skipped";
  ASSERT_TRUE(spool->sync());
  start();
  EXPECT_GT(host->number_session(new_session()).value(), 2U) << "nor used twice";
  ASSERT_TRUE(spool->sync());
  expect_right();
}

TEST_F(HostStreamTest, a_clock_that_is_set_back_gets_a_new_key_and_is_not_accused) {
  start();
  const StreamId a = new_session();
  ASSERT_TRUE(host->rotate());
  ASSERT_TRUE(record(a));
  world.clock.set_wall(world.clock.wall() - std::chrono::hours(20));
  ASSERT_TRUE(record(a));
  ASSERT_TRUE(host->step());
  world.clock.set_wall(world.clock.wall() + std::chrono::hours(50));
  ASSERT_TRUE(record(a, true));
  ASSERT_TRUE(host->step());
  ASSERT_TRUE(host->end(""));
  expect_right();
  const auto steps = said_of<event::ClockStep>();
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[0].by, -std::chrono::hours(20));
  EXPECT_EQ(steps[1].by, std::chrono::hours(50));
}

TEST_F(HostStreamTest, a_clock_that_is_set_on_a_full_disk_is_told_of_when_there_is_room) {
  start();
  world.clock.set_wall(world.clock.wall() + std::chrono::hours(1));
  files->set_plan({.fail_at = files->steps().size() + 1,
                   .fail_code = Code::kNoSpace,
                   .fails_from_there = true});
  (void)host->step();
  files->set_plan({});
  ASSERT_TRUE(host->step());
  ASSERT_TRUE(host->end(""));
  expect_right();
  const auto steps = said_of<event::ClockStep>();
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].by, std::chrono::hours(1));
}

TEST_F(HostStreamTest, under_a_clock_set_back_on_a_full_disk_nothing_is_signed) {
  start();
  const StreamId a = new_session();
  ASSERT_TRUE(host->rotate());
  ASSERT_TRUE(record(a));
  world.clock.set_wall(world.clock.wall() - std::chrono::hours(20));
  files->set_plan({.fail_at = files->steps().size() + 1, .fail_code = Code::kNoSpace});
  EXPECT_EQ(host->keys()(world.clock.wall()), nullptr) << "no room for another key";
  ASSERT_TRUE(record(a, true)) << "now there is";
  expect_right();
  EXPECT_EQ(keys_seen(), 3U);
}

TEST_F(HostStreamTest, what_happened_before_the_clock_was_set_forward_is_not_accused) {
  start();
  const StreamId a = new_session();
  ASSERT_TRUE(record(a));
  const WallTime happened = world.clock.wall();
  world.clock.set_wall(happened + std::chrono::hours(50));  // or the machine paused
  ASSERT_TRUE(host->rotate());
  ASSERT_TRUE(record(a, true, happened)) << "it was waiting to be sealed";
  expect_right();
  EXPECT_EQ(keys_seen(), 2U);
}

TEST_F(HostStreamTest, what_happened_while_the_clock_was_wrong_is_not_accused_once_it_is_right) {
  start();
  const StreamId a = new_session();
  ASSERT_TRUE(record(a));
  const WallTime right = world.clock.wall();
  const WallTime wrong = right - std::chrono::hours(1);
  world.clock.set_wall(wrong);
  world.clock.set_wall(right);  // nobody looked meanwhile
  ASSERT_TRUE(host->rotate());
  ASSERT_TRUE(record(a, false, wrong)) << "it was waiting to be sealed";
  ASSERT_TRUE(record(a, true));
  ASSERT_TRUE(host->step());
  expect_right();
  EXPECT_EQ(keys_seen(), 3U);
}

TEST_F(HostStreamTest, its_own_stream_under_a_clock_that_was_set_back_is_not_accused) {
  start();
  ASSERT_TRUE(host->rotate());
  world.clock.set_wall(world.clock.wall() - std::chrono::hours(20));
  ASSERT_TRUE(host->number_session(new_session()));
  ASSERT_TRUE(host->end("asked to"));
  world.clock.set_wall(world.clock.wall() - std::chrono::hours(20));
  start();  // of a machine whose clock has no battery, say
  const StreamId a = new_session();
  ASSERT_TRUE(record(a, true));
  ASSERT_TRUE(host->step());
  expect_right();
  EXPECT_EQ(said_of<event::HostStart>().size(), 2U);
}

TEST_F(HostStreamTest, more_streams_than_one_manifest_names_are_named_before_it) {
  options.quota = {.bytes_max = 1ULL << 40, .owner_bytes_max = 1ULL << 40};
  start();
  std::vector<StreamId> all;
  for (int i = 0; i < 1100; ++i) ASSERT_TRUE(record(all.emplace_back(new_session())));
  ASSERT_TRUE(host->rotate());
  for (const size_t i : {0, 600, 1099}) ASSERT_TRUE(record(all[i]));
  ASSERT_TRUE(host->rotate());
  // Only every hundredth is looked at further: shipping is not what is tried here.
  const auto segments =
      spool->with([](spool::Spool& s) { return s.next(1 << 30, 10'000); }).value();
  size_t parts = 0;
  for (const auto& each : segments) {
    const auto view = segment::parse_segment(each.bytes).value();
    if (view.header.kind != segment::Kind::kHost || view.manifest.empty()) continue;
    const auto manifest = segment::parse_manifest(view.manifest).value();
    EXPECT_TRUE(!manifest.rotation || manifest.rotation->parts == 2);
    parts += manifest.agreed.empty() ? 0 : 1;
  }
  EXPECT_EQ(parts, 6U);
}

TEST_F(HostStreamTest, a_stream_that_the_server_refuses_goes_on_in_another) {
  start();
  ASSERT_TRUE(host->number_session(new_session()));
  ASSERT_TRUE(spool->sync());
  const StreamId refused = host->stream();
  ship();
  ASSERT_TRUE(host->number_session(new_session()));
  ASSERT_TRUE(spool->sync());
  ASSERT_TRUE(spool->with([&](spool::Spool& s) { return s.set_aside(refused, 2, "refused"); }));
  ASSERT_TRUE(host->number_session(new_session()));
  ASSERT_TRUE(host->rotate());
  EXPECT_NE(host->stream(), refused);
  expect_right();
  EXPECT_EQ(continued(), 1U);
  EXPECT_EQ(said_of<event::SessionNumber>().size(), 2U);
}

}  // namespace
}  // namespace stele::agent
