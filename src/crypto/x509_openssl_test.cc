// Against the distribution's own `openssl` program, both ways.
#include "crypto/test_authority.h"
#include "crypto/test_program.h"

namespace stele::crypto {
namespace {

class OpensslProgram : public ProgramTest {
 protected:
  OpensslProgram() : ProgramTest("/usr/bin/openssl") {}

  std::string said() { return std::string(as_text(read("stdout"))); }
};

TEST_F(OpensslProgram, reads_and_verifies_what_we_make) {
  TestAuthority authority;
  const TestIdentity web = authority.client("web01");
  const TestIdentity server = authority.server({"log.example", "10.0.0.1"});
  write("ca.pem", as_bytes(authority.certificate().to_pem()));
  write("web.pem", as_bytes(web.certificate.to_pem()));
  write("server.pem", as_bytes(server.certificate.to_pem()));
  const std::string at = std::to_string(micros(kTestNow) / 1'000'000);
  EXPECT_EQ(run({"verify", "-x509_strict", "-attime", at, "-purpose", "sslclient", "-CAfile",
                 path("ca.pem"), path("web.pem")}),
            0)
      << as_text(read("stderr"));
  EXPECT_EQ(run({"verify", "-x509_strict", "-attime", at, "-purpose", "sslserver",
                 "-verify_hostname", "log.example", "-CAfile", path("ca.pem"), path("server.pem")}),
            0)
      << as_text(read("stderr"));
  EXPECT_NE(run({"verify", "-attime", at, "-purpose", "sslserver", "-CAfile", path("ca.pem"),
                 path("web.pem")}),
            0);

  ASSERT_EQ(run({"x509", "-in", path("web.pem"), "-noout", "-text"}), 0);
  EXPECT_NE(said().find("URI:stele:host:web01"), std::string::npos);
  EXPECT_NE(said().find("TLS Web Client Authentication"), std::string::npos);
  EXPECT_NE(said().find("prime256v1"), std::string::npos);

  write("web.key", web.key.to_pem().span());
  EXPECT_EQ(run({"pkey", "-in", path("web.key"), "-noout", "-check"}), 0);
  write("request.der", make_certificate_request(web.key, "web01"));
  EXPECT_EQ(run({"req", "-inform", "DER", "-in", path("request.der"), "-noout", "-verify"}), 0);
}

TEST_F(OpensslProgram, makes_authorities_keys_and_requests_that_we_take) {
  ASSERT_EQ(run({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", path("ca.key"), "-out", path("ca.pem"), "-subj", "/CN=theirs", "-days",
                 "30", "-addext", "keyUsage=critical,keyCertSign"}),
            0)
      << as_text(read("stderr"));
  const auto certificate = parse_certificate_pem(read("ca.pem"));
  ASSERT_TRUE(certificate.has_value()) << certificate.error().context;
  EXPECT_EQ(certificate->common_name, "theirs");
  EXPECT_TRUE(certificate->is_authority);
  const auto key = TlsKey::parse_pem(read("ca.key"));
  ASSERT_TRUE(key.has_value()) << key.error().context;
  EXPECT_EQ(key->pin(), certificate->pin);

  ASSERT_EQ(run({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", path("web.key"), "-outform", "DER", "-out", path("web.csr"), "-subj",
                 "/CN=web01"}),
            0);
  const auto request = parse_certificate_request(read("web.csr"));
  ASSERT_TRUE(request.has_value()) << request.error().context;
  const WallTime now = certificate->not_before + std::chrono::hours(1);
  const auto made = sign_client({*certificate, *key}, *request, "web01", now, test_random(1));
  ASSERT_TRUE(made.has_value());
  EXPECT_TRUE(verify_chain({&*made, 1}, {&*certificate, 1}, Purpose::kClient, now).has_value());
}

TEST_F(OpensslProgram, gives_the_pin_that_we_compute) {
  TestAuthority authority;
  write("ca.pem", as_bytes(authority.certificate().to_pem()));
  ASSERT_EQ(run({"x509", "-in", path("ca.pem"), "-noout", "-pubkey", "-out", path("ca.pub")}), 0);
  ASSERT_EQ(
      run({"pkey", "-pubin", "-in", path("ca.pub"), "-outform", "DER", "-out", path("ca.spki")}),
      0);
  EXPECT_EQ(sha256(read("ca.spki")), authority.certificate().pin);
}

TEST_F(OpensslProgram, makes_other_keys_that_we_refuse) {
  ASSERT_EQ(run({"genpkey", "-algorithm", "ED25519", "-out", path("ed.key")}), 0);
  EXPECT_EQ(TlsKey::parse_pem(read("ed.key")).error().code, Code::kUnsupported);
  ASSERT_EQ(run({"req", "-new", "-key", path("ed.key"), "-outform", "DER", "-out", path("ed.csr"),
                 "-subj", "/CN=web01"}),
            0);
  EXPECT_EQ(parse_certificate_request(read("ed.csr")).error().code, Code::kUnsupported);
  ASSERT_EQ(run({"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256",
                 "-pass", "pass:secret", "-out", path("locked.key")}),
            0);
  EXPECT_EQ(TlsKey::parse_pem(read("locked.key")).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace stele::crypto
