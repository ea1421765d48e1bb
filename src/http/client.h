// An HTTP client over TLS 1.3: libcurl, whose names stay in client.cc.
//
// What became of a request that failed is told by its code:
//   never sent, or certainly not done   kInvalid, kIo, kUnauthentic (the server's certificate),
//                                       kPermission (the server refused ours)
//   perhaps done                        kOutcomeUnknown: ask, never retry blindly
//   done, and its answer thrown away    kLimit: larger than allowed
// A response of any status is a value, not an error.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "http/message.h"

namespace stele::http {

struct ClientOptions {
  std::string base_url;  // "https://host[:port]", nothing behind it
  /// "http://…" too: whoever is on the way reads what passes, and changes it.
  bool is_plain_allowed = false;
  bool is_tls_1_2_allowed = false;  // for services of others; 1.3 is wanted of ours
  /// Whom the server's certificate must lead to: these, or an authority that it shows and whose
  /// SubjectPublicKeyInfo has this SHA-256. Neither: the machine's authorities, by its clock.
  std::string authorities_pem;
  std::optional<Hash> authority_pin;
  std::string certificate_pem;  // ours; empty: none is shown
  crypto::SecretBytes key_pem;
  std::string proxy;  // empty: none, whatever the environment says
  std::string user_agent = "stele";
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds timeout{60'000};  // of a whole request
  size_t response_bytes = size_t{64} << 20;
  size_t header_bytes = 64 << 10;
  std::function<WallTime()> now;  // for certificates; wanted with authorities or a pin
};

struct ClientRequest {
  std::string method = "GET";
  std::string target;  // "/path?query", encoded
  std::string content_type;
  std::vector<Header> headers;
  ByteSpan body{};
  /// It does no harm twice. Else it goes on a fresh connection: on one that was kept, and that the
  /// server closed meanwhile, libcurl would quietly send it once more.
  bool is_idempotent = false;
  std::optional<std::chrono::milliseconds> timeout{};  // in place of the options'
};

struct ClientResponse {
  int status = 0;
  std::vector<Header> headers;  // names in lower case
  Bytes body;

  const std::string* header(std::string_view name) const { return find_header(headers, name); }
};

/// Keeps its connection between requests; follows no redirect. One thread at a time; one for each
/// thread.
class Client {
 public:
  /// kInvalid, kCorrupt: what is wrong with the options.
  static Result<Client> make(ClientOptions options);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  Result<ClientResponse> request(const ClientRequest& request);

 private:
  struct Parts;
  explicit Client(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace stele::http
