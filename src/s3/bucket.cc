#include "s3/bucket.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/hex.h"
#include "crypto/md5.h"
#include "crypto/sha256.h"
#include "s3/xml.h"

namespace stele::s3 {
namespace {

using std::chrono::milliseconds;

constexpr size_t kSaidBytesMax = 200;  // of what a store says of an error
constexpr std::string_view kNamespace = "http://s3.amazonaws.com/doc/2006-03-01/";

bool is_bucket_name(std::string_view name) {
  return name.size() >= 3 && name.size() <= 63 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

std::string_view authority_of(std::string_view url) {
  const size_t at = url.find("://");
  return at == url.npos ? std::string_view() : url.substr(at + 3);
}

std::string seconds_of(WallTime time) {
  constexpr size_t kToSeconds = 19;
  return rfc3339(time).substr(0, kToSeconds) + "Z";
}

std::optional<Mode> mode_of(std::string_view text) {
  if (text == to_string(Mode::kCompliance)) return Mode::kCompliance;
  if (text == to_string(Mode::kGovernance)) return Mode::kGovernance;
  return std::nullopt;
}

/// "Sun, 29 Nov 2026 06:00:00 GMT" (RFC 9110 §5.6.7, the form that is still written).
std::optional<WallTime> parse_http_date(std::string_view text) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || !text.ends_with(" GMT")) return std::nullopt;
  const size_t month = kMonths.find(text.substr(8, 3));
  if (month == kMonths.npos || month % 3 != 0) return std::nullopt;
  const std::string number = std::to_string(month / 3 + 1);
  std::string iso(text.substr(12, 4));
  iso += (number.size() < 2 ? "-0" : "-") + number + "-";
  iso += text.substr(5, 2);
  iso += 'T';
  iso += text.substr(17, 8);
  iso += 'Z';
  return parse_rfc3339(iso);
}

/// As a listing writes keys when it is asked for them encoded.
std::string url_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const char* const digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::string printable(std::string_view text) {
  std::string out(text.substr(0, kSaidBytesMax));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out;
}

/// What a store says of a failure, as far as it does.
struct Said {
  std::string code, message;
};

Said said_by(const http::ClientResponse& response) {
  const auto document = parse_xml(response.body);
  if (!document || document->name != "Error") return {};
  return {printable(document->text_of("Code")), printable(document->text_of("Message"))};
}

bool is_busy(int status) {
  return status == 429 || status == 500 || (status >= 502 && status <= 504);
}

/// It asked to be spared, and did nothing.
bool is_certainly_undone(int status) { return status == 429 || status == 503; }

Code code_of(int status) {
  switch (status) {
    case 400:
      return Code::kInvalid;
    case 401:
    case 403:
      return Code::kPermission;
    case 404:
    case 405:
      return Code::kNotFound;  // 405: of a version that is a delete marker
    case 409:
      return Code::kConflict;
    case 412:
      return Code::kExists;
    default:
      return is_busy(status) ? Code::kBusy : Code::kUnsupported;
  }
}

std::string header_of(const http::ClientResponse& response, std::string_view name) {
  const std::string* found = response.header(name);
  return found == nullptr ? "" : *found;
}

Result<std::string> md5_base64(ByteSpan bytes) {
  TRY(const auto digest, crypto::md5(bytes));
  return to_base64(digest);
}

void add_lock(std::vector<http::Header>& headers, const Lock& lock) {
  headers.push_back({"x-amz-object-lock-mode", std::string(to_string(lock.mode))});
  headers.push_back({"x-amz-object-lock-retain-until-date", seconds_of(lock.until)});
}

std::vector<Parameter> with_version(std::vector<Parameter> query, const std::string& version) {
  if (!version.empty()) query.push_back({"versionId", version});
  return query;
}

Result<XmlElement> document_of(const http::ClientResponse& response, std::string_view wanted) {
  TRY(XmlElement document, parse_xml(response.body));
  if (document.name != wanted)
    return fail(Code::kCorrupt, "the store answers with no " + std::string(wanted));
  return document;
}

}  // namespace

std::string_view to_string(Mode mode) {
  return mode == Mode::kCompliance ? "COMPLIANCE" : "GOVERNANCE";
}

