#include "agent/shipper.h"

#include "agent/test_spool_world.h"
#include "crypto/sha256.h"
#include "sim/clock.h"

namespace stele::agent {
namespace {

/// A server that refuses for good, and a host that goes on in another stream at once.
class ShipperTest : public ::testing::Test {
 protected:
  ShipperTest() {
    host_.options.quota.owner_bytes_max = 1 << 20;
    host_.restart();
  }
  void spool_another() {
    auto sealer = host_.sealer(host_.new_id());
    const auto sealed = sealer.seal({}, false).value();
    ASSERT_TRUE(host_.shared->append(sealed.bytes, 0, 0, spool::Room::kOrdinary));
    ASSERT_TRUE(host_.shared->sync());
  }
  /// How many were sent within an hour.
  size_t sent_in_an_hour() {
    size_t sent = 0;
    const BootTime end = clock_.boot() + std::chrono::hours(1);
    for (; clock_.boot() < end; clock_.advance(std::chrono::milliseconds(30))) {
      const auto shipped = shipper_.ship();
      EXPECT_TRUE(shipped.has_value());
      if (!shipped.value_or(false)) continue;
      sent += requests_.back();
      spool_another();
    }
    return sent;
  }
  Result<Bytes> post(ByteSpan request) {
    TRY(const auto segments, wire::parse_segments(request));
    requests_.push_back(segments.size());
    std::vector<wire::Answer> answers(segments.size(),
                                      wire::Refused{wire::Refusal::kBadSignature, 0, {}, "no"});
    if (takes_first_) {
      TRY(const auto view, segment::parse_segment(segments.front()));
      answers.front() = wire::Accepted{
          leaves_++, segment::make_leaf(view.header, crypto::sha256(segments.front()), {}, 0)};
    }
    return wire::encode(answers);
  }

  SpoolWorld host_;
  sim::Clock clock_;
  bool takes_first_ = false;
  uint64_t leaves_ = 0;
  std::vector<size_t> requests_;
  receipt::VerifierKey log_key_ = ledger::World::trust(host_.files).log;
  LogWatch watch_{log_key_, {}, [](const std::string&) -> Result<Bytes> {
                    return fail(Code::kIo, "nobody looks here");
                  }};
  Shipper shipper_{
      *host_.shared, watch_, [this](ByteSpan request) { return post(request); }, clock_, {}};
};

TEST_F(ShipperTest, a_server_that_takes_nothing_more_is_not_asked_all_the_time) {
  spool_another();
  EXPECT_LE(sent_in_an_hour(), 70U);
  EXPECT_GE(requests_.size(), 60U) << "and is asked again";
}

TEST_F(ShipperTest, what_it_does_take_does_not_wait_for_what_it_refuses) {
  takes_first_ = true;
  spool_another();
  spool_another();
  EXPECT_TRUE(shipper_.ship().value());
  spool_another();
  EXPECT_TRUE(shipper_.ship().value());
}

}  // namespace
}  // namespace stele::agent
