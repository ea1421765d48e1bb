#include "spool/spool.h"

#include <cstdlib>
#include <filesystem>

#include "os/posix_file_system.h"
#include "spool/test_world.h"

namespace stele::spool {
namespace {

using std::chrono::seconds;

Code code_of(const Status& status) { return status ? Code::kInvalid : status.error().code; }

TEST_F(SpoolStory, hands_out_only_what_was_synced) {
  TestStream a(1);
  const Bytes first = put(a);
  EXPECT_TRUE(ship().empty());
  EXPECT_EQ(spool->find(a.id())->taken, 0U);
  ASSERT_TRUE(spool->sync().has_value());
  const auto shipped = ship();
  ASSERT_EQ(shipped.size(), 1U);
  EXPECT_EQ(shipped[0].bytes, first);
  EXPECT_EQ(shipped[0].hash, a.last_hash());
  EXPECT_EQ(spool->find(a.id())->taken, 10U);
  EXPECT_TRUE(ship().empty()) << "handed out twice";
}

TEST_F(SpoolStory, one_sync_makes_a_whole_group_durable) {
  TestStream a(1), b(2);
  for (int i = 0; i < 3; ++i) put(a, 10), put(b, 10);
  const size_t before = files->steps().size();
  ASSERT_TRUE(spool->sync().has_value());
  EXPECT_EQ(files->steps().size(), before + 1);
  ASSERT_TRUE(spool->sync().has_value());
  EXPECT_EQ(files->steps().size(), before + 1) << "nothing to sync";
  EXPECT_EQ(ship().size(), 6U);
}

TEST_F(SpoolStory, keeps_what_was_not_covered_over_a_restart) {
  TestStream a(1);
  const Bytes first = put(a), second = put_synced(a);
  accept(ship());
  reopen();
  const auto shipped = ship();
  ASSERT_EQ(shipped.size(), 2U) << "accepted is not covered";
  EXPECT_EQ(shipped[0].bytes, first);
  EXPECT_EQ(shipped[1].bytes, second);
  EXPECT_TRUE(spool->take_findings().empty());
}

TEST_F(SpoolStory, remembers_an_open_stream_of_which_everything_was_freed) {
  TestStream a(1);
  for (int i = 0; i < 20; ++i) put_synced(a);
  ship_and_cover();
  const auto before = spool->find(a.id());
  ASSERT_TRUE(before.has_value());
  reopen();
  const auto after = spool->find(a.id());
  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(after->tail, before->tail);
  EXPECT_EQ(after->tail.last_hash, a.last_hash());
  EXPECT_EQ(after->taken, 200U);
  EXPECT_LE(after->waiting, 20U);
  put_synced(a);
  EXPECT_EQ(spool->find(a.id())->tail.next_sequence, 21U);
}

TEST_F(SpoolStory, forgets_a_closed_stream_when_it_is_covered) {
  TestStream a(1);
  put(a);
  put_synced(a, 100, true);
  EXPECT_TRUE(spool->find(a.id())->tail.closed);
  ship_and_cover();
  EXPECT_FALSE(spool->find(a.id()).has_value());
  EXPECT_EQ(code_of(spool->append(a.next(), 99, 1000)), Code::kConflict);
  EXPECT_EQ(spool->depth().charged_bytes, 0U);
}

TEST_F(SpoolStory, removes_files_of_which_nothing_waits) {
  TestStream a(1), b(2);
  put_synced(b);
  for (int i = 0; i < 20; ++i) put_synced(a);
  EXPECT_GT(spool_files(), 4U);
  ship_and_cover();
  EXPECT_EQ(spool_files(), 1U) << "the one that is appended to";
  reopen();
  EXPECT_EQ(spool->find(b.id())->tail.next_sequence, 1U);
}

TEST_F(SpoolStory, ships_streams_in_turn_and_each_in_order) {
  TestStream flood(1), quiet(2);
  world.options.quota.bytes_max = world.options.quota.owner_bytes_max = 8 << 20;
  reopen();
  for (int i = 0; i < 8; ++i) put(flood, 200'000);
  put(quiet);
  ASSERT_TRUE(spool->sync().has_value());
  const auto first = spool->next(700'000, 1000).value();
  ASSERT_EQ(first.size(), 4U);
  EXPECT_EQ(first[2].stream, quiet.id()) << "a flood does not hold up the others";
  std::vector<uint32_t> flooded;
  for (const Outgoing& one : first)
    if (one.stream == flood.id()) flooded.push_back(one.sequence);
  for (const Outgoing& one : ship())
    if (one.stream == flood.id()) flooded.push_back(one.sequence);
  EXPECT_EQ(flooded, (std::vector<uint32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST_F(SpoolStory, gives_at_least_one_segment_and_no_more_than_asked_for) {
  TestStream a(1);
  for (int i = 0; i < 5; ++i) put(a, 1000);
  ASSERT_TRUE(spool->sync().has_value());
  EXPECT_EQ(spool->next(1, 10)->size(), 1U);
  EXPECT_EQ(spool->next(3000, 10)->size(), 2U);
  EXPECT_EQ(spool->next(1 << 20, 1)->size(), 1U);
  EXPECT_EQ(spool->next(1 << 20, 10)->size(), 1U);
}

TEST_F(SpoolStory, a_stream_that_has_to_wait_holds_up_nobody) {
  TestStream a(1), b(2);
  put(a), put(a), put(b);
  ASSERT_TRUE(spool->sync().has_value());
  EXPECT_EQ(ship().size(), 3U);
  spool->send_again(a.id(), 0, seconds(5));
  put_synced(b);
  auto shipped = ship();
  ASSERT_EQ(shipped.size(), 1U);
  EXPECT_EQ(shipped[0].stream, b.id());
  world.clock.advance(seconds(5));
  shipped = ship();
  ASSERT_EQ(shipped.size(), 2U);
  EXPECT_EQ(shipped[0].sequence, 0U);
  EXPECT_EQ(shipped[1].sequence, 1U);
}

TEST_F(SpoolStory, sends_again_what_was_not_answered) {
  TestStream a(1), b(2);
  put(a), put(a), put(b);
  ASSERT_TRUE(spool->sync().has_value());
  const auto shipped = ship();
  ASSERT_EQ(shipped.size(), 3U);
  accept({shipped[0]});
  spool->send_all_again();
  EXPECT_EQ(ship().size(), 2U);
  spool->start_over();
  EXPECT_EQ(ship().size(), 3U) << "what was accepted too";
  EXPECT_TRUE(spool->acknowledged(UINT64_MAX, 10).empty());
}

TEST_F(SpoolStory, does_not_believe_a_leaf_of_something_else) {
  TestStream a(1), b(2);
  const Bytes first = put(a), second = put(a), other = put_synced(b);
  (void)ship();
  auto leaf = leaf_of(first);
  const auto accept = [&](const StreamId& id, uint32_t sequence, uint64_t index, ByteSpan l) {
    return code_of(spool->accepted(id, sequence, index, l));
  };
  EXPECT_EQ(accept(a.id(), 0, 5, leaf_of(other)), Code::kUnauthentic);
  EXPECT_EQ(accept(a.id(), 0, 5, leaf_of(second)), Code::kUnauthentic);
  leaf[2] ^= 1;  // the flags: the hash of the segment is right, what is said of it is not
  EXPECT_EQ(accept(a.id(), 0, 5, leaf), Code::kUnauthentic);
  EXPECT_EQ(accept(a.id(), 1, 5, leaf_of(second)), Code::kConflict) << "before the first";
  EXPECT_EQ(accept(a.id(), 7, 5, leaf_of(second)), Code::kNotFound);
  EXPECT_EQ(accept(TestStream(9).id(), 0, 5, leaf_of(second)), Code::kNotFound);
  EXPECT_TRUE(spool->acknowledged(UINT64_MAX, 10).empty());

  EXPECT_EQ(spool->find(a.id())->acknowledged, 0U);
  ASSERT_TRUE(spool->accepted(a.id(), 0, 5, leaf_of(first)).has_value());
  EXPECT_EQ(spool->find(a.id())->acknowledged, 1U);
  ASSERT_TRUE(spool->accepted(a.id(), 0, 5, leaf_of(first)).has_value()) << "the same again";
  EXPECT_EQ(accept(a.id(), 0, 6, leaf_of(first)), Code::kConflict) << "another index";
  EXPECT_EQ(accept(a.id(), 1, 4, leaf_of(second)), Code::kConflict) << "before its predecessor";
  EXPECT_EQ(accept(b.id(), 0, 5, leaf_of(other)), Code::kConflict) << "an index given twice";
}

TEST_F(SpoolStory, frees_only_what_was_accepted_and_in_order) {
  TestStream a(1);
  put(a), put_synced(a);
  EXPECT_EQ(code_of(spool->covered(a.id(), 0)), Code::kInvalid) << "not accepted";
  accept(ship());
  EXPECT_EQ(code_of(spool->covered(a.id(), 1)), Code::kInvalid) << "not the first";
  EXPECT_EQ(code_of(spool->covered(a.id(), 2)), Code::kNotFound);
  const auto waiting = spool->acknowledged(1, 10);
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(waiting[0].sequence, 0U);
  ASSERT_TRUE(spool->covered(a.id(), 0).has_value());
  ASSERT_TRUE(spool->covered(a.id(), 0).has_value()) << "freed before";
  ASSERT_TRUE(spool->covered(a.id(), 1).has_value());
  EXPECT_EQ(spool->depth().segments, 0U);
}

TEST_F(SpoolStory, refuses_what_can_not_follow) {
  TestStream a(1), fork(1);
  const Bytes first = put(a);
  EXPECT_EQ(code_of(spool->append(first, 10, 1000)), Code::kConflict) << "twice";
  (void)fork.next(50);
  EXPECT_EQ(code_of(spool->append(fork.next(), 10, 1000)), Code::kConflict) << "another past";
  const Bytes second = a.next();
  EXPECT_EQ(code_of(spool->append(second, 9, 1000)), Code::kInvalid) << "taken went back";
  EXPECT_EQ(code_of(spool->append(second, 20, 1001)), Code::kInvalid) << "another owner";
  EXPECT_EQ(code_of(spool->append(ByteSpan(second).first(150), 20, 1000)), Code::kCorrupt);
  EXPECT_TRUE(spool->append(second, 20, 1000).has_value());
}

TEST_F(SpoolStory, tells_how_deep_it_is) {
  TestStream a(1), b(2);
  const WallTime start = world.clock.wall();
  put_synced(a);
  world.clock.advance(seconds(3));
  put_synced(b);
  Depth depth = spool->depth();
  EXPECT_EQ(depth.segments, 2U);
  EXPECT_EQ(depth.unshipped, 2U);
  EXPECT_EQ(depth.oldest_unshipped, start);
  EXPECT_EQ(depth.charged_bytes, 2048U);
  const auto shipped = ship();
  accept({shipped[0]});
  depth = spool->depth();
  EXPECT_EQ(depth.unshipped, 1U);
  EXPECT_EQ(depth.oldest_unshipped, start + seconds(3));
  EXPECT_EQ(depth.oldest_acknowledged, world.clock.boot());
  reopen();
  EXPECT_EQ(spool->depth().oldest_unshipped, start) << "remembered over a restart";
}

TEST_F(SpoolStory, one_process_at_a_time_has_it) {
  sim::SimFileSystem other(world.disk);
  const auto second = world.open(other);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Code::kBusy);
}

TEST_F(SpoolStory, takes_nothing_after_a_failed_sync_until_it_is_opened_anew) {
  TestStream a(1);
  put_synced(a, 10);
  const auto synced = spool->find(a.id());
  put(a, 10);
  files->set_plan({.fail_at = files->steps().size() + 1});
  EXPECT_EQ(code_of(spool->sync()), Code::kIo);
  EXPECT_EQ(code_of(spool->append(a.next(), 30, 1000)), Code::kIo);
  EXPECT_FALSE(spool->next(1 << 20, 10).has_value());
  EXPECT_EQ(code_of(spool->sync()), Code::kIo);
  EXPECT_EQ(spool->find(a.id())->taken, 10U);

  reopen();
  EXPECT_EQ(spool->find(a.id())->tail, synced->tail) << "the lost one is only in the cache";
  EXPECT_EQ(ship().size(), 1U);
}

TEST_F(SpoolStory, moves_what_waits_out_of_files_that_are_mostly_freed) {
  TestStream a(1);
  std::vector<TestStream> stuck;
  world.options.quota.bytes_max = 24 << 10;  // a quarter of it may be dead
  reopen();
  std::vector<Bytes> kept;
  for (uint8_t round = 0; round < 8; ++round) {
    stuck.emplace_back(static_cast<uint8_t>(100 + round));
    kept.push_back(put(stuck.back()));
    for (int i = 0; i < 4; ++i) put(a);
    ASSERT_TRUE(spool->sync().has_value());
    for (const Outgoing& one : ship()) {
      if (one.stream != a.id()) continue;
      accept({one});
      cover_all();
    }
  }
  const Depth depth = spool->depth();
  EXPECT_EQ(depth.segments, 8U);
  EXPECT_LT(depth.disk_bytes, depth.bytes + (6 << 10) + 2 * 1500);
  for (int restart = 0; restart < 2; ++restart) {
    std::map<StreamId, Bytes> shipped;
    for (const Outgoing& one : ship()) shipped[one.stream] = one.bytes;
    if (restart > 0) {
      for (size_t i = 0; i < stuck.size(); ++i) EXPECT_EQ(shipped[stuck[i].id()], kept[i]);
    }
    reopen();
    EXPECT_TRUE(spool->take_findings().empty());
  }
}

// The stories above are told on a simulated disk; this one on the machine's own.
TEST(RealDisk, keeps_what_waits_and_frees_what_is_covered) {
  std::string directory = testing::TempDir() + "spool-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  os::PosixFileSystem files;
  sim::Clock clock;
  TestStream a(1);
  std::vector<Bytes> put;
  for (int life = 0; life < 3; ++life) {
    auto spool = Spool::open(files, directory, clock, small_options());
    ASSERT_TRUE(spool.has_value()) << spool.error().message();
    for (int i = 0; i < 5; ++i) {
      put.push_back(a.next(200));
      ASSERT_TRUE((*spool)->append(put.back(), 0, 1000).has_value());
    }
    ASSERT_TRUE((*spool)->sync().has_value());
    const auto out = (*spool)->next(1 << 20, 100).value();
    ASSERT_EQ(out.size(), put.size());
    for (size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i].bytes, put[i]);
    EXPECT_TRUE((*spool)->take_findings().empty());
  }
  auto spool = Spool::open(files, directory, clock, small_options()).value();
  const auto out = spool->next(1 << 20, 100).value();
  for (const Outgoing& one : out) {
    ASSERT_TRUE(spool->accepted(one.stream, one.sequence, one.sequence, leaf_of(one.bytes)));
    ASSERT_TRUE(spool->covered(one.stream, one.sequence).has_value());
  }
  EXPECT_EQ(spool->depth().disk_bytes, 0U);
  EXPECT_EQ(spool->find(a.id())->tail.next_sequence, 15U);
  spool.reset();
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace stele::spool
