#include "crypto/x509.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <set>

#include "crypto/test_authority.h"

namespace stele::crypto {
namespace {

using namespace std::chrono_literals;

Status verify_one(const Certificate& leaf, const Certificate& authority, Purpose purpose,
                  WallTime at = kTestNow) {
  return verify_chain({&leaf, 1}, {&authority, 1}, purpose, at);
}

TEST(TlsKey, comes_back_from_its_pem) {
  const TlsKey key = TlsKey::generate();
  const SecretBytes pem = key.to_pem();
  EXPECT_TRUE(as_text(pem.span()).starts_with("-----BEGIN PRIVATE KEY-----\n"));
  const auto again = TlsKey::parse_pem(pem.span());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->pin(), key.pin());
  EXPECT_NE(TlsKey::generate().pin(), key.pin());
}

TEST(TlsKey, what_is_no_key_is_refused_in_words_without_it) {
  const TlsKey key = TlsKey::generate();
  const SecretBytes pem = key.to_pem();
  for (size_t size = 0; size + 27 < pem.size(); ++size) {
    const auto cut = TlsKey::parse_pem(pem.span().first(size));
    ASSERT_FALSE(cut.has_value()) << size;
    EXPECT_EQ(cut.error().context, "private key: not an unencrypted PEM key");
  }
  EXPECT_EQ(TlsKey::parse_pem(Bytes(kX509BytesMax + 1, ' ')).error().code, Code::kLimit);
}

TEST(Certificate, of_a_host_says_who_until_when_and_with_which_key) {
  TestAuthority authority;
  const TestIdentity web = authority.client("web01.example");
  const Certificate& made = web.certificate;
  EXPECT_EQ(made.host, "web01.example");
  EXPECT_EQ(made.common_name, "web01.example");
  EXPECT_TRUE(made.names.empty());
  EXPECT_EQ(made.not_before, kTestNow - kCertificateBackdate);
  EXPECT_EQ(made.not_after, kTestNow + 24h);
  EXPECT_EQ(made.pin, web.key.pin());
  EXPECT_FALSE(made.is_authority);
  EXPECT_LE(made.serial.size(), 16U);
  EXPECT_GE(made.serial.size(), 14U);
  EXPECT_EQ(parse_certificate_der(made.der), made);
  EXPECT_EQ(parse_certificate_pem(as_bytes(made.to_pem())), made);
}

TEST(Certificate, of_a_server_lists_its_names_and_addresses) {
  TestAuthority authority;
  const auto made = authority.server({"log.example", "127.0.0.1", "::1"}).certificate;
  EXPECT_EQ(made.names, (std::vector<std::string>{"log.example", "127.0.0.1", "0:0:0:0:0:0:0:1"}));
  EXPECT_EQ(made.host, "");
}

TEST(Authority, is_its_own_issuer_and_one_of_authorities) {
  TestAuthority authority;
  EXPECT_TRUE(authority.certificate().is_authority);
  EXPECT_EQ(authority.certificate().common_name, "test authority");
  EXPECT_EQ(authority.certificate().pin, authority.authority().key.pin());
}

TEST(Authority, never_gives_a_serial_twice) {
  TestAuthority authority;
  std::set<Bytes> serials = {authority.certificate().serial};
  for (int i = 0; i < 50; ++i) serials.insert(authority.client("web01").certificate.serial);
  EXPECT_EQ(serials.size(), 51U);
}

TEST(Authority, names_the_host_it_knows_not_the_one_asked_for) {
  TestAuthority authority;
  const TlsKey key = TlsKey::generate();
  const auto request = parse_certificate_request(make_certificate_request(key, "db01"));
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->common_name, "db01");
  const auto made =
      sign_client(authority.authority(), *request, "web01", kTestNow, authority.random());
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->host, "web01");
  EXPECT_EQ(made->common_name, "web01");
}

