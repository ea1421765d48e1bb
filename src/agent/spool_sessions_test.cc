#include "agent/spool_sessions.h"

#include <atomic>

#include "agent/test_spool_world.h"
#include "event/test_events.h"
#include "os/peer.h"
#include "os/unix_socket.h"

namespace stele::agent {
namespace {

using event::Lane;

constexpr const char* kBoot = "5f0c2a91-7c1e-4a31-9d0b-0b6f3c1a2e44";

event::Start start_of(const char* command) {
  event::Start start;
  start.argv = {command};
  start.uid = 1000;
  return start;
}

constexpr uint8_t kRetentionClass = 7;

class SpoolSessionsTest : public ::testing::Test, protected SpoolWorld {
 protected:
  SpoolSessionsTest() { start_agent(); }

  void start_agent(const char* boot = kBoot) {
    sessions.reset();
    memory.reset();
    restart();
    memory.emplace(*disk_files, "/run/sessions", boot);
    sessions.emplace(
        *shared, *memory,
        [this](const StreamId& id, uint8_t retention_class) {
          segment::Sealer made = sealer(id);
          made.set_retention_class(retention_class);
          return made;
        },
        clock, os::system_random);
    sessions->spare_ownerless(patience);
    const Status begun = sessions->begin();
    ASSERT_TRUE(begun) << begun.error().message();
  }
  /// This very process: one that lives.
  static Owner self() {
    const auto pair = os::packet_pair().value();
    return {os::peer_of(pair.first.get()).value().process, 1000};
  }
  Durable tell() {
    return [this](uint64_t n) { durable = n; };
  }
  Sessions::Opened opened(const Owner& owner = self()) {
    return sessions->open(owner, terms, kRetentionClass, start, tell()).value();
  }
  Status say(SessionSink& sink, std::string_view text) {
    TRY_VOID(sink.output(clock.boot(), as_bytes(text)));
    sink.passed_on();
    return {};
  }
  void end(SessionSink& sink) {
    ASSERT_TRUE(sink.event(clock.boot(), Lane::kFacts, event::End{}));
    const Status closed = sink.close();
    ASSERT_TRUE(closed) << closed.error().message();
  }

  /// Of the person's share less is left than any segment is charged with.
  void fill_share() {
    auto other = sealer(new_id());
    Status appended;
    for (uint64_t taken = 1; appended; ++taken)
      appended =
          shared->append(other.seal({}, false).value().bytes, taken, 1000, spool::Room::kOrdinary);
    ASSERT_EQ(appended.error().code, Code::kLimit);
    ASSERT_TRUE(shared->sync());
  }
  /// Of the stream's opening segment, which waits in the spool.
  segment::Manifest manifest_of(const StreamId& stream) {
    return shared->with([&](spool::Spool& spool) {
      spool.start_over();
      const auto waiting = spool.next(size_t{16} << 20, 1000).value();
      for (const spool::Outgoing& out : waiting) {
        const auto view = segment::parse_segment(out.bytes).value();
        if (out.stream == stream && out.sequence == 0)
          return segment::parse_manifest(view.manifest).value();
      }
      ADD_FAILURE() << "its opening segment does not wait";
      return segment::Manifest();
    });
  }

