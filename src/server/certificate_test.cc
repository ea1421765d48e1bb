#include "server/certificate.h"

#include <gtest/gtest.h>

#include "ledger/test_world.h"

namespace stele::server {
namespace {

using std::chrono::hours;

class CertificateTest : public ::testing::Test {
 protected:
  crypto::Certificate make() { return parse(certificate.make().value()); }
  static crypto::Certificate parse(const http::TlsIdentity& identity) {
    const std::string& pem = identity.certificate_pem;
    return crypto::parse_certificate_pem(
               as_bytes(std::string_view(pem).substr(0, pem.find("-----BEGIN", 1))))
        .value();
  }
  Status step() {
    return certificate.step([this](const http::TlsIdentity& identity) -> Status {
      if (is_broken) return fail(Code::kIo, "not now");
      shown.push_back(parse(identity));
      return {};
    });
  }

  ledger::World world;
  sim::SimFileSystem files{world.disk};
  sim::Clock& clock = world.clock;
  Authority authority = Authority::open(files, ledger::kLayout, clock, world.random).value();
  ServerCertificate certificate{authority, {"log.example"}, hours(10), clock, world.random};
  std::vector<crypto::Certificate> shown;
  bool is_broken = false;
};

TEST_F(CertificateTest, another_one_is_shown_when_half_of_its_life_is_over) {
  const auto first = make();
  clock.advance(hours(5) - Micros(1));
  ASSERT_TRUE(step());
  EXPECT_TRUE(shown.empty());
  clock.advance(Micros(1));
  ASSERT_TRUE(step());
  ASSERT_TRUE(step());
  ASSERT_EQ(shown.size(), 1);
  EXPECT_NE(shown[0].pin, first.pin) << "another key";
  EXPECT_EQ(shown[0].not_after, first.not_after + hours(5));
  const std::vector<crypto::Certificate> authorities{authority.certificate()};
  EXPECT_TRUE(crypto::verify_chain(shown, authorities, crypto::Purpose::kServer,
                                   first.not_after + hours(1)));
}

TEST_F(CertificateTest, what_cannot_be_shown_is_tried_again_and_the_last_one_stays) {
  make();
  clock.advance(hours(5));
  is_broken = true;
  EXPECT_FALSE(step());
  EXPECT_TRUE(step()) << "not each second";
  is_broken = false;
  clock.advance(ServerCertificate::kRetryAfter);
  EXPECT_TRUE(step());
  EXPECT_EQ(shown.size(), 1);
}

TEST_F(CertificateTest, a_clock_that_is_set_back_makes_one_that_is_good_then) {
  const auto first = make();
  clock.set_wall(clock.wall() - hours(24 * 365));
  ASSERT_TRUE(step());
  ASSERT_EQ(shown.size(), 1);
  EXPECT_LE(shown[0].not_before, clock.wall());
  EXPECT_GT(first.not_before, clock.wall()) << "the first was good for nobody";
}

}  // namespace
}  // namespace stele::server