Result<Bucket> Bucket::make(BucketOptions options, std::unique_ptr<CredentialSource> credentials) {
  CHECK(options.now && options.sleep && options.random && options.attempts > 0);
  if (!is_bucket_name(options.name)) {
    return fail(Code::kInvalid,
                "bucket: 3 to 63 of a-z 0-9 - and . are wanted, not \"" + options.name + "\"");
  }
  const size_t host_at = options.endpoint.find("://");
  if (host_at == std::string::npos)
    return fail(Code::kInvalid, "endpoint: \"https://host[:port]\" is wanted");
  http::ClientOptions how;
  how.base_url = options.endpoint;
  if (!options.is_path_style) how.base_url.insert(host_at + 3, options.name + ".");
  how.is_plain_allowed = options.is_plain_allowed;
  how.is_tls_1_2_allowed = true;
  how.authorities_pem = options.authorities_pem;
  how.timeout = options.timeout;
  how.now = options.now;
  TRY(http::Client client, http::Client::make(std::move(how)));
  return Bucket(std::move(options), std::move(credentials), std::move(client));
}

// As libcurl writes it: without a port that is the scheme's own.
std::string Bucket::host() const {
  std::string host(authority_of(options_.endpoint));
  const std::string_view port = options_.endpoint.starts_with("https://") ? ":443" : ":80";
  if (host.ends_with(port)) host.resize(host.size() - port.size());
  return options_.is_path_style ? host : options_.name + "." + host;
}

std::string Bucket::path(const std::string& key) const {
  return options_.is_path_style ? "/" + options_.name + "/" + key : "/" + key;
}

void Bucket::note_clock(const http::ClientResponse& response) {
  if (const auto theirs = parse_http_date(header_of(response, "date")))
    ahead_ = std::chrono::floor<std::chrono::seconds>(*theirs - options_.now());
}

Result<http::ClientResponse> Bucket::send(const Ask& ask) {
  const WallTime now = options_.now();
  TRY(const Credentials credentials, credentials_->at(now));
  // A store refuses a signature of another quarter of an hour; ours goes by its clock.
  const bool is_far_off = std::chrono::abs(ahead_) > std::chrono::minutes(1);
  const std::string date = amz_date(is_far_off ? now + ahead_ : now);

  Unsigned request{ask.method, path(ask.key), ask.query, ask.headers, ask.payload_hash};
  if (request.payload_hash.empty()) request.payload_hash = to_hex(crypto::sha256(ask.body));
  request.headers.push_back({"host", host()});
  request.headers.push_back({"x-amz-date", date});
  request.headers.push_back({"x-amz-content-sha256", request.payload_hash});
  if (credentials.session_token.size() > 0) {
    request.headers.push_back(
        {"x-amz-security-token", std::string(as_text(credentials.session_token.span()))});
  }
  http::ClientRequest sent;
  sent.method = ask.method;
  sent.target = uri_encode(request.path, Slash::kKeep);
  if (const std::string query = canonical_query(ask.query); !query.empty())
    sent.target += "?" + query;
  sent.headers = request.headers;
  sent.headers.push_back(
      {"authorization", authorization(credentials, {options_.region, "s3"}, date, request)});
  sent.body = ask.body;
  sent.is_idempotent = true;  // a version twice does no harm; a connection each would
  return client_.request(sent);
}

void Bucket::rest(unsigned attempt) {
  const milliseconds longest =
      std::min(options_.pause * (1U << std::min(attempt, 16U)), options_.pause_max);
  std::array<uint8_t, 4> random{};
  options_.random(random);
  const uint64_t draw = ByteReader(random).u32();
  const auto share = static_cast<uint64_t>(longest.count()) * draw >> 32;
  options_.sleep(milliseconds(static_cast<int64_t>(share)));
}

