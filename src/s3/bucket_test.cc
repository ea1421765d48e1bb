#include "s3/bucket.h"

#include <gtest/gtest.h>

#include <deque>
#include <mutex>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "crypto/test_random.h"
#include "http/test_world.h"

namespace stele::s3 {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kSecret = "hunter2-hunter2";
constexpr std::string_view kNoVersions =
    "<?xml version=\"1.0\"?><ListVersionsResult><IsTruncated>false</IsTruncated>"
    "</ListVersionsResult>";

/// Says what it was told to say, in order, and remembers what it was asked.
class Script {
 public:
  void say(int status, std::string_view body = "", std::vector<http::Header> headers = {}) {
    answers_.push_back({status, "application/xml", http::bytes(body), std::move(headers)});
  }
  http::Response answer(http::Request request) {
    const std::lock_guard lock(mutex_);
    asked_.push_back(std::move(request));
    if (answers_.empty()) return http::text_response(418, "nothing more was expected");
    http::Response answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }
  const http::Request& asked(size_t i) const { return asked_.at(i); }
  size_t count() const { return asked_.size(); }

 private:
  std::mutex mutex_;
  std::deque<http::Response> answers_;
  std::vector<http::Request> asked_;
};

class Given : public CredentialSource {
 public:
  explicit Given(int& forgotten) : forgotten_(forgotten) {}
  Result<Credentials> at(WallTime) override {
    return Credentials{"AK", crypto::SecretBytes(as_bytes(kSecret)),
                       crypto::SecretBytes(as_bytes("a-token"))};
  }
  void forget() override { ++forgotten_; }

 private:
  int& forgotten_;
};

class BucketTest : public testing::Test {
 protected:
  BucketOptions options() {
    BucketOptions options;
    options.endpoint = world_.url();
    options.region = "eu-x";
    options.name = "a-bucket";
    options.is_path_style = true;
    options.authorities_pem = world_.authority.certificate().to_pem();
    options.now = [this] { return world_.now() + off_; };
    options.sleep = [this](std::chrono::milliseconds pause) { pauses_.push_back(pause); };
    options.random = crypto::test_random(1);
    return options;
  }
  Bucket& bucket() {
    if (!bucket_) bucket_ = *Bucket::make(options(), std::make_unique<Given>(forgotten_));
    return *bucket_;
  }
  std::string header(size_t i, std::string_view name) {
    const std::string* found = script_.asked(i).header(name);
    return found == nullptr ? "" : *found;
  }
  static std::string version_of(std::string_view key, std::string_view id, std::string_view kind) {
    return "<" + std::string(kind) + "><Key>" + std::string(key) + "</Key><VersionId>" +
           std::string(id) + "</VersionId><IsLatest>true</IsLatest><Size>3</Size></" +
           std::string(kind) + ">";
  }
  static std::string listing(const std::string& entries, const std::string& end = "") {
    return "<ListVersionsResult><EncodingType>url</EncodingType>" + entries + end +
           "</ListVersionsResult>";
  }
  Result<std::string> put(const PutOptions& how = {}) {
    return bucket().put("a/key", as_bytes("abc"), how);
  }

