// What a server's answers are made of.
#pragma once

#include <string>
#include <string_view>

#include "http/server.h"

namespace stele::server {

inline http::Response bytes_response(std::string_view type, Bytes body) {
  return {200, std::string(type), std::move(body), {}};
}

/// The status that tells a client what to do: 4xx never again like this, 5xx later.
inline http::Response error_response(const Error& error) {
  switch (error.code) {
    case Code::kInvalid:
    case Code::kCorrupt:
    case Code::kUnsupported:
      return http::text_response(400, error.message());
    case Code::kUnauthentic:
      return http::text_response(403, error.message());
    case Code::kLimit:
      return http::text_response(413, error.message());
    default:
      return http::text_response(503, "not now; try again");  // what failed here is nobody else's
  }
}

inline bool is_type(const http::Request& request, std::string_view type) {
  const std::string* given = request.header("content-type");
  return given != nullptr && *given == type;
}

inline Error no_host() {
  return {Code::kUnauthentic, "only an enrolled host's certificate opens this", 0};
}

}  // namespace stele::server
