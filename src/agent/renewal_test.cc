#include "agent/renewal.h"

#include <gtest/gtest.h>

#include "crypto/x509.h"
#include "ledger/test_world.h"
#include "wire/enrolment.h"

namespace stele::agent {
namespace {

using std::chrono::hours;

/// A host whose certificate is fresh, and the authority that renews it.
class RenewalTest : public ::testing::Test {
 protected:
  RenewalTest() {
    const auto request =
        crypto::parse_certificate_request(crypto::make_certificate_request(tls, "web01")).value();
    EXPECT_TRUE(files.make_directories("/agent").has_value());
    EXPECT_TRUE(files.replace("/agent/tls.key", tls.to_pem().span()).has_value());
    keep(certify(request, "web01"));
  }
  crypto::Certificate certify(const crypto::CertificateRequest& request, const std::string& host) {
    return crypto::sign_client({root, root_key}, request, host, world.clock.wall(), world.random)
        .value();
  }
  void keep(const crypto::Certificate& certificate) {
    EXPECT_TRUE(files.replace("/agent/tls.pem", as_bytes(certificate.to_pem())).has_value());
  }
  crypto::Certificate kept() {
    return crypto::parse_certificate_pem(files.read("/agent/tls.pem", 1 << 16).value()).value();
  }
  Result<Bytes> answer(ByteSpan body) {
    ++asked;
    if (fails) return fail(Code::kIo, "cut off");
    const auto request = wire::parse_renewal_request(as_text(body)).value();
    EXPECT_EQ(request.epoch, 7U);
    EXPECT_TRUE(crypto::verify(signing.public_key(), as_bytes(wire::signed_part(request, "web01")),
                               request.signature));
    const auto wanted = crypto::parse_certificate_request(request.certificate_request).value();
    const std::string response = encode(wire::Renewal{certify(other ? *other : wanted, name).der});
    return Bytes(as_bytes(response).begin(), as_bytes(response).end());
  }

  ledger::World world;
  sim::SimFileSystem files{world.disk};
  crypto::TlsKey tls = crypto::TlsKey::generate(), root_key = crypto::TlsKey::generate();
  crypto::Certificate root =
      crypto::make_authority(root_key, "root", 10, world.clock.wall(), world.random).value();
  crypto::SigningKey signing = crypto::SigningKey::generate(world.random);
  std::optional<crypto::CertificateRequest> other;
  std::string name = "web01";
  bool fails = false;
  int asked = 0;
  Renewal renewal{files,
                  "/agent",
                  "web01",
                  [this](WallTime) {
                    return std::make_shared<const segment::HostSigner>(
                        segment::HostSigner{signing, {1, 2, 3}, 7});
                  },
                  [this](ByteSpan body) { return answer(body); },
                  world.clock};
};

TEST_F(RenewalTest, half_way_through_its_life_a_certificate_is_renewed) {
  EXPECT_FALSE(renewal.step().value());
  world.clock.advance(hours(11));
  EXPECT_FALSE(renewal.step().value());
  EXPECT_EQ(asked, 0);
  world.clock.advance(hours(2));
  const auto before = kept();
  EXPECT_TRUE(renewal.step().value());
  EXPECT_GT(kept().not_after, before.not_after);
  EXPECT_EQ(kept().pin, tls.pin());
  world.clock.advance(hours(1));
  EXPECT_FALSE(renewal.step().value());
  EXPECT_EQ(asked, 1);
}

TEST_F(RenewalTest, who_is_cut_off_asks_again_in_a_while) {
  world.clock.advance(hours(13));
  fails = true;
  EXPECT_FALSE(renewal.step().has_value());
  EXPECT_FALSE(renewal.step().value());
  EXPECT_EQ(asked, 1);
  world.clock.advance(Renewal::kRetryAfter);
  fails = false;
  EXPECT_TRUE(renewal.step().value());
}

TEST_F(RenewalTest, a_certificate_that_ran_out_is_renewed_too) {
  world.clock.advance(hours(24 * 20));
  EXPECT_TRUE(renewal.step().value());
}

TEST_F(RenewalTest, somebody_else_s_certificate_is_not_kept) {
  world.clock.advance(hours(13));
  const auto before = kept();
  name = "web02";
  EXPECT_EQ(renewal.step().error().code, Code::kUnauthentic);
  name = "web01";
  other = crypto::parse_certificate_request(
              crypto::make_certificate_request(crypto::TlsKey::generate(), "web01"))
              .value();
  world.clock.advance(Renewal::kRetryAfter);
  EXPECT_EQ(renewal.step().error().code, Code::kUnauthentic);
  EXPECT_EQ(kept(), before);
}

}  // namespace
}  // namespace stele::agent
