// Where clients of sudo's log protocol come in: who may, and how they are spoken with.
#pragma once

#include <functional>
#include <memory>

#include "agent/sudo_start.h"
#include "http/gate.h"
#include "os/stream_socket.h"
#include "os/wake.h"

namespace stele::agent {

class SudoDoor {
 public:
  /// Who came in.
  struct Guest {
    std::unique_ptr<os::Stream> stream;
    SudoClient client;
    std::shared_ptr<const void> place;  // given back when it goes
  };
  /// The rest of coming in, which may take its time, on a thread of this connection's own. Ends
  /// when `stop` is readable.
  using Enter = std::function<Result<Guest>(const os::Wake& stop)>;

  virtual ~SudoDoor() = default;
  /// At once. An error: who that is is turned away, and why.
  virtual Result<Enter> knock(os::StreamSocket socket) = 0;
  /// How many may be coming in, and be in, at most.
  virtual size_t connections_max() const = 0;
};

/// On loopback: only programs of root's are listened to, for any other could say of sudo what it
/// likes.
class RootsDoor : public SudoDoor {
 public:
  Result<Enter> knock(os::StreamSocket socket) override;
  size_t connections_max() const override { return 512; }
};

}  // namespace stele::agent
