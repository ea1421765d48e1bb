// testdata/vectors/sigv4.txt: what AWS publishes.
#include "s3/sign.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/hex.h"
#include "crypto/sha256.h"

namespace stele::s3 {
namespace {

struct Vector {
  std::string name, date, canonical, signature;
  Credentials credentials;
  Scope scope;
  Unsigned request;
};

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == '\t')
      fields.emplace_back();
    else
      fields.back() += c;
  }
  return fields;
}

void take(const std::vector<std::string>& f, Vector& v) {
  if (f[0] == "name") v.name = f.at(1);
  if (f[0] == "key") v.credentials = {f.at(1), crypto::SecretBytes(as_bytes(f.at(2))), {}};
  if (f[0] == "scope") v.scope = {f.at(1), f.at(2)};
  if (f[0] == "request") v.request.method = f.at(1), v.request.path = f.at(2);
  if (f[0] == "query") v.request.query.push_back({f.at(1), f.at(2)});
  if (f[0] == "header") v.request.headers.push_back({f.at(1), f.at(2)});
  if (f[0] == "header" && f.at(1) == "x-amz-date") v.date = f.at(2);
  if (f[0] == "payload") v.request.payload_hash = f.at(1);
  if (f[0] == "canonical") v.canonical = f.at(1);
  if (f[0] == "signature") v.signature = f.at(1);
}

std::vector<Vector> vectors() {
  std::ifstream in(STELE_TESTDATA "/vectors/sigv4.txt");
  std::vector<Vector> all(1);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) continue;
    if (!line.empty())
      take(fields_of(line), all.back());
    else if (!all.back().name.empty())
      all.emplace_back();
  }
  if (all.back().name.empty()) all.pop_back();
  return all;
}

TEST(Sign, as_aws_publishes_it) {
  const auto all = vectors();
  ASSERT_EQ(all.size(), 34U);
  for (const Vector& v : all) {
    if (!v.canonical.empty()) {
      EXPECT_EQ(to_hex(crypto::sha256(as_bytes(canonical_request(v.request)))), v.canonical)
          << v.name << "\n"
          << canonical_request(v.request);
    }
    const std::string said = authorization(v.credentials, v.scope, v.date, v.request);
    EXPECT_TRUE(said.ends_with(", Signature=" + v.signature)) << v.name << "\n" << said;
    EXPECT_EQ(said.find(as_text(v.credentials.secret_key.span())), std::string::npos);
  }
}

TEST(Sign, says_whose_key_and_what_it_covers) {
  const Unsigned request{.method = "GET",
                         .path = "/",
                         .query = {},
                         .headers = {{"x-amz-date", "20130524T000000Z"}, {"host", "h"}},
                         .payload_hash = ""};
  const Credentials credentials{"AK", crypto::SecretBytes(as_bytes("secret")), {}};
  EXPECT_TRUE(authorization(credentials, {"r", "s3"}, "20130524T000000Z", request)
                  .starts_with("AWS4-HMAC-SHA256 Credential=AK/20130524/r/s3/aws4_request, "
                               "SignedHeaders=host;x-amz-date, Signature="));
}

TEST(Sign, encodes_all_that_is_not_unreserved) {
  EXPECT_EQ(uri_encode("a/b c+d=~\xe1\x88\xb4", Slash::kKeep), "a/b%20c%2Bd%3D~%E1%88%B4");
  EXPECT_EQ(uri_encode("a/b", Slash::kEncode), "a%2Fb");
  EXPECT_EQ(canonical_query({{"versionId", "x"}, {"retention", ""}, {"a", "2"}, {"a", "1"}}),
            "a=1&a=2&retention=&versionId=x");
}

TEST(Sign, writes_dates_as_they_want_them) {
  EXPECT_EQ(amz_date(WallTime(std::chrono::seconds(1'440'938'160))), "20150830T123600Z");
}

}  // namespace
}  // namespace stele::s3
