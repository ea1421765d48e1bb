#include "agent/http_link.h"

#include "wire/enrolment.h"
#include "wire/heartbeat.h"

namespace stele::agent {
namespace {

constexpr size_t kPemBytesMax = size_t{64} << 10;

}  // namespace

Result<http::Client*> HttpLink::client() {
  TRY(Bytes certificate, files_.read(directory_ + "/tls.pem", kPemBytesMax));
  if (client_ && certificate == certificate_) return &*client_;
  http::ClientOptions how;
  how.base_url = server_;
  TRY(const Bytes authorities, files_.read(directory_ + "/authority.pem", kPemBytesMax));
  how.authorities_pem = as_text(authorities);
  how.certificate_pem = as_text(certificate);
  TRY(Bytes key, files_.read(directory_ + "/tls.key", kPemBytesMax));
  how.key_pem = crypto::SecretBytes(key);
  crypto::wipe(key);
  how.user_agent = "stele-agent";
  how.now = [this] { return clock_.wall(); };
  TRY(auto made, http::Client::make(std::move(how)));
  client_.emplace(std::move(made));
  certificate_ = std::move(certificate);
  return &*client_;
}

Result<Bytes> HttpLink::ask(const http::ClientRequest& request) {
  TRY(http::Client* const to, client());
  TRY(auto response, to->request(request));
  if (response.status == 200) return std::move(response.body);
  const std::string said(as_text(response.body).substr(0, 400));
  const Code code = response.status == 404   ? Code::kNotFound
                    : response.status == 403 ? Code::kPermission
                                             : Code::kIo;
  return fail(code, server_ + request.target + ": " + std::to_string(response.status) + " " + said);
}

Result<Bytes> HttpLink::post_segments(ByteSpan request) {
  return ask({.method = "POST",
              .target = "/v1/segments",
              .content_type = std::string(wire::kSegmentsType),
              .headers = {},
              .body = request,
              .is_idempotent = true});  // a segment that is there already is accepted again
}

Result<Bytes> HttpLink::post_heartbeat(ByteSpan request) {
  return ask({.method = "POST",
              .target = "/v1/heartbeats",
              .content_type = std::string(wire::kHeartbeatType),
              .headers = {},
              .body = request,
              .is_idempotent = true});
}

Result<Bytes> HttpLink::post_renewal(ByteSpan request) {
  return ask({.method = "POST",
              .target = "/v1/certificates",
              .content_type = std::string(wire::kRenewalType),
              .headers = {},
              .body = request,
              .is_idempotent = true});  // the last one that arrives is kept
}

Result<Bytes> HttpLink::fetch_recipients() {
  return ask({.method = "GET",
              .target = "/v1/recipients",
              .content_type = {},
              .headers = {},
              .body = {},
              .is_idempotent = true});
}

Result<Bytes> HttpLink::fetch(const std::string& path) {
  return ask({.method = "GET",
              .target = "/log/" + path,
              .content_type = {},
              .headers = {},
              .body = {},
              .is_idempotent = true});
}

}  // namespace stele::agent