TEST(Authority, refuses_names_that_could_become_another_extension) {
  TestAuthority authority;
  const auto request =
      parse_certificate_request(make_certificate_request(TlsKey::generate(), "web01"));
  for (const char* name :
       {"", "a,URI:stele:host:root", "UPPER", "-a", "a.", "a b", "ü",
        "0123456789012345678901234567890123456789012345678901234567890123", "a\nb"}) {
    EXPECT_EQ(sign_client(authority.authority(), *request, name, kTestNow, authority.random())
                  .error()
                  .code,
              Code::kInvalid)
        << name;
  }
  for (const char* name : {"", "a,DNS:b", "*", "a/b", "a b", "[::1]"}) {
    const std::vector<std::string> names(1, name);
    EXPECT_EQ(sign_server(authority.authority(), *request, names, std::chrono::hours(1), kTestNow,
                          authority.random())
                  .error()
                  .code,
              Code::kInvalid)
        << name;
  }
}

TEST(Authority, does_not_sign_with_another_authoritys_key) {
  TestAuthority ours(1), theirs(2);
  const auto request = parse_certificate_request(make_certificate_request(TlsKey::generate(), "a"));
  const Authority mixed{ours.certificate(), theirs.authority().key};
  EXPECT_EQ(sign_client(mixed, *request, "a", kTestNow, ours.random()).error().code,
            Code::kInvalid);
}

TEST(Authority, lives_a_year_to_a_hundred) {
  const TlsKey key = TlsKey::generate();
  EXPECT_FALSE(make_authority(key, "a", 0, kTestNow, test_random(1)).has_value());
  EXPECT_FALSE(make_authority(key, "a", 101, kTestNow, test_random(1)).has_value());
  EXPECT_FALSE(make_authority(key, "", 1, kTestNow, test_random(1)).has_value());
  const auto old = make_authority(key, "a", 100, kTestNow, test_random(1));
  ASSERT_TRUE(old.has_value());
  EXPECT_GT(old->not_after, kTestNow + 24h * 365 * 100);
}

TEST(CertificateRequest, proves_that_its_maker_holds_the_key) {
  const TlsKey key = TlsKey::generate();
  const Bytes der = make_certificate_request(key, "web01");
  const auto request = parse_certificate_request(der);
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->pin, key.pin());
  for (size_t bit = 0; bit < der.size() * 8; ++bit) {
    Bytes changed = der;
    changed[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    EXPECT_FALSE(parse_certificate_request(changed).has_value()) << bit;
  }
  for (size_t size = 0; size < der.size(); ++size) {
    EXPECT_FALSE(parse_certificate_request(ByteSpan(der).first(size)).has_value()) << size;
  }
  Bytes longer = der;
  longer.push_back(0);
  EXPECT_EQ(parse_certificate_request(longer).error().code, Code::kCorrupt);
  EXPECT_EQ(parse_certificate_request(Bytes(kX509BytesMax + 1)).error().code, Code::kLimit);
}

TEST(Chain, holds_for_its_purpose_authority_and_time) {
  TestAuthority ours(1), theirs(2);
  const auto client = ours.client("web01").certificate;
  const auto server = ours.server({"localhost"}).certificate;
  EXPECT_TRUE(verify_one(client, ours.certificate(), Purpose::kClient).has_value());
  EXPECT_TRUE(verify_one(server, ours.certificate(), Purpose::kServer).has_value());
  EXPECT_FALSE(verify_one(client, ours.certificate(), Purpose::kServer).has_value());
  EXPECT_FALSE(verify_one(server, ours.certificate(), Purpose::kClient).has_value());
  const auto stranger = verify_one(client, theirs.certificate(), Purpose::kClient);
  ASSERT_FALSE(stranger.has_value());
  EXPECT_EQ(stranger.error().code, Code::kUnauthentic);

  for (const WallTime at : {client.not_before - 1s, client.not_before, client.not_after - 1s,
                            client.not_after, client.not_after + 1s}) {
    EXPECT_EQ(verify_one(client, ours.certificate(), Purpose::kClient, at).has_value(),
              client.is_valid_at(at))
        << rfc3339(at);
  }
  EXPECT_TRUE(client.is_valid_at(client.not_before));
  EXPECT_FALSE(client.is_valid_at(client.not_after));
  EXPECT_EQ(verify_one(client, ours.certificate(), Purpose::kClient, client.not_after + 1s)
                .error()
                .context,
            "certificate: certificate has expired");
  EXPECT_FALSE(verify_chain({}, {&ours.certificate(), 1}, Purpose::kClient, kTestNow).has_value());
  EXPECT_FALSE(verify_chain({&client, 1}, {}, Purpose::kClient, kTestNow).has_value());
}