Result<http::ClientResponse> Bucket::ask(const Ask& ask) {
  bool is_clock_known = false, is_key_new = false;
  const std::string what = ask.method + " " + options_.name + "/" + ask.key + ": ";
  for (unsigned attempt = 0;; ++attempt) {
    auto response = send(ask);
    Error error;
    if (!response) {
      error = std::move(response).error();
      const bool is_worth_it =
          error.code == Code::kIo || (error.code == Code::kOutcomeUnknown && ask.is_safe_twice);
      if (!is_worth_it) return fail(std::move(error));
    } else {
      note_clock(*response);
      if (response->status >= 200 && response->status < 300) return response;
      const Said said = said_by(*response);
      error = {code_of(response->status), what + (said.code.empty() ? "" : said.code + " ") + "(" +
                                              std::to_string(response->status) + ")" +
                                              (said.message.empty() ? "" : ": " + said.message)};
      if (said.code == "RequestTimeTooSkewed" && !std::exchange(is_clock_known, true)) continue;
      if (said.code == "ExpiredToken" && !std::exchange(is_key_new, true)) {
        credentials_->forget();
        continue;
      }
      if (!is_busy(response->status)) return fail(std::move(error));
      if (!ask.is_safe_twice && !is_certainly_undone(response->status)) {
        error.code = Code::kOutcomeUnknown;
        return fail(std::move(error));
      }
    }
    if (attempt + 1 >= options_.attempts) return fail(std::move(error));
    rest(attempt);
  }
}

Result<std::string> Bucket::put(const std::string& key, ByteSpan bytes, const PutOptions& options) {
  using Wrong = PutOptions::Wrong;
  Bytes altered;
  if (options.wrong != Wrong::kNothing) {
    altered.assign(bytes.begin(), bytes.end());
    altered.push_back('!');
  }
  const Hash hash = crypto::sha256(bytes);
  const auto hash_for = [&](Wrong what) {
    return options.wrong == what ? crypto::sha256(altered) : hash;
  };
  TRY(const std::string md5, md5_base64(options.wrong == Wrong::kMd5 ? altered : bytes));
  Ask wanted{.method = "PUT",
             .key = key,
             .body = bytes,
             .is_safe_twice = false,
             .payload_hash = to_hex(hash_for(Wrong::kPayloadHash))};
  wanted.headers = {{"content-md5", md5},
                    {"x-amz-checksum-sha256", to_base64(hash_for(Wrong::kChecksum))}};
  if (options.lock) add_lock(wanted.headers, *options.lock);
  if (options.is_held) wanted.headers.push_back({"x-amz-object-lock-legal-hold", "ON"});
  if (options.is_first) wanted.headers.push_back({"if-none-match", "*"});
  for (unsigned attempt = 0;; ++attempt) {
    auto response = ask(wanted);
    if (response) return header_of(*response, "x-amz-version-id");
    if (response.error().code != Code::kOutcomeUnknown || attempt + 1 >= options_.attempts)
      return fail(std::move(response).error());
    rest(attempt);
    auto settled = settle_put(key, bytes);
    if (settled || settled.error().code != Code::kNotFound) return settled;
  }
}

Result<std::string> Bucket::settle_put(const std::string& key, ByteSpan bytes) {
  TRY(const Versions listed, versions(key, {}));
  std::vector<Version> ours;
  for (const Version& each : listed.found)
    if (each.key == key) ours.push_back(each);
  if (ours.empty()) return fail(Code::kNotFound, key + ": was not written");
  if (std::any_of(ours.begin(), ours.end(), [](const Version& v) { return v.is_marker; }))
    return fail(Code::kConflict, key + ": others have removed what is there");
  // A request that was sent twice makes two; whoever wrote over ours came later.
  TRY(const Bytes there, get(key, ours.back().id));
  if (!equal(there, bytes)) return fail(Code::kConflict, key + ": holds something else");
  return ours.back().id;
}

Result<Bytes> Bucket::get(const std::string& key, const std::string& version) {
  TRY(auto response, ask({.method = "GET", .key = key, .query = with_version({}, version)}));
  return std::move(response.body);
}

Result<Properties> Bucket::head(const std::string& key, const std::string& version) {
  TRY(const auto response, ask({.method = "HEAD", .key = key, .query = with_version({}, version)}));
  Properties found;
  const std::string size = header_of(response, "content-length");
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), found.size);
  if (error != std::errc() || end != size.data() + size.size())
    return fail(Code::kCorrupt, key + ": the store says no size");
  found.version = header_of(response, "x-amz-version-id");
  const auto mode = mode_of(header_of(response, "x-amz-object-lock-mode"));
  const auto until = parse_rfc3339(header_of(response, "x-amz-object-lock-retain-until-date"));
  if (mode && until) found.lock = Lock{*mode, *until};
  found.is_held = header_of(response, "x-amz-object-lock-legal-hold") == "ON";
  return found;
}

