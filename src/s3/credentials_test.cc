#include "s3/credentials.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <deque>
#include <fstream>
#include <map>

#include "http/test_world.h"

namespace stele::s3 {
namespace {

using namespace std::chrono_literals;

std::string secret_of(const Credentials& credentials) {
  return std::string(as_text(credentials.secret_key.span()));
}

TEST(Credentials, of_a_profile) {
  constexpr std::string_view kText =
      "# a comment\naws_access_key_id = outside\n[default]\naws_access_key_id = AK1\r\n"
      "aws_secret_access_key=s/1+=\n[ other ]\naws_access_key_id=AK2\naws_secret_access_key=s2\n"
      "aws_session_token = t2\n";
  const auto first = parse_credentials(kText, "default");
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->access_key, "AK1");
  EXPECT_EQ(secret_of(*first), "s/1+=");
  EXPECT_EQ(first->session_token.size(), 0U);
  const auto other = parse_credentials(kText, "other");
  EXPECT_EQ(other->access_key, "AK2");
  EXPECT_EQ(as_text(other->session_token.span()), "t2");
  EXPECT_EQ(parse_credentials(kText, "missing").error().code, Code::kNotFound);
}

TEST(Credentials, half_of_them_are_none_and_no_error_names_a_secret) {
  for (const char* text :
       {"[default]\naws_access_key_id=AK\n", "[default]\n",
        "[default]\naws_access_key_id=A K\naws_secret_access_key=hunter2\n",
        "[default]\naws_access_key_id=AK\naws_secret_access_key=hunter2\x01\n"}) {
    const auto parsed = parse_credentials(text, "default");
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, Code::kCorrupt);
    EXPECT_EQ(parsed.error().message().find("hunter2"), std::string::npos);
  }
}

class SourceTest : public testing::Test {
 protected:
  std::unique_ptr<CredentialSource> source(std::string from) {
    CredentialOptions options;
    options.from = std::move(from);
    options.region = "eu-x";
    options.variable = [this](const char* name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional(found->second);
    };
    options.now = [this] { return world_.now(); };
    options.metadata_url = options.token_service_url = url_;
    options.authorities_pem = world_.authority.certificate().to_pem();
    return *credential_source(std::move(options));
  }
  std::string write(const std::string& text, mode_t mode) {
    const std::string path = testing::TempDir() + "stele-credentials";
    std::ofstream(path, std::ios::trunc) << text;
    chmod(path.c_str(), mode);
    return path;
  }

  std::map<std::string, std::string> variables_;
  std::vector<http::Request> asked_;
  std::deque<std::pair<int, std::string>> answers_;
  http::World world_{[this](http::Request request, http::Reply reply) {
    asked_.push_back(std::move(request));
    if (answers_.empty()) return (void)reply.send(http::text_response(500, "nothing is left"));
    auto [status, text] = std::move(answers_.front());
    answers_.pop_front();
    reply.send({status, "", http::bytes(text), {}});
  }};
  std::string url_ = world_.url();
};

TEST_F(SourceTest, a_file_that_others_may_read_is_refused) {
  constexpr const char* kText = "[default]\naws_access_key_id=AK\naws_secret_access_key=s\n";
  EXPECT_EQ(source(write(kText, 0600))->at(world_.now())->access_key, "AK");
  EXPECT_EQ(source(write(kText, 0640))->at(world_.now()).error().code, Code::kPermission);
}

TEST_F(SourceTest, a_file_is_read_again_where_its_key_is_refused) {
  const auto all =
      source(write("[default]\naws_access_key_id=A1\naws_secret_access_key=s\n", 0600));
  EXPECT_EQ(all->at(world_.now())->access_key, "A1");
  write("[default]\naws_access_key_id=A2\naws_secret_access_key=s\n", 0600);
  EXPECT_EQ(all->at(world_.now())->access_key, "A1");
  all->forget();
  EXPECT_EQ(all->at(world_.now())->access_key, "A2");
}