TEST(Chain, a_leaf_signs_nobody) {
  TestAuthority authority;
  const TestIdentity web = authority.client("web01");
  const TlsKey key = TlsKey::generate();
  const auto request = parse_certificate_request(make_certificate_request(key, "root"));
  const auto forged =
      sign_client({web.certificate, web.key}, *request, "root", kTestNow, authority.random());
  ASSERT_TRUE(forged.has_value());
  const std::vector<Certificate> chain = {*forged, web.certificate};
  EXPECT_FALSE(verify_chain(chain, {&authority.certificate(), 1}, Purpose::kClient, kTestNow));
}

TEST(Chain, any_flipped_bit_of_a_certificate_is_noticed) {
  TestAuthority authority;
  const auto leaf = authority.client("web01").certificate;
  for (size_t bit = 0; bit < leaf.der.size() * 8; ++bit) {
    Bytes changed = leaf.der;
    changed[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    const auto parsed = parse_certificate_der(changed);
    EXPECT_FALSE(parsed && verify_one(*parsed, authority.certificate(), Purpose::kClient)) << bit;
  }
  for (size_t size = 0; size < leaf.der.size(); ++size) {
    EXPECT_FALSE(parse_certificate_der(ByteSpan(leaf.der).first(size)).has_value()) << size;
  }
  Bytes longer = leaf.der;
  longer.push_back(0);
  EXPECT_EQ(parse_certificate_der(longer).error().code, Code::kCorrupt);
  EXPECT_EQ(parse_certificate_der(Bytes(kX509BytesMax + 1)).error().code, Code::kLimit);
}

TEST(X509, failures_stay_here) {
  TestAuthority authority;
  const auto web = authority.client("web01").certificate;
  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 1);
  EXPECT_FALSE(TlsKey::parse_pem(as_bytes("x")).has_value());
  EXPECT_FALSE(parse_certificate_der(Bytes(9)).has_value());
  EXPECT_FALSE(parse_certificates_pem(as_bytes("x")).has_value());
  EXPECT_TRUE(parse_certificate_pem(as_bytes(web.to_pem())).has_value());
  EXPECT_FALSE(parse_certificate_request(web.der).has_value());
  EXPECT_FALSE(verify_one(web, web, Purpose::kServer).has_value());
  (void)authority.server({"log.example"});
  EXPECT_EQ(ERR_GET_REASON(ERR_get_error()), 1) << "somebody else's error is gone";
  EXPECT_EQ(ERR_get_error(), 0U) << "ours was left behind";
}

TEST(Pem, holds_one_to_eight_certificates) {
  TestAuthority authority;
  const std::string one = authority.certificate().to_pem();
  EXPECT_EQ(parse_certificates_pem(as_bytes("a comment\n" + one + "\n" + one))->size(), 2U);
  EXPECT_EQ(parse_certificate_pem(as_bytes(one + one)).error().code, Code::kCorrupt);
  EXPECT_EQ(parse_certificates_pem({}).error().code, Code::kCorrupt);
  EXPECT_EQ(parse_certificates_pem(as_bytes("no PEM")).error().code, Code::kCorrupt);
  std::string nine;
  for (int i = 0; i < 9; ++i) nine += one;
  EXPECT_EQ(parse_certificates_pem(as_bytes(nine)).error().code, Code::kLimit);
  const SecretBytes key = authority.authority().key.to_pem();
  const std::string mixed = one + std::string(as_text(key.span()));
  EXPECT_EQ(parse_certificates_pem(as_bytes(mixed)).error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace stele::crypto