  Script script_;
  Micros off_{0};
  int forgotten_ = 0;
  std::vector<std::chrono::milliseconds> pauses_;
  http::World world_{[this](http::Request request, http::Reply reply) {
    reply.send(script_.answer(std::move(request)));
  }};
  std::optional<Bucket> bucket_;
};

TEST_F(BucketTest, a_write_carries_its_lock_and_three_checksums_and_is_signed) {
  script_.say(200, "", {{"x-amz-version-id", "v1"}});
  const WallTime until = *parse_rfc3339("2030-01-01T00:00:00.5Z");
  EXPECT_EQ(*put({.lock = Lock{Mode::kCompliance, until}, .is_held = true}), "v1");
  const http::Request& asked = script_.asked(0);
  EXPECT_EQ(asked.method, "PUT");
  EXPECT_EQ(asked.path, "/a-bucket/a/key");
  EXPECT_EQ(http::text(asked.body), "abc");
  EXPECT_EQ(header(0, "content-md5"), "kAFQmDzST7DWlj99KOF/cg==");
  const Hash hash = crypto::sha256(as_bytes("abc"));
  EXPECT_EQ(header(0, "x-amz-checksum-sha256"), to_base64(hash));
  EXPECT_EQ(header(0, "x-amz-content-sha256"), to_hex(hash));
  EXPECT_EQ(header(0, "x-amz-object-lock-mode"), "COMPLIANCE");
  EXPECT_EQ(header(0, "x-amz-object-lock-retain-until-date"), "2030-01-01T00:00:00Z");
  EXPECT_EQ(header(0, "x-amz-object-lock-legal-hold"), "ON");
  EXPECT_EQ(header(0, "x-amz-security-token"), "a-token");

  Unsigned request{"PUT", asked.path, {}, {}, to_hex(hash)};
  for (const char* name : {"content-md5", "host", "x-amz-checksum-sha256", "x-amz-content-sha256",
                           "x-amz-date", "x-amz-object-lock-legal-hold", "x-amz-object-lock-mode",
                           "x-amz-object-lock-retain-until-date", "x-amz-security-token"})
    request.headers.push_back({name, header(0, name)});
  EXPECT_EQ(header(0, "authorization"),
            authorization({"AK", crypto::SecretBytes(as_bytes(kSecret)), {}}, {"eu-x", "s3"},
                          header(0, "x-amz-date"), request));
}

TEST_F(BucketTest, a_store_that_asks_to_be_spared_is_asked_again_after_a_random_pause) {
  for (int i = 0; i < 3; ++i) script_.say(503, "<Error><Code>SlowDown</Code></Error>");
  script_.say(200, "", {{"x-amz-version-id", "v1"}});
  EXPECT_EQ(*put(), "v1");
  ASSERT_EQ(pauses_.size(), 3U);
  EXPECT_EQ(script_.count(), 4U);
  for (size_t i = 0; i < pauses_.size(); ++i) EXPECT_LE(pauses_[i], 100ms * (1 << i));
}

TEST_F(BucketTest, and_no_more_often_than_it_is_told_to) {
  for (int i = 0; i < 7; ++i) script_.say(503);
  EXPECT_EQ(put().error().code, Code::kBusy);
  EXPECT_EQ(script_.count(), 6U);
}

TEST_F(BucketTest, a_write_whose_answer_is_lost_is_looked_for_first) {
  script_.say(500);
  script_.say(200, listing(version_of("a/key", "v7", "Version") +
                           version_of("a/key.other", "v8", "Version")));
  script_.say(200, "abc");
  EXPECT_EQ(*put(), "v7");
  ASSERT_EQ(script_.count(), 3U);
  EXPECT_EQ(script_.asked(1).query.at("prefix"), "a/key");
  EXPECT_EQ(script_.asked(2).query.at("versionId"), "v7");
}

TEST_F(BucketTest, and_made_again_where_it_is_not) {
  script_.say(500);
  script_.say(200, kNoVersions);
  script_.say(200, "", {{"x-amz-version-id", "v2"}});
  EXPECT_EQ(*put(), "v2");
}

TEST_F(BucketTest, and_one_that_was_sent_twice_is_the_first) {
  script_.say(500);
  script_.say(200,
              listing(version_of("a/key", "v8", "Version") + version_of("a/key", "v7", "Version")));
  script_.say(200, "abc");
  EXPECT_EQ(*put(), "v7");
  EXPECT_EQ(script_.asked(2).query.at("versionId"), "v7");
}

TEST_F(BucketTest, and_somebody_else_s_is_a_conflict) {
  script_.say(500);
  script_.say(200, listing(version_of("a/key", "v7", "Version")));
  script_.say(200, "abd");
  EXPECT_EQ(put().error().code, Code::kConflict);
  script_.say(500);
  script_.say(200, listing(version_of("a/key", "v8", "DeleteMarker") +
                           version_of("a/key", "v7", "Version")));
  EXPECT_EQ(put().error().code, Code::kConflict);
}

TEST_F(BucketTest, a_clock_that_is_off_signs_by_the_store_s) {
  off_ = 1h;
  script_.say(403, "<Error><Code>RequestTimeTooSkewed</Code></Error>");
  script_.say(200, "abc");
  EXPECT_EQ(http::text(*bucket().get("k", "")), "abc");
  EXPECT_EQ(header(0, "x-amz-date"), amz_date(world_.now() + 1h));
  EXPECT_EQ(header(1, "x-amz-date"), amz_date(world_.now()));
  EXPECT_EQ(bucket().clock_ahead(), -1h);
  EXPECT_TRUE(pauses_.empty());
}

TEST_F(BucketTest, a_key_that_has_ended_is_asked_for_anew_once) {
  script_.say(400, "<Error><Code>ExpiredToken</Code></Error>");
  script_.say(400, "<Error><Code>ExpiredToken</Code></Error>");
  EXPECT_EQ(bucket().get("k", "").error().code, Code::kInvalid);
  EXPECT_EQ(forgotten_, 1);
}

TEST_F(BucketTest, what_a_store_says_is_told_and_no_secret) {
  script_.say(403,
              "<Error><Code>SignatureDoesNotMatch</Code><Message>no\x1b[31m</Message>"
              "<StringToSign>" +
                  std::string(kSecret) + "</StringToSign></Error>");
  const std::string broken = bucket().get("k", "").error().message();
  EXPECT_EQ(broken, "GET a-bucket/k: (403)") << "a control character is no XML";
  script_.say(403,
              "<Error><Code>AccessDenied</Code><Message>forbidden by object lock</Message>"
              "<AWSAccessKeyId>" +
                  std::string(kSecret) + "</AWSAccessKeyId></Error>");
  const auto denied = bucket().remove("k", "v", true);
  EXPECT_EQ(denied.error().code, Code::kPermission);
  EXPECT_EQ(denied.error().message(),
            "DELETE a-bucket/k: AccessDenied (403): forbidden by object lock");
  EXPECT_EQ(header(1, "x-amz-bypass-governance-retention"), "true");
}

TEST_F(BucketTest, statuses_have_codes) {
  const std::pair<int, Code> all[] = {{404, Code::kNotFound},   {405, Code::kNotFound},
                                      {409, Code::kConflict},   {412, Code::kExists},
                                      {400, Code::kInvalid},    {403, Code::kPermission},
                                      {301, Code::kUnsupported}};
  for (const auto& [status, code] : all) {
    script_.say(status);
    EXPECT_EQ(bucket().get("k", "").error().code, code) << status;
  }
}

TEST_F(BucketTest, a_version_s_properties) {
  script_.say(200, "12345",
              {{"x-amz-version-id", "v1"},
               {"x-amz-object-lock-mode", "GOVERNANCE"},
               {"x-amz-object-lock-retain-until-date", "2030-01-01T00:00:00.000000000Z"},
               {"x-amz-object-lock-legal-hold", "ON"}});
  const auto found = bucket().head("k", "v1");
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->size, 5U);
  EXPECT_EQ(found->version, "v1");
  EXPECT_EQ(found->lock, (Lock{Mode::kGovernance, *parse_rfc3339("2030-01-01T00:00:00Z")}));
  EXPECT_TRUE(found->is_held);
  script_.say(200, "", {{"x-amz-object-lock-mode", "COMPLIANCE"}});
  EXPECT_EQ(bucket().head("k", "")->lock, std::nullopt) << "no day";
}

