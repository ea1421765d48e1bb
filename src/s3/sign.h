// Signature Version 4, by which Amazon's services and those that speak as they do know who asks:
// the Authorization header of a request whose body is hashed whole. Pure. Source: AWS, "Signature
// Calculations for the Authorization Header"; held to its published examples and test suite.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crypto/secret.h"
#include "http/message.h"

namespace stele::s3 {

/// Whose key signs. Move-only, as its secret is.
struct Credentials {
  std::string access_key;
  crypto::SecretBytes secret_key;
  crypto::SecretBytes session_token;  // of temporary ones; empty: none

  Credentials copy() const { return {access_key, secret_key.copy(), session_token.copy()}; }
};

struct Parameter {
  std::string name, value;
};

/// What is signed of a request, before any encoding.
struct Unsigned {
  std::string method, path;  // path: "/…"
  std::vector<Parameter> query;
  std::vector<http::Header> headers;  // all that are to be signed; names in lower case
  std::string payload_hash;           // SHA-256 of the body, in hexadecimal
};

/// Where a signature holds: "us-east-1", "s3".
struct Scope {
  std::string region, service;
};

/// RFC 3986, as the services want it: every byte but A-Z a-z 0-9 - . _ ~ as %XX.
enum class Slash { kEncode, kKeep };
std::string uri_encode(std::string_view text, Slash slash);
/// "a=1&b=": encoded, by name and then by value. Also what is sent behind the "?".
std::string canonical_query(const std::vector<Parameter>& query);
std::string canonical_request(const Unsigned& request);

/// "20150830T123600Z"
std::string amz_date(WallTime time);

/// The header's value. `date`: amz_date(), which `request` has as x-amz-date.
std::string authorization(const Credentials& credentials, const Scope& scope, std::string_view date,
                          const Unsigned& request);

}  // namespace stele::s3
