// A session's way into the ledger on a disk that fails when it is told to.
#include "agent/pipeline.h"

#include <gtest/gtest.h>

#include <thread>

#include "ledger/directory_ledger.h"
#include "ledger/test_world.h"
#include "os/clock.h"

namespace stele::agent {
namespace {

using event::Lane;
using ledger::kLayout;
using ledger::Verdict;
using ledger::World;

class PipelineTest : public ::testing::Test {
 protected:
  PipelineTest() {
    const Bytes note = files.read(kLayout.recipients(), 1 << 16).value();
    const auto policy = ledger::load_verifier_key(files, kLayout.policy_vkey()).value();
    recipients =
        ledger::sealing_recipients(ledger::open_recipients_list(note, policy).value(), note);
  }

  std::unique_ptr<Pipeline> pipeline(PipelineOptions options = {}) {
    epoch = 1;
    segment::Sealer sealer(
        make_uuid_v7(clock.wall(), world.random), segment::Kind::kSession,
        [this](WallTime) { return hold(); }, segment::always(recipients), world.random);
    return std::make_unique<Pipeline>(
        options,
        [this]() -> Result<std::unique_ptr<Store>> {
          TRY(auto ledger,
              ledger::DirectoryLedger::open(disk, kLayout, clock, world.signer(files)));
          return std::make_unique<Told>(std::move(ledger), taken_by);
        },
        std::move(sealer), clock);
  }
  std::shared_ptr<const segment::HostSigner> hold() {
    if (const auto asked = std::exchange(asked_for_key, nullptr)) asked();
    std::shared_ptr<const segment::HostSigner> key;
    if (epoch > 0) {
      key = std::make_shared<const segment::HostSigner>(segment::HostSigner{
          host.key, segment::host_key_id(host.name, host.key.public_key().bytes), epoch});
    }
    held = key;
    return key;
  }
  /// A ledger that notes what it is told of taken events.
  class Told : public LedgerStore {
   public:
    Told(std::unique_ptr<ledger::Ledger> ledger, std::vector<uint64_t>& taken)
        : LedgerStore(std::move(ledger)), taken_(taken) {}
    Status append(ByteSpan segment, uint64_t taken) override {
      TRY_VOID(LedgerStore::append(segment, taken));
      taken_.push_back(taken);
      return {};
    }