Result<Versions> Bucket::versions(const std::string& prefix, const Versions& from) {
  std::vector<Parameter> query = {{"versions", ""}, {"prefix", prefix}, {"encoding-type", "url"}};
  if (!from.next_key.empty()) query.push_back({"key-marker", from.next_key});
  if (!from.next_id.empty()) query.push_back({"version-id-marker", from.next_id});
  TRY(const auto response, ask({.method = "GET", .query = std::move(query)}));
  TRY(const auto document, document_of(response, "ListVersionsResult"));
  const bool is_encoded = document.text_of("EncodingType") == "url";
  const auto key_of = [&](std::string_view text) {
    return is_encoded ? url_decoded(text) : std::string(text);
  };
  Versions listed;
  for (const XmlElement& each : document.children) {
    const bool is_marker = each.name == "DeleteMarker";
    if (!is_marker && each.name != "Version") continue;
    Version version{.key = key_of(each.text_of("Key")),
                    .id = std::string(each.text_of("VersionId")),
                    .is_marker = is_marker,
                    .is_latest = each.text_of("IsLatest") == "true",
                    .size = 0};
    const std::string_view size = each.text_of("Size");
    std::from_chars(size.data(), size.data() + size.size(), version.size);
    listed.found.push_back(std::move(version));
  }
  if (document.text_of("IsTruncated") == "true") {
    listed.next_key = key_of(document.text_of("NextKeyMarker"));
    listed.next_id = std::string(document.text_of("NextVersionIdMarker"));
    if (listed.next_key.empty() && listed.next_id.empty())
      return fail(Code::kCorrupt, "the store's listing is cut, and does not say where");
  }
  return listed;
}

Status Bucket::set(const char* what, const std::string& body, const std::string& key,
                   const std::string& version, bool bypasses) {
  Ask wanted{.method = "PUT",
             .key = key,
             .query = with_version({{what, ""}}, version),
             .body = as_bytes(body)};
  TRY(const std::string md5, md5_base64(wanted.body));
  wanted.headers = {{"content-md5", md5}};
  if (bypasses) wanted.headers.push_back({"x-amz-bypass-governance-retention", "true"});
  TRY_VOID(ask(wanted));
  return {};
}

Status Bucket::set_lock(const std::string& key, const std::string& version, const Lock& lock,
                        bool bypasses) {
  const std::string body = "<Retention xmlns=\"" + std::string(kNamespace) + "\"><Mode>" +
                           std::string(to_string(lock.mode)) + "</Mode><RetainUntilDate>" +
                           seconds_of(lock.until) + "</RetainUntilDate></Retention>";
  return set("retention", body, key, version, bypasses);
}

Status Bucket::set_hold(const std::string& key, const std::string& version, bool is_held) {
  const std::string body = "<LegalHold xmlns=\"" + std::string(kNamespace) + "\"><Status>" +
                           (is_held ? "ON" : "OFF") + "</Status></LegalHold>";
  return set("legal-hold", body, key, version, false);
}

Status Bucket::remove(const std::string& key, const std::string& version, bool bypasses) {
  Ask wanted{.method = "DELETE", .key = key, .query = with_version({}, version)};
  if (bypasses) wanted.headers = {{"x-amz-bypass-governance-retention", "true"}};
  TRY_VOID(ask(wanted));
  return {};
}

Result<bool> Bucket::keeps_versions() {
  TRY(const auto response, ask({.method = "GET", .query = {{"versioning", ""}}}));
  TRY(const auto document, document_of(response, "VersioningConfiguration"));
  return document.text_of("Status") == "Enabled";
}

Result<bool> Bucket::locks_objects() {
  auto response = ask({.method = "GET", .query = {{"object-lock", ""}}});
  if (!response && response.error().code == Code::kNotFound) return false;
  if (!response) return fail(std::move(response).error());
  TRY(const auto document, document_of(*response, "ObjectLockConfiguration"));
  return document.text_of("ObjectLockEnabled") == "Enabled";
}

}  // namespace stele::s3
