// What a server counts, for /metrics.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>

namespace stele::http {

/// A snapshot; all but connections_open only ever grow.
struct Counts {
  uint64_t connections_open = 0;
  uint64_t connections = 0;           // taken
  uint64_t connections_refused = 0;   // no place left, in all or for the peer
  uint64_t handshakes_failed = 0;     // not TLS 1.3, or a client certificate that does not hold
  uint64_t timeouts = 0;              // too slow with a handshake, a header, a body or in reading
  uint64_t refused_header_bytes = 0;  // 431
  uint64_t refused_body_bytes = 0;    // 413
  uint64_t refused_memory = 0;        // 503: no memory for bodies left
  uint64_t refused_framing = 0;       // 400, 411, 417, 505
  uint64_t bytes_in = 0, bytes_out = 0;  // heads and bodies, without TLS
  std::map<int, uint64_t> requests_by_status;
};

struct Counters {
  using Counter = std::atomic<uint64_t>;
  Counter connections{0}, connections_refused{0}, handshakes_failed{0}, timeouts{0};
  Counter refused_header_bytes{0}, refused_body_bytes{0}, refused_memory{0}, refused_framing{0};
  Counter bytes_in{0}, bytes_out{0};
  std::array<Counter, 600> statuses{};

  void answered(int status) {
    if (status >= 0 && status < static_cast<int>(statuses.size())) {
      ++statuses[static_cast<size_t>(status)];
    }
  }
  Counts snapshot(uint64_t connections_open) const {
    Counts out{connections_open,   connections,    connections_refused,
               handshakes_failed,  timeouts,       refused_header_bytes,
               refused_body_bytes, refused_memory, refused_framing,
               bytes_in,           bytes_out,      {}};
    for (size_t i = 0; i < statuses.size(); ++i) {
      if (const uint64_t count = statuses[i]) out.requests_by_status[static_cast<int>(i)] = count;
    }
    return out;
  }
};

}  // namespace stele::http