   private:
    std::vector<uint64_t>& taken_;
  };
  Status say(Pipeline& to, std::string_view text) {
    const Status taken = to.output(clock.boot(), as_bytes(text));
    to.passed_on();
    return taken;
  }
  Status end(Pipeline& to) {
    event::End end;
    end.exit_status = 0;
    return to.event(clock.boot(), Lane::kFacts, end);
  }
  ledger::Report verify_now() { return world.verify_now(); }
  template <typename Condition>
  void wait_until(const Condition& condition) {
    for (int i = 0; i < 2000 && !condition(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ASSERT_TRUE(condition());
  }

  World world;
  sim::SimFileSystem files{world.disk}, disk{world.disk};
  os::SystemClock clock;  // the sealer's waits are real
  ledger::PrivateKey host = ledger::load_private_key(files, kLayout.host_key()).value();
  segment::Recipients recipients;
  uint32_t epoch = 0;  // of the key in force; 0: none is
  std::weak_ptr<const segment::HostSigner> held;
  std::function<void()> asked_for_key;
  std::vector<uint64_t> taken_by;  // of each segment; the sealer's until close()
};

TEST_F(PipelineTest, each_segment_says_how_many_events_were_taken_with_it) {
  for (const bool keep_input : {true, false}) {
    taken_by.clear();
    auto to = pipeline({.keep_input = keep_input});
    ASSERT_TRUE(to->open({}).has_value());
    ASSERT_TRUE(say(*to, "one").has_value());
    ASSERT_TRUE(to->input(clock.boot(), as_bytes("two")).has_value());
    ASSERT_TRUE(to->event(clock.boot(), Lane::kInput, event::Redaction{}).has_value());
    ASSERT_TRUE(end(*to).has_value());
    ASSERT_TRUE(to->close().has_value());
    EXPECT_EQ(taken_by, (std::vector<uint64_t>{1, 5})) << "also those that are not kept";
  }
}

TEST_F(PipelineTest, what_stands_for_one_event_is_sealed_together_and_counts_as_one) {
  auto to = pipeline({.own_thread = false});
  ASSERT_TRUE(to->open({}).has_value());
  const event::Elided megabyte{event::Piped::Pipe::kInput, 1 << 20, {}};
  const event::Piped front{event::Piped::Pipe::kInput, Bytes(20, 'x')};
  const event::Transfer told;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(to->stand_for(clock.boot(), {front, megabyte, told}).has_value());
    to->passed_on();
  }
  EXPECT_EQ(taken_by, (std::vector<uint64_t>{1, 3})) << "two MiB that are elided fill a segment";
  ASSERT_TRUE(end(*to).has_value());
  ASSERT_TRUE(to->close().has_value());
  EXPECT_EQ(taken_by, (std::vector<uint64_t>{1, 3, 5}));
  EXPECT_EQ(verify_now().verdict, Verdict::kIntact);
}

TEST_F(PipelineTest, of_what_is_noted_only_the_kernel_s_is_refused_where_it_is_too_much) {
  auto to = pipeline({.own_thread = false});
  ASSERT_TRUE(to->open({}).has_value());
  ASSERT_TRUE(to->output(clock.boot(), Bytes(size_t{2} << 20, 'x')).has_value());
  event::Exec exec;
  exec.argv = {std::string(size_t{28} << 10, 'y')};
  size_t noted = 0;
  Status done = to->note(clock.boot(), exec);
  for (; done && noted < 1000; done = to->note(clock.boot(), exec)) ++noted;
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, Code::kLimit);
  EXPECT_GT(noted, 60U) << "what is shown takes none of its room";
  EXPECT_TRUE(to->note(clock.boot(), event::Gap{"so many", 0, 0, Micros(0)}).has_value());
  EXPECT_TRUE(to->note(clock.boot(), event::Finding{"slowed", "too fast", {}, {}}).has_value());
  ASSERT_TRUE(end(*to).has_value());
  EXPECT_TRUE(to->close().has_value());
}

// Its host said meanwhile what all was that the key before signed.
TEST_F(PipelineTest, what_could_not_be_stored_is_not_once_its_key_s_time_is_over) {
  for (const bool is_over : {false, true}) {
    taken_by.clear();
    auto to = pipeline({.own_thread = false});
    ASSERT_TRUE(to->open({}).has_value());
    disk.set_plan({.fail_at = disk.steps().size() + 1, .fail_code = Code::kNoSpace});
    ASSERT_TRUE(to->output(clock.boot(), Bytes(size_t{256} << 10, 'x')).has_value());
    to->passed_on();
    ASSERT_TRUE(held.expired()) << "a full disk lets other keys be made";
    if (is_over) epoch = 2;
    to.reset();
    EXPECT_EQ(taken_by, is_over ? std::vector<uint64_t>{1} : (std::vector<uint64_t>{1, 2}));
  }
}

// It came while the batch before it was on its way, and says of both that they were taken.
TEST_F(PipelineTest, nothing_follows_what_no_key_may_sign) {
  auto to = pipeline({.own_thread = false});
  ASSERT_TRUE(to->open({}).has_value());
  epoch = 0;
  asked_for_key = [&] { EXPECT_TRUE(to->output(clock.boot(), as_bytes("behind it")).has_value()); };
  ASSERT_TRUE(to->output(clock.boot(), Bytes(size_t{256} << 10, 'x')).has_value());
  to->passed_on();
  EXPECT_EQ(to->output(clock.boot(), as_bytes("later")).error().code, Code::kNoSpace);
  epoch = 1;
  to.reset();
  EXPECT_EQ(taken_by, (std::vector<uint64_t>{1}));
}

TEST_F(PipelineTest, the_opening_is_durable_before_anything_is_shown) {
  auto to = pipeline();
  ASSERT_TRUE(to->open({}).has_value());
  world.disk.cut_power();
  world.disk.restart(1);
  const auto report = verify_now();
  ASSERT_EQ(report.streams.size(), 1U);
  EXPECT_EQ(report.streams[0].verdict, Verdict::kCut);
  EXPECT_EQ(report.leaves, 1U);
}

TEST_F(PipelineTest, a_closed_session_is_durable_and_covered) {
  auto to = pipeline();
  ASSERT_TRUE(to->open({}).has_value());
  ASSERT_TRUE(say(*to, "hello\r\n").has_value());
  ASSERT_TRUE(end(*to).has_value());
  ASSERT_TRUE(to->close().has_value());
  world.disk.cut_power();
  world.disk.restart(2);
  const auto report = verify_now();
  EXPECT_EQ(report.verdict, Verdict::kIntact);
  EXPECT_EQ(report.streams.at(0).verdict, Verdict::kIntact);
  EXPECT_EQ(report.checkpoint->size, report.leaves);
}

TEST_F(PipelineTest, a_quiet_session_is_sealed_after_a_second_by_itself) {
  auto to = pipeline();
  ASSERT_TRUE(to->open({}).has_value());
  ASSERT_TRUE(say(*to, "typed, and then nothing").has_value());
  wait_until([&] { return verify_now().leaves == 2; });
  wait_until([&] { return verify_now().checkpoint->size == 2; });
}

TEST_F(PipelineTest, a_session_that_is_dropped_without_an_end_is_cut) {
  auto to = pipeline();
  ASSERT_TRUE(to->open({}).has_value());
  to.reset();
  EXPECT_EQ(verify_now().streams.at(0).verdict, Verdict::kCut);
}

TEST_F(PipelineTest, a_ledger_that_cannot_be_opened_refuses_the_session) {
  disk.set_plan({.fail_at = disk.steps().size() + 1});
  const Status opened = pipeline()->open({});
  ASSERT_FALSE(opened.has_value());
  EXPECT_FALSE(opened.error().context.empty());
  EXPECT_EQ(verify_now().leaves, 0U);
}

TEST_F(PipelineTest, a_failed_write_ends_the_session_with_its_reason) {
  auto to = pipeline();
  ASSERT_TRUE(to->open({}).has_value());
  disk.kill();
  ASSERT_TRUE(say(*to, "x").has_value()) << "taken: not yet known to be lost";
  Status last;
  wait_until([&] { return !(last = say(*to, "more")).has_value(); });
  EXPECT_NE(last.error().message().find("crashed"), std::string::npos) << last.error().message();
  EXPECT_FALSE(to->close().has_value());
  EXPECT_EQ(verify_now().streams.at(0).verdict, Verdict::kCut);
}

TEST_F(PipelineTest, fail_open_goes_on_counts_what_is_lost_and_comes_back) {
  auto to = pipeline({.fail_open = true});
  ASSERT_TRUE(to->open({}).has_value());
  disk.set_plan({.fail_at = disk.steps().size() + 1});
  ASSERT_TRUE(say(*to, "kept, if late").has_value());
  // Whatever happens to the disk, whoever sits there goes on.
  wait_until([&] {
    EXPECT_TRUE(say(*to, "12345678").has_value());
    return verify_now().streams.at(0).gaps > 0;
  });
  ASSERT_TRUE(end(*to).has_value());
  ASSERT_TRUE(to->close().has_value());
  const auto report = verify_now();
  EXPECT_EQ(report.verdict, Verdict::kIntact);
  EXPECT_EQ(report.streams.at(0).verdict, Verdict::kIntact);
  EXPECT_EQ(report.streams.at(0).gaps, 1U);
}

TEST_F(PipelineTest, a_flood_is_taken_whole_by_back_pressure) {
  auto to = pipeline();
  ASSERT_TRUE(to->open({}).has_value());
  const std::string piece(16'000, 'x');
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(say(*to, piece).has_value());
  ASSERT_TRUE(end(*to).has_value());
  ASSERT_TRUE(to->close().has_value());
  const auto report = verify_now();
  EXPECT_EQ(report.streams.at(0).verdict, Verdict::kIntact);
  EXPECT_GE(report.streams.at(0).segments, 8U);
}

}  // namespace
}  // namespace stele::agent