  wire::Terms terms;
  event::Start start = start_of("/bin/bash");
  Micros patience{0};
  std::optional<SessionMemory> memory;
  std::optional<SpoolSessions> sessions;
  std::atomic<uint64_t> durable = 0;
};

TEST_F(SpoolSessionsTest, a_recorder_that_was_never_welcomed_and_asks_again_has_one_session) {
  const auto before = opened();
  const StreamId id = before.id;
  start_agent();
  start.title = "another of that process";
  EXPECT_NE(opened().id, id);
  start.title = "";
  durable = 0;
  auto again = opened();
  EXPECT_EQ(again.id, id);
  EXPECT_EQ(durable, 1U);
  ASSERT_TRUE(say(*again.sink, "once"));
  end(*again.sink);
  EXPECT_EQ(state(id)->taken, 3U);
  again.sink.reset();
  EXPECT_NE(opened().id, id);
}

TEST_F(SpoolSessionsTest, a_session_that_was_welcomed_is_given_to_nobody_else) {
  const StreamId id = opened().id;
  start_agent();
  auto resumed = sessions->resume(id, 1, tell()).value();
  resumed.sink.reset();
  EXPECT_NE(opened().id, id);
}

TEST_F(SpoolSessionsTest, a_session_s_start_is_durable_before_it_is_welcomed) {
  auto session = opened();
  EXPECT_EQ(durable, 1U);
  EXPECT_EQ(sessions->count(), 1U);
  ASSERT_TRUE(say(*session.sink, "hello"));
  end(*session.sink);
  EXPECT_EQ(durable, 3U);
  EXPECT_TRUE(state(session.id)->tail.closed);
  session.sink.reset();
  EXPECT_EQ(sessions->count(), 0U);
}

TEST_F(SpoolSessionsTest, a_recorder_that_did_not_hear_that_all_is_taken_is_told_so) {
  auto session = opened();
  end(*session.sink);
  session.sink.reset();
  const auto again = sessions->resume(session.id, 1, tell()).value();
  EXPECT_EQ(again.durable, 2U);
  EXPECT_EQ(again.sink, nullptr);
}

TEST_F(SpoolSessionsTest, a_broken_connection_loses_nothing_that_was_taken) {
  auto session = opened();
  ASSERT_TRUE(say(*session.sink, "first"));
  EXPECT_EQ(sessions->resume(session.id, 1, tell()).error().code, Code::kBusy);
  session.sink.reset();
  auto again = sessions->resume(session.id, 2, tell()).value();
  EXPECT_EQ(again.durable, 2U);
  ASSERT_TRUE(say(*again.sink, "second"));
  end(*again.sink);
  EXPECT_EQ(state(session.id)->taken, 4U);
}

TEST_F(SpoolSessionsTest, a_new_agent_goes_on_where_the_spool_ends) {
  auto session = opened();
  ASSERT_TRUE(say(*session.sink, "never sealed"));
  disk.cut_power();
  session.sink.reset();
  disk.restart(1);
  disk_files.emplace(disk);
  SessionMemory rescued(*disk_files, "/run/sessions", kBoot);  // a file that power may take
  RememberedSession file{session.id,      self(), terms, session.id, spool::Room::kOrdinary,
                         kRetentionClass, start};
  ASSERT_TRUE(rescued.prepare() && rescued.remember(file));
  start_agent();
  const auto known = sessions->find(session.id).value();
  EXPECT_EQ(known.owner, self());
  EXPECT_EQ(known.terms, terms);
  auto again = sessions->resume(session.id, 1, tell()).value();
  EXPECT_EQ(again.durable, 1U) << "the recorder says it again";
  ASSERT_TRUE(say(*again.sink, "never sealed"));
  end(*again.sink);
  EXPECT_EQ(durable, 3U);
}

TEST_F(SpoolSessionsTest, what_the_recorder_was_told_is_durable_is_never_asked_for_again) {
  auto session = opened();
  session.sink.reset();
  EXPECT_EQ(sessions->resume(session.id, 2, tell()).error().code, Code::kConflict);
  EXPECT_EQ(sessions->count(), 0U);
}

TEST_F(SpoolSessionsTest, nobody_goes_on_with_a_session_of_an_earlier_boot) {
  auto session = opened();
  session.sink.reset();
  start_agent("11111111-7c1e-4a31-9d0b-0b6f3c1a2e44");
  EXPECT_EQ(sessions->find(session.id).error().code, Code::kNotFound);
  EXPECT_EQ(sessions->resume(session.id, 1, tell()).error().code, Code::kNotFound);
  EXPECT_EQ(memory->all()->size(), 0U) << "and its file is gone";
}

TEST_F(SpoolSessionsTest, a_session_of_an_earlier_boot_is_ended_as_one_that_was_cut) {
  auto session = opened(), over = opened();
  ASSERT_TRUE(say(*session.sink, "hello"));
  session.sink.reset();
  end(*over.sink);
  over.sink.reset();
  const uint32_t ended_at = state(over.id)->tail.next_sequence;
  disk_files->remove("/run/sessions/" + to_string(session.id));  // as a reboot does
  start_agent("11111111-7c1e-4a31-9d0b-0b6f3c1a2e44");
  EXPECT_TRUE(state(session.id)->tail.closed);
  EXPECT_EQ(state(session.id)->taken, 3U) << "its start, what was shown, and its end";
  EXPECT_EQ(state(over.id)->tail.next_sequence, ended_at) << "that one had ended";
  start_agent("22222222-7c1e-4a31-9d0b-0b6f3c1a2e44");
  EXPECT_EQ(state(session.id)->taken, 3U) << "once";
}

TEST_F(SpoolSessionsTest, each_segment_says_the_class_also_what_a_restart_ends) {
  const auto before = opened();
  ASSERT_TRUE(say(*before.sink, "kept as long as the others"));
  const StreamId id = before.id;
  start_agent("another boot");
  shared->with([&](spool::Spool& spool) {
    spool.start_over();
    uint32_t seen = 0;
    const auto waiting = spool.next(size_t{16} << 20, 1000).value();
    for (const spool::Outgoing& out : waiting) {
      const auto view = segment::parse_segment(out.bytes).value();
      if (out.stream == id) ++seen;
      EXPECT_EQ(view.header.retention_class, kRetentionClass);
    }
    EXPECT_GE(seen, 2U) << "its opening, and that it was cut";
  });
  EXPECT_EQ(state(id)->retention_class, kRetentionClass);
}

TEST_F(SpoolSessionsTest, a_host_s_own_stream_is_no_session) {
  segment::Sealer own(StreamId{7}, segment::Kind::kHost,
                      {host.key, segment::host_key_id(host.name, host.key.public_key().bytes), 1},
                      recipients(), os::system_random);
  const auto opening = own.seal({}, false).value();
  ASSERT_TRUE(shared->append(opening.bytes, 1, 0, spool::Room::kReserve));
  ASSERT_TRUE(shared->sync());
  start_agent("11111111-7c1e-4a31-9d0b-0b6f3c1a2e44");
  EXPECT_FALSE(state(StreamId{7})->tail.closed);
}

TEST_F(SpoolSessionsTest, the_dead_are_ended_and_the_living_are_not) {
  auto living = opened();
  auto served = opened({{999'999'999, 1}, 1000});
  auto dead = opened({{999'999'999, 1}, 1000});
  living.sink.reset();
  dead.sink.reset();
  ASSERT_TRUE(sessions->end_the_dead());
  EXPECT_TRUE(sessions->find(living.id));
  EXPECT_TRUE(sessions->find(served.id)) << "a connection serves it";
  EXPECT_FALSE(sessions->find(dead.id));
  EXPECT_FALSE(state(living.id)->tail.closed || state(served.id)->tail.closed);
  EXPECT_TRUE(state(dead.id)->tail.closed) << "its record says that it is over";
  EXPECT_EQ(state(dead.id)->taken, 2U);
}

TEST_F(SpoolSessionsTest, a_session_without_an_owner_waits_for_its_client_and_not_for_ever) {
  patience = std::chrono::hours(1);
  start_agent();
  auto session = opened(Owner{}), over = opened(Owner{});
  end(*over.sink);
  over.sink.reset();
  session.sink.reset();
  ASSERT_TRUE(sessions->end_the_dead());
  EXPECT_TRUE(sessions->find(session.id));
  EXPECT_FALSE(sessions->find(over.id)) << "nobody comes back to that one";
  start_agent();
  EXPECT_NE(opened(Owner{}).id, session.id) << "another program, in the same words";
  EXPECT_TRUE(sessions->resume(session.id, 1, tell())->sink) << "spared by an agent that starts";
  patience = Micros(0);
  start_agent();
  EXPECT_FALSE(sessions->find(session.id));
  EXPECT_TRUE(state(session.id)->tail.closed);
}

TEST_F(SpoolSessionsTest, the_dead_wait_for_room) {
  auto dead = opened({{999'999'999, 1}, 1000});
  fill_share();
  dead.sink.reset();
  const Status full = sessions->end_the_dead();
  ASSERT_TRUE(full) << full.error().message();
  EXPECT_TRUE(memory->recall(dead.id).has_value()) << "later";
  EXPECT_FALSE(state(dead.id)->tail.closed);
}

TEST_F(SpoolSessionsTest, what_was_refused_is_said_again_in_a_stream_that_continues_it) {
  auto session = opened();
  ASSERT_TRUE(say(*session.sink, "first"));
  session.sink.reset();
  auto again = sessions->resume(session.id, 2, tell()).value();
  ASSERT_TRUE(shared->with(
      [&](spool::Spool& spool) { return spool.set_aside(session.id, 1, "conflict: refused"); }));
  const segment::Standing agreed{session.id, 1, state(session.id)->tail.last_hash};
  ASSERT_TRUE(say(*again.sink, "second"));
  again.sink.reset();  // could not be sealed
  auto elsewhere = sessions->resume(session.id, 2, tell()).value();
  EXPECT_EQ(elsewhere.durable, 2U) << "what was refused is kept aside; what follows is said again";
  ASSERT_TRUE(say(*elsewhere.sink, "second"));
  end(*elsewhere.sink);
  EXPECT_EQ(durable, 4U);
  elsewhere.sink.reset();
  const auto file = memory->recall(session.id).value();
  EXPECT_NE(file.stream, session.id);
  EXPECT_EQ(manifest_of(file.stream).continues, agreed) << "where both agree last";
  EXPECT_EQ(state(file.stream)->taken, 4U);
  EXPECT_EQ(sessions->resume(session.id, 4, tell())->sink, nullptr);
}

TEST_F(SpoolSessionsTest, what_continues_a_stream_that_was_refused_whole_names_no_hash) {
  auto session = opened();
  ASSERT_TRUE(shared->with(
      [&](spool::Spool& spool) { return spool.set_aside(session.id, 0, "not yours: refused"); }));
  session.sink.reset();
  auto elsewhere = sessions->resume(session.id, 1, tell()).value();
  end(*elsewhere.sink);
  elsewhere.sink.reset();
  EXPECT_FALSE(manifest_of(memory->recall(session.id)->stream).continues.has_value());
}

TEST_F(SpoolSessionsTest, a_full_spool_refuses_before_anything_is_shown) {
  options.quota.owner_bytes_max = 1000;
  start_agent();
  EXPECT_EQ(sessions->open(self(), terms, kRetentionClass, start, tell()).error().code,
            Code::kLimit);
  EXPECT_EQ(memory->all()->size(), 0U);
  EXPECT_EQ(sessions->count(), 0U);
}

TEST(SessionMemory, has_one_spelling) {
  RememberedSession session;
  session.owner = {{4711, 918'273}, 1000};
  session.start = start_of("vim");
  session.id[6] = 0x70;
  session.id[8] = 0x80;
  session.stream = session.id;
  const std::string text = encode(session, kBoot);
  EXPECT_EQ(parse_session(text, kBoot).value(), session);
  EXPECT_EQ(parse_session(text, "another").error().code, Code::kNotFound);
  for (size_t size = 0; size < text.size(); ++size)
    ASSERT_FALSE(parse_session(text.substr(0, size), kBoot));
  EXPECT_FALSE(parse_session(text + "\n", kBoot));
  std::string plus = text;
  plus.replace(plus.find("4711"), 4, "04711");
  EXPECT_FALSE(parse_session(plus, kBoot));
}

}  // namespace
}  // namespace stele::agent
