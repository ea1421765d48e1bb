// What passes between a server and whoever answers its requests.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "crypto/x509.h"
#include "os/file_system.h"

namespace stele::http {

struct Header {
  std::string name;  // lower case
  std::string value;
  bool operator==(const Header&) const = default;
};

/// The first header of that (lower-case) name; null: none.
const std::string* find_header(const std::vector<Header>& headers, std::string_view name);

/// Without blanks and line ends around it.
std::string_view trimmed(std::string_view text);

/// Who asks.
struct Peer {
  std::string address;  // IP, as text
  /// The client certificate that led to one of our authorities; null: none was shown.
  std::shared_ptr<const crypto::Certificate> certificate;
  /// It has run out, though by no more than ServerOptions::expired_grace.
  bool is_expired = false;

  /// The host's name in the certificate; empty: unknown.
  std::string_view host() const { return certificate ? certificate->host : std::string_view(); }
};

struct Request {
  std::string method;  // capital letters
  std::string path;    // percent-decoded: "/…", no "." or ".." or empty segment but a last one
  std::map<std::string, std::string, std::less<>> query;  // percent-decoded; each key once
  std::vector<Header> headers;
  Bytes body;
  Peer peer;

  const std::string* header(std::string_view name) const { return find_header(headers, name); }
};

/// A body that is read while it is sent, on the I/O thread: a file, not a computation.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual uint64_t size() const = 0;
  /// Up to out.size() bytes at `offset`, at least one before the end.
  virtual Result<size_t> read_at(uint64_t offset, MutableByteSpan out) = 0;
};
/// `size` bytes of the file from `offset` on.
std::unique_ptr<BodySource> file_body(std::unique_ptr<os::File> file, uint64_t offset,
                                      uint64_t size);

using Body = std::variant<Bytes, std::shared_ptr<const Bytes>, std::unique_ptr<BodySource>>;

/// Content-Length, Connection and Date are the server's to write. A header with a control
/// character in it is answered as 500 in its place.
struct Response {
  int status = 200;
  std::string content_type;  // empty: none
  Body body;
  std::vector<Header> headers;
};

Response text_response(int status, std::string_view text);

}  // namespace stele::http
