// For tests and benchmarks only: a server on loopback with an authority of its own, and clients.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "crypto/test_authority.h"
#include "http/client.h"
#include "http/server.h"

namespace stele::http {

using crypto::kTestNow;
using crypto::TestAuthority;
using crypto::TestIdentity;

inline Bytes bytes(std::string_view text) {
  const ByteSpan span = as_bytes(text);
  return {span.begin(), span.end()};
}
inline std::string text(const Bytes& bytes) { return std::string(as_text(bytes)); }

/// A body of that size in which every part differs from every other.
inline Bytes pattern(size_t size) {
  Bytes out(size);
  uint64_t state = 88172645463325252ULL;
  for (uint8_t& byte : out) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    byte = static_cast<uint8_t>(state);
  }
  return out;
}

inline TlsIdentity server_identity(TestAuthority& authority, WallTime now = kTestNow) {
  const TestIdentity made = authority.server({"127.0.0.1", "localhost"}, now);
  const std::string authority_pem = authority.certificate().to_pem();
  return {made.certificate.to_pem() + authority_pem, made.key.to_pem(), authority_pem};
}

/// Answers with what was asked: "METHOD path host body-size", or the body itself on /echo.
inline void echo(Request request, Reply reply) {
  if (request.path == "/echo") {
    reply.send({200, "application/octet-stream", std::move(request.body), {}});
    return;
  }
  const std::string host = request.peer.host().empty() ? "-" : std::string(request.peer.host());
  reply.send(text_response(200, request.method + " " + request.path + " " + host + " " +
                                    std::to_string(request.body.size())));
}

class World {
 public:
  explicit World(Handler handler = echo, ServerLimits limits = {}) {
    options.identity = server_identity(authority);
    options.limits = limits;
    options.now = [this] { return now(); };
    handler_ = std::move(handler);
  }

  Server& server() {
    if (!server_) server_ = Server::start(std::move(options), handler_).value();
    return *server_;
  }
  std::string url() { return "https://127.0.0.1:" + std::to_string(server().port()); }

  ClientOptions client_options() {
    ClientOptions out;
    out.base_url = url();
    out.authorities_pem = authority.certificate().to_pem();
    out.now = [this] { return now(); };
    return out;
  }
  ClientOptions client_options(const TestIdentity& identity) {
    ClientOptions out = client_options();
    out.certificate_pem = identity.certificate.to_pem();
    out.key_pem = identity.key.to_pem();
    return out;
  }
  Client client() { return Client::make(client_options()).value(); }
  Client client(const TestIdentity& identity) {
    return Client::make(client_options(identity)).value();
  }

  WallTime now() const { return WallTime(Micros(now_)); }
  void set_now(WallTime at) { now_ = micros(at); }

  TestAuthority authority{1};
  ServerOptions options;  // until server() is first called

 private:
  std::atomic<int64_t> now_{micros(kTestNow)};
  Handler handler_;
  std::unique_ptr<Server> server_;
};

inline ClientRequest get(std::string target) {
  ClientRequest request;
  request.target = std::move(target);
  request.is_idempotent = true;
  return request;
}
inline ClientRequest post(std::string target, ByteSpan body) {
  ClientRequest request;
  request.method = "POST";
  request.target = std::move(target);
  request.body = body;
  request.is_idempotent = true;
  return request;
}

}  // namespace stele::http
