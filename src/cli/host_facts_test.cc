#include "cli/host_facts.h"

#include "event/codec.h"
#include "ledger/test_world.h"
#include "vault/local_vault.h"

namespace stele::cli {
namespace {

using testing::Test;

/// A ledger in memory, read as a directory is.
class LedgerSource : public Source {
 public:
  explicit LedgerSource(os::FileSystem& files)
      : files_(files), vault_(files, ledger::kLayout.vault()), segments_(vault_) {}

  Status load() override {
    TRY(catalog_, ledger::Catalog::read(vault_));
    return {};
  }
  Result<Bytes> segment(const ledger::SegmentRef& ref) override { return segments_.read(ref); }
  Result<Bytes> front(const ledger::SegmentRef& ref) override { return segments_.read(ref); }
  bool may_go_on(const ledger::StreamRef&) override { return true; }
  Status look_again(const StreamId&) override { return load(); }
  os::FileSystem& files() override { return files_; }
  const ledger::Layout& layout() const override { return ledger::kLayout; }

 private:
  os::FileSystem& files_;
  const vault::LocalVault vault_;
  ledger::SegmentReader segments_;
};

class HostFactsTest : public Test {
 protected:
  segment::Sealer sealer(segment::Kind kind) {
    const Bytes note = files.read(ledger::kLayout.recipients(), 1 << 16).value();
    const auto policy = ledger::load_verifier_key(files, ledger::kLayout.policy_vkey()).value();
    return {make_uuid_v7(world.clock.wall(), world.random),
            kind,
            {host.key, segment::host_key_id(host.name, host.key.public_key().bytes), 1},
            ledger::sealing_recipients(ledger::open_recipients_list(note, policy).value(), note),
            world.random};
  }
  /// One segment with these facts.
  void put(segment::Sealer& to, const std::vector<event::Body>& facts, bool close = false) {
    segment::Batch batch;
    batch.wall_first = world.clock.wall();
    batch.boot_first = batch.boot_last = world.clock.boot();
    event::LaneEncoder encoder;
    encoder.begin(batch.boot_first);
    for (const event::Body& each : facts) encoder.event(batch.boot_first, each);
    batch.lanes[0] = encoder.take();
    batch.event_count = static_cast<uint32_t>(facts.size());
    last = to.seal(batch, close).value();
    ASSERT_TRUE(ledger->append(last.bytes).has_value());
    ASSERT_TRUE(ledger->sync());
  }
  /// A session of which the ledger has something.
  StreamId session() {
    auto stream = sealer(segment::Kind::kSession);
    put(stream, {event::Start{}});
    return stream.stream();
  }
  static event::HostStart start(uint64_t sessions) {
    event::HostStart start;
    start.sessions = sessions;
    return start;
  }
  /// What is to be looked into of the one host.
  std::vector<std::string> told() {
    EXPECT_TRUE(source.load());
    HostReader reader(source, ledger::World::trust(files).hosts, identities);
    const auto hosts = reader.read();
    sealed = reader.sealed();
    EXPECT_TRUE(reader.unread().empty());
    EXPECT_EQ(hosts.size(), 1U);
    return hosts.empty() ? std::vector<std::string>() : doubts(hosts.front());
  }

  ledger::World world;
  sim::SimFileSystem files{world.disk};
  std::unique_ptr<ledger::Ledger> ledger = world.open(files).value();
  const ledger::PrivateKey host =
      ledger::load_private_key(files, ledger::kLayout.host_key()).value();
  std::vector<crypto::Identity> identities =
      crypto::parse_identity_file(
          as_text(files.read(ledger::kLayout.auditor_identity(), 1 << 16).value()))
          .value();
  LedgerSource source{files};
  segment::Sealed last;
  size_t sealed = 0;
};

TEST_F(HostFactsTest, sessions_that_are_there_in_their_order_leave_no_doubt) {
  auto stream = sealer(segment::Kind::kHost);
  put(stream, {start(0), event::SessionNumber{1, session()}, event::SessionNumber{2, session()}});
  put(stream, {event::HostStop{"asked to"}}, true);
  auto next = sealer(segment::Kind::kHost);
  next.carry({.continues = segment::Standing{stream.stream(), 2, last.hash}});
  put(next, {start(64), event::SessionNumber{65, session()}});
  EXPECT_EQ(told(), std::vector<std::string>()) << "the start says where counting goes on";
}

TEST_F(HostFactsTest, a_session_with_a_number_and_nothing_more_is_missing) {
  auto stream = sealer(segment::Kind::kHost);
  const StreamId there = session(), gone = make_uuid_v7(world.clock.wall(), world.random);
  put(stream, {start(0), event::SessionNumber{1, there}, event::SessionNumber{2, gone}});
  const auto lines = told();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0], "missing: session 2 (" + to_string(gone) +
                          ") was begun, and the ledger has nothing of it");
}

TEST_F(HostFactsTest, numbers_that_no_start_explains_are_skipped) {
  auto stream = sealer(segment::Kind::kHost);
  put(stream, {start(0), event::SessionNumber{1, session()}});
  put(stream, {event::SessionNumber{4, session()}, event::SessionNumber{5, session()}});
  const auto lines = told();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(lines[0].starts_with("skipped: session numbers 2 to 3, ")) << lines[0];
}

TEST_F(HostFactsTest, numbers_that_are_skipped_behind_a_start_are_skipped_too) {
  auto stream = sealer(segment::Kind::kHost);
  put(stream, {start(64), event::SessionNumber{66, session()}});
  const auto lines = told();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(lines[0].starts_with("skipped: session numbers 65 to 65, ")) << lines[0];
}

TEST_F(HostFactsTest, a_step_of_the_clock_is_told_with_how_far) {
  auto stream = sealer(segment::Kind::kHost);
  put(stream, {start(0), event::ClockStep{std::chrono::milliseconds(-7'200'500)}});
  const auto lines = told();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0],
            "clock step: " + rfc3339(world.clock.wall()).substr(0, 19) + ", by -7200.500 s");
}

TEST_F(HostFactsTest, what_is_sealed_to_others_is_counted_and_nothing_is_said_of_it) {
  auto stream = sealer(segment::Kind::kHost);
  put(stream, {start(0), event::SessionNumber{9, StreamId{9}}});
  identities.clear();
  EXPECT_EQ(told(), std::vector<std::string>());
  EXPECT_EQ(sealed, 1U);
}

}  // namespace
}  // namespace stele::cli