TEST_F(SourceTest, the_environment) {
  const auto all = source("environment");
  variables_ = {{"AWS_ACCESS_KEY_ID", "AK"}};
  EXPECT_EQ(all->at(world_.now()).error().code, Code::kNotFound);
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  EXPECT_EQ(all->at(world_.now())->access_key, "AK");
}

TEST_F(SourceTest, the_machine_s_metadata_service) {
  const auto all = source("instance");
  answers_ = {{200, "the-token"},
              {200, "role-1\nrole-2"},
              {200, R"({"Code": "Success", "AccessKeyId": "AK", "SecretAccessKey": "s", )"
                    R"("Token": "t", "Expiration": "2100-01-01T00:00:00Z"})"}};
  const auto given = all->at(world_.now());
  ASSERT_TRUE(given) << given.error().message();
  EXPECT_EQ(given->access_key, "AK");
  EXPECT_EQ(as_text(given->session_token.span()), "t");
  ASSERT_EQ(asked_.size(), 3U);
  EXPECT_EQ(asked_[0].method + asked_[0].path, "PUT/latest/api/token");
  EXPECT_EQ(asked_[2].path, "/latest/meta-data/iam/security-credentials/role-1");
  EXPECT_EQ(*asked_[2].header("x-aws-ec2-metadata-token"), "the-token");
  EXPECT_EQ(all->at(world_.now() + 24h)->access_key, "AK");
  EXPECT_EQ(asked_.size(), 3U);

  all->forget();
  answers_ = {{200, "the-token"}, {404, ""}};
  EXPECT_EQ(all->at(world_.now()).error().code, Code::kNotFound) << "the machine has no role";
  answers_ = {{200, "the-token"}, {200, "role"}, {200, R"({"AccessKeyId": "AK"})"}};
  EXPECT_EQ(all->at(world_.now()).error().code, Code::kCorrupt);
}

TEST_F(SourceTest, a_role_by_a_web_identity) {
  const std::string file = write("web.token.text\n", 0600);
  const auto all = source("web-identity");
  EXPECT_EQ(all->at(world_.now()).error().code, Code::kNotFound);
  variables_ = {{"AWS_ROLE_ARN", "arn:aws:iam::1:role/stele"},
                {"AWS_WEB_IDENTITY_TOKEN_FILE", file}};
  const auto answer = [&](std::chrono::minutes in) {
    return "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
           "<AccessKeyId>AK" +
           std::to_string(in.count()) +
           "</AccessKeyId><SecretAccessKey>s"
           "</SecretAccessKey><SessionToken>t</SessionToken><Expiration>" +
           rfc3339(world_.now() + in) +
           "</Expiration></Credentials>"
           "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
  };
  answers_ = {{200, answer(10min)}};
  EXPECT_EQ(all->at(world_.now())->access_key, "AK10");
  EXPECT_EQ(as_text(asked_.at(0).body),
            "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fstele&"
            "RoleSessionName=stele&Version=2011-06-15&WebIdentityToken=web.token.text");
  EXPECT_EQ(all->at(world_.now() + 4min)->access_key, "AK10");
  EXPECT_EQ(asked_.size(), 1U);

  answers_ = {{500, "down"}};
  EXPECT_EQ(all->at(world_.now() + 6min)->access_key, "AK10") << "they are good until they end";
  answers_ = {{200, answer(20min)}};
  EXPECT_EQ(all->at(world_.now() + 6min)->access_key, "AK20");
  answers_ = {{403, "<Error/>"}};
  EXPECT_EQ(all->at(world_.now() + 21min).error().code, Code::kPermission);
  answers_ = {{200, "<Other/>"}};
  EXPECT_EQ(all->at(world_.now() + 21min).error().code, Code::kCorrupt);
}

TEST_F(SourceTest, anything_else_is_refused) {
  CredentialOptions options;
  options.from = "relative/path";
  EXPECT_EQ(credential_source(std::move(options)).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace stele::s3
