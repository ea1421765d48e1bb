// Hostile targets and heads: what is taken has one spelling, and what is written is one head.
#include "base/check.h"
#include "base/fuzz.h"
#include "http/framing.h"
#include "http/gate.h"

STELE_FUZZ(http_framing, input) {
  using namespace stele;
  using namespace stele::http;
  const std::string_view text = as_text(input);
  const std::string_view target = text.substr(0, text.find('\n'));

  Request request;
  if (parse_target(target, request)) {
    CHECK(request.path.starts_with('/') && request.path.find("/../") == std::string::npos &&
          request.path.find("//") == std::string::npos && !request.path.ends_with("/.."));
    for (char c : request.path) CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
    CHECK(request.query.size() <= kQueryMax);
  }
  request.method = "POST";
  request.headers = {{"host", "h"}, {"content-length", std::string(text.substr(target.size()))}};
  if (const auto framing = check_head("/", 11, request))
    CHECK(framing->content_length <= INT64_MAX);

  const Response response{200, std::string(target), Bytes(), {{"X-Y", std::string(text)}}};
  if (const auto head = encode_head(response, "OK", 0, true, {})) {
    CHECK(head->find("\r\n\r\n") == head->size() - 4);
  }
  CHECK(peer_of_address(text).size() <= text.size() + 12);
}