TEST_F(BucketTest, a_listing_goes_on_where_it_was_cut) {
  script_.say(200, listing(version_of("a%2Fk%20+", "v2", "Version") +
                               version_of("a/k", "v3", "DeleteMarker"),
                           "<IsTruncated>true</IsTruncated><NextKeyMarker>a%2Fk</NextKeyMarker>"
                           "<NextVersionIdMarker>v3</NextVersionIdMarker>"));
  const auto first = bucket().versions("a/", {});
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->found,
            (std::vector<Version>{{"a/k  ", "v2", false, true, 3}, {"a/k", "v3", true, true, 3}}));
  script_.say(200, kNoVersions);
  const auto rest = bucket().versions("a/", *first);
  EXPECT_TRUE(rest->found.empty() && rest->next_key.empty());
  EXPECT_EQ(script_.asked(1).query.at("key-marker"), "a/k");
  EXPECT_EQ(script_.asked(1).query.at("version-id-marker"), "v3");
  script_.say(200, listing("", "<IsTruncated>true</IsTruncated>"));
  EXPECT_EQ(bucket().versions("", {}).error().code, Code::kCorrupt) << "or it would go on for ever";
  script_.say(200, "<Other/>");
  EXPECT_EQ(bucket().versions("", {}).error().code, Code::kCorrupt);
}

TEST_F(BucketTest, locks_and_holds_are_asked_for_in_its_words) {
  script_.say(200);
  script_.say(200);
  const WallTime until = *parse_rfc3339("2030-01-01T00:00:00Z");
  EXPECT_TRUE(bucket().set_lock("k", "v1", {Mode::kCompliance, until}, false));
  EXPECT_TRUE(bucket().set_hold("k", "v1", false));
  EXPECT_EQ(script_.asked(0).query.count("retention"), 1U);
  EXPECT_EQ(script_.asked(0).query.at("versionId"), "v1");
  EXPECT_NE(http::text(script_.asked(0).body)
                .find("<Mode>COMPLIANCE</Mode><RetainUntilDate>2030-01-01T00:00:00Z<"),
            std::string::npos);
  EXPECT_EQ(script_.asked(1).query.count("legal-hold"), 1U);
  EXPECT_NE(http::text(script_.asked(1).body).find("<Status>OFF</Status>"), std::string::npos);
}

TEST_F(BucketTest, what_the_bucket_does) {
  script_.say(200, "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
  script_.say(200, "<VersioningConfiguration/>");
  EXPECT_TRUE(*bucket().keeps_versions());
  EXPECT_FALSE(*bucket().keeps_versions());
  script_.say(200,
              "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"
              "</ObjectLockConfiguration>");
  script_.say(404, "<Error><Code>ObjectLockConfigurationNotFoundError</Code></Error>");
  EXPECT_TRUE(*bucket().locks_objects());
  EXPECT_FALSE(*bucket().locks_objects());
}

TEST_F(BucketTest, refuses_what_names_no_bucket) {
  for (const char* name : {"", "ab", "UPPER", "a/b", "a b", "a@b.example"}) {
    BucketOptions wrong = options();
    wrong.name = name;
    EXPECT_EQ(Bucket::make(std::move(wrong), std::make_unique<Given>(forgotten_)).error().code,
              Code::kInvalid)
        << name;
  }
  for (const char* url : {"", "host", "http://host", "https://host/path", "https://u@host"}) {
    BucketOptions wrong = options();
    wrong.endpoint = url;
    EXPECT_EQ(Bucket::make(std::move(wrong), std::make_unique<Given>(forgotten_)).error().code,
              Code::kInvalid)
        << url;
  }
}

}  // namespace
}  // namespace stele::s3
