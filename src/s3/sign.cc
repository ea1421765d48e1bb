#include "s3/sign.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/hex.h"
#include "crypto/hkdf.h"
#include "crypto/sha256.h"

namespace stele::s3 {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256", kEnd = "aws4_request";
constexpr size_t kDayChars = 8;  // of an amz_date

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

/// Without blanks around it, and one for several.
std::string squeezed(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool is_blank = c == ' ' || c == '\t';
    if (!is_blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

/// By name; those of one name as one, in their order.
std::map<std::string, std::string> canonical_headers(const std::vector<http::Header>& headers) {
  std::map<std::string, std::string> found;
  for (const http::Header& header : headers) {
    const auto [at, is_new] = found.try_emplace(header.name, squeezed(header.value));
    if (!is_new) at->second += "," + squeezed(header.value);
  }
  return found;
}

std::string signed_names(const std::vector<http::Header>& headers) {
  std::string names;
  for (const auto& [name, value] : canonical_headers(headers))
    names += (names.empty() ? "" : ";") + name;
  return names;
}

/// One key for each step, wiped behind it.
crypto::SecretBytes next_key(const crypto::SecretBytes& key, std::string_view message) {
  Hash mac = crypto::hmac_sha256(key.span(), as_bytes(message));
  crypto::SecretBytes next{ByteSpan(mac)};
  crypto::wipe(mac);
  return next;
}

crypto::SecretBytes signing_key(const crypto::SecretBytes& secret, const Scope& scope,
                                std::string_view day) {
  constexpr std::string_view kPrefix = "AWS4";
  crypto::SecretBytes key(kPrefix.size() + secret.size());
  std::copy(kPrefix.begin(), kPrefix.end(), key.writable().begin());
  std::copy(secret.span().begin(), secret.span().end(), key.writable().begin() + kPrefix.size());
  for (const std::string_view step :
       {day, std::string_view(scope.region), std::string_view(scope.service), kEnd})
    key = next_key(key, step);
  return key;
}

}  // namespace

std::string uri_encode(std::string_view text, Slash slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c) || (c == '/' && slash == Slash::kKeep)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 0xF];
    }
  }
  return out;
}

std::string canonical_query(const std::vector<Parameter>& query) {
  std::vector<std::pair<std::string, std::string>> encoded;
  encoded.reserve(query.size());
  for (const Parameter& each : query)
    encoded.emplace_back(uri_encode(each.name, Slash::kEncode),
                         uri_encode(each.value, Slash::kEncode));
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

std::string canonical_request(const Unsigned& request) {
  std::string out = request.method + "\n" + uri_encode(request.path, Slash::kKeep) + "\n" +
                    canonical_query(request.query) + "\n";
  for (const auto& [name, value] : canonical_headers(request.headers)) {
    out += name;
    out += ':';
    out += value;
    out += '\n';
  }
  return out + "\n" + signed_names(request.headers) + "\n" + request.payload_hash;
}

std::string amz_date(WallTime time) {
  constexpr size_t kToSeconds = 19;
  std::string date = rfc3339(time).substr(0, kToSeconds) + "Z";
  std::erase_if(date, [](char c) { return c == '-' || c == ':'; });
  return date;
}

std::string authorization(const Credentials& credentials, const Scope& scope, std::string_view date,
                          const Unsigned& request) {
  const std::string_view day = date.substr(0, kDayChars);
  std::string where(day);
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service), kEnd}) {
    where += '/';
    where += part;
  }
  std::string to_sign(kAlgorithm);
  to_sign += "\n" + std::string(date) + "\n" + where + "\n" +
             to_hex(crypto::sha256(as_bytes(canonical_request(request))));
  const auto key = signing_key(credentials.secret_key, scope, day);
  const Hash signature = crypto::hmac_sha256(key.span(), as_bytes(to_sign));
  return std::string(kAlgorithm) + " Credential=" + credentials.access_key + "/" + where +
         ", SignedHeaders=" + signed_names(request.headers) + ", Signature=" + to_hex(signature);
}

}  // namespace stele::s3
