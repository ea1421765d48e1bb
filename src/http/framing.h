// The rules a request's head must keep before anything is done for it (RFC 9110, RFC 9112): one
// spelling of a path, one way to say how long the body is.
#pragma once

#include <chrono>
#include <optional>

#include "http/message.h"

namespace stele::http {

/// Why a request is not taken.
struct Refusal {
  int status;
  std::string_view text;  // for a person, one line
  bool operator==(const Refusal&) const = default;
};

/// What a head says of its connection.
struct Framing {
  uint64_t content_length = 0;
  bool expects_continue = false;
  bool keep_alive = true;
};

inline constexpr size_t kHeadersMax = 100;
inline constexpr size_t kQueryMax = 64;

/// Of a head whose method and headers are in `request`; sets its path and query. `version` is 11
/// for HTTP/1.1.
tl::expected<Framing, Refusal> check_head(std::string_view target, unsigned version,
                                          Request& request);

/// Sets path and query from an origin-form target. False: not one, or one with a second spelling
/// (dot segments, an encoded slash, a key twice).
bool parse_target(std::string_view target, Request& request);

/// "HTTP/1.1 200 OK" and the header fields up to and including the empty line. nullopt: a field
/// that would not be one line.
std::optional<std::string> encode_head(const Response& response, std::string_view reason,
                                       uint64_t body_size, bool keep_alive,
                                       std::chrono::sys_seconds date);

/// RFC 9110 §5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(std::chrono::sys_seconds at);

}  // namespace stele::http
