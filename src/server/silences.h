// Silences: what the server's own stream says of a host that nothing is heard of: its open streams
// are cut, until they go on or it is heard again (docs/formats/server-stream.md, "In clear").
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/own_stream.h"
#include "server/stream_index.h"

namespace stele::server {

/// Any thread. An error: it can not be said now; what of it was said does no harm twice.
class Silences {
 public:
  /// Whose key it is: a host's name.
  using HostOf = std::function<std::string(const segment::HostKeyId&)>;

  Silences(StreamIndex& streams, OwnStream& own, HostOf host_of)
      : streams_(streams), own_(own), host_of_(std::move(host_of)) {}

  Status fell(const std::string& host, WallTime since);
  Status is_over(const std::string& host, WallTime since);
  /// Since this server started. Says something only where the one before took its streams for cut.
  Status is_heard_first(const std::string& host);

 private:
  std::vector<StreamFacts> open_streams_of(const std::string& host) const;
  Status withdraw(const std::vector<StreamFacts>& open, const std::string& what);

  StreamIndex& streams_;
  OwnStream& own_;
  const HostOf host_of_;
};

}  // namespace stele::server
