// The server over HTTP (docs/formats/api.md), with this host's certificate.
#pragma once

#include <string>

#include "agent/shipping.h"
#include "http/client.h"
#include "os/file_system.h"

namespace stele::agent {

/// Makes its connection when it is first wanted, and anew when the certificate on disk is another:
/// it is renewed every few hours.
class HttpLink : public ServerLink {
 public:
  /// `directory`: what `stele enroll` keeps.
  HttpLink(os::FileSystem& files, std::string directory, std::string server, Clock& clock)
      : files_(files),
        directory_(std::move(directory)),
        server_(std::move(server)),
        clock_(clock) {}

  Result<Bytes> post_segments(ByteSpan request) override;
  Result<Bytes> fetch(const std::string& path) override;
  /// POST /v1/heartbeats.
  Result<Bytes> post_heartbeat(ByteSpan request);
  /// POST /v1/certificates.
  Result<Bytes> post_renewal(ByteSpan request);
  /// GET /v1/recipients.
  Result<Bytes> fetch_recipients();

 private:
  Result<http::Client*> client();
  Result<Bytes> ask(const http::ClientRequest& request);

  os::FileSystem& files_;
  const std::string directory_, server_;
  Clock& clock_;
  std::optional<http::Client> client_;
  Bytes certificate_;  // PEM, of client_
};

}  // namespace stele::agent
