#include "s3/credentials.h"

#include <algorithm>
#include <chrono>

#include "http/client.h"
#include "os/trusted_file.h"
#include "s3/json_read.h"
#include "s3/xml.h"

namespace stele::s3 {
namespace {

using namespace std::chrono_literals;
using http::trimmed;

constexpr size_t kFileBytesMax = 64 << 10;
constexpr Micros kRenewBefore = 5min;

crypto::SecretBytes secret(std::string_view text) { return crypto::SecretBytes(as_bytes(text)); }

/// They become header lines.
bool is_token(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

Result<Credentials> credentials(std::string_view access, std::string_view key,
                                std::string_view token, const std::string& where) {
  if (!is_token(access) || !is_token(key) || (!token.empty() && !is_token(token)))
    return fail(Code::kCorrupt, where + ": no access key, or no secret key, of printable ASCII");
  return Credentials{std::string(access), secret(key), secret(token)};
}

class FromFile : public CredentialSource {
 public:
  FromFile(std::string path, std::string profile)
      : path_(std::move(path)), profile_(std::move(profile)) {}

  // Read each time it is wanted anew, so that a key is changed by writing the file.
  Result<Credentials> at(WallTime) override {
    if (!now_) {
      TRY(std::string text, os::read_secret_file(path_, kFileBytesMax));
      auto parsed = parse_credentials(text, profile_);
      crypto::wipe({reinterpret_cast<uint8_t*>(text.data()), text.size()});
      if (!parsed) return fail(std::move(parsed).error().within(path_));
      now_ = *std::move(parsed);
    }
    return now_->copy();
  }
  void forget() override { now_.reset(); }

 private:
  const std::string path_, profile_;
  std::optional<Credentials> now_;
};

class FromEnvironment : public CredentialSource {
 public:
  explicit FromEnvironment(CredentialOptions options) : options_(std::move(options)) {}

  Result<Credentials> at(WallTime) override {
    const auto access = options_.variable("AWS_ACCESS_KEY_ID");
    const auto key = options_.variable("AWS_SECRET_ACCESS_KEY");
    if (!access || !key) {
      return fail(Code::kNotFound,
                  "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both in the environment");
    }
    return credentials(*access, *key, options_.variable("AWS_SESSION_TOKEN").value_or(""),
                       "the environment");
  }
  void forget() override {}

 private:
  const CredentialOptions options_;
};

/// What somebody gives for a while.
struct Lent {
  Credentials credentials;
  WallTime until;
};

class Temporary : public CredentialSource {
 public:
  Result<Credentials> at(WallTime now) override {
    if (!lent_ || now >= lent_->until - kRenewBefore) {
      auto lent = ask();
      if (lent)
        lent_ = *std::move(lent);
      else if (!lent_ || now >= lent_->until)
        return fail(std::move(lent).error());
    }
    return lent_->credentials.copy();
  }
  void forget() override { lent_.reset(); }

 protected:
  virtual Result<Lent> ask() = 0;

  static Result<Lent> lent(std::string_view access, std::string_view key, std::string_view token,
                           std::string_view until, const std::string& where) {
    const auto end = parse_rfc3339(until);
    if (!end) return fail(Code::kCorrupt, where + ": without an end of the credentials");
    TRY(Credentials made, credentials(access, key, token, where));
    return Lent{std::move(made), *end};
  }

 private:
  std::optional<Lent> lent_;
};

Status expect_ok(const http::ClientResponse& response, const std::string& where) {
  if (response.status == 200) return {};
  return fail(response.status == 404 ? Code::kNotFound : Code::kPermission,
              where + " answers " + std::to_string(response.status));
}

class FromInstance : public Temporary {
 public:
  explicit FromInstance(CredentialOptions options) : options_(std::move(options)) {}

 private:
  static constexpr const char* kWhere = "the machine's metadata service";

  Result<Lent> ask() override {
    http::ClientOptions how;
    how.base_url = options_.metadata_url;
    how.is_plain_allowed = true;  // a link-local address that the hypervisor answers
    how.authorities_pem = options_.authorities_pem;
    how.now = options_.now;
    how.connect_timeout = 2s;
    how.timeout = 5s;
    how.response_bytes = kFileBytesMax;
    TRY(http::Client client, http::Client::make(std::move(how)));
    http::ClientRequest wanted;
    wanted.method = "PUT";
    wanted.target = "/latest/api/token";
    wanted.headers = {{"x-aws-ec2-metadata-token-ttl-seconds", "300"}};
    wanted.is_idempotent = true;
    TRY(const std::string token, text_of(client, wanted));

    const std::string base = "/latest/meta-data/iam/security-credentials/";
    wanted = {.target = base, .content_type = "", .headers = {}, .is_idempotent = true};
    wanted.headers = {{"x-aws-ec2-metadata-token", token}};
    TRY(std::string role, text_of(client, wanted));
    role.resize(std::min(role.find('\n'), role.size()));  // the first
    if (!is_token(role)) return fail(Code::kNotFound, std::string(kWhere) + ": names no role");
    wanted.target = base + uri_encode(role, Slash::kEncode);
    TRY(const std::string text, text_of(client, wanted));
    auto said = parse_json_strings(as_bytes(text));
    if (!said) return fail(std::move(said).error().within(kWhere));
    return lent((*said)["AccessKeyId"], (*said)["SecretAccessKey"], (*said)["Token"],
                (*said)["Expiration"], kWhere);
  }

  static Result<std::string> text_of(http::Client& client, const http::ClientRequest& request) {
    auto response = client.request(request);
    if (!response) return fail(std::move(response).error().within(kWhere));
    TRY_VOID(expect_ok(*response, kWhere));
    return std::string(trimmed(as_text(response->body)));
  }

  const CredentialOptions options_;
};

class FromWebIdentity : public Temporary {
 public:
  explicit FromWebIdentity(CredentialOptions options) : options_(std::move(options)) {}

 private:
  static constexpr const char* kWhere = "the security token service";

  Result<Lent> ask() override {
    const auto role = options_.variable("AWS_ROLE_ARN");
    const auto file = options_.variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (!role || !file) {
      return fail(Code::kNotFound,
                  "AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE are not both in the environment");
    }
    TRY(const std::string token, os::read_trusted_file(*file, kFileBytesMax));
    http::ClientOptions how;
    how.base_url = options_.token_service_url;
    if (how.base_url.empty()) how.base_url = "https://sts." + options_.region + ".amazonaws.com";
    how.is_tls_1_2_allowed = true;
    how.authorities_pem = options_.authorities_pem;
    how.now = options_.now;
    how.response_bytes = kFileBytesMax;
    how.timeout = 10s;
    TRY(http::Client client, http::Client::make(std::move(how)));
    const std::string body = canonical_query({
        {"Action", "AssumeRoleWithWebIdentity"},
        {"Version", "2011-06-15"},
        {"RoleArn", *role},
        {"RoleSessionName", options_.variable("AWS_ROLE_SESSION_NAME").value_or("stele")},
        {"WebIdentityToken", std::string(trimmed(token))},
    });
    http::ClientRequest request;
    request.method = "POST";
    request.target = "/";
    request.content_type = "application/x-www-form-urlencoded";
    request.body = as_bytes(body);
    request.is_idempotent = true;
    auto response = client.request(request);
    if (!response) return fail(std::move(response).error().within(kWhere));
    TRY_VOID(expect_ok(*response, kWhere));
    auto document = parse_xml(response->body);
    if (!document) return fail(std::move(document).error().within(kWhere));
    const auto* result = document->child("AssumeRoleWithWebIdentityResult");
    const auto* given = result == nullptr ? nullptr : result->child("Credentials");
    if (given == nullptr)
      return fail(Code::kCorrupt, std::string(kWhere) + ": answers without credentials");
    return lent(given->text_of("AccessKeyId"), given->text_of("SecretAccessKey"),
                given->text_of("SessionToken"), given->text_of("Expiration"), kWhere);
  }

  const CredentialOptions options_;
};

}  // namespace

Result<Credentials> parse_credentials(std::string_view text, std::string_view profile) {
  std::string_view access, key, token;
  bool is_in = false, is_found = false;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      is_in = line.back() == ']' && trimmed(line.substr(1, line.size() - 2)) == profile;
      is_found = is_found || is_in;
      continue;
    }
    const size_t equals = line.find('=');
    if (!is_in || equals == line.npos) continue;
    const std::string_view name = trimmed(line.substr(0, equals));
    const std::string_view value = trimmed(line.substr(equals + 1));
    if (name == "aws_access_key_id") access = value;
    if (name == "aws_secret_access_key") key = value;
    if (name == "aws_session_token") token = value;
  }
  const std::string where = "profile " + std::string(profile);
  if (!is_found) return fail(Code::kNotFound, where + " is not there");
  return credentials(access, key, token, where);
}

Result<std::unique_ptr<CredentialSource>> credential_source(CredentialOptions options) {
  using Made = std::unique_ptr<CredentialSource>;
  if (options.from == "environment") return Made(new FromEnvironment(std::move(options)));
  if (options.from == "instance") return Made(new FromInstance(std::move(options)));
  if (options.from == "web-identity") return Made(new FromWebIdentity(std::move(options)));
  if (options.from.starts_with('/')) return Made(new FromFile(options.from, options.profile));
  return fail(
      Code::kInvalid,
      "credentials: \"environment\", \"instance\", \"web-identity\" or the absolute path of "
      "a file is wanted, not \"" +
          options.from + "\"");
}

}  // namespace stele::s3
