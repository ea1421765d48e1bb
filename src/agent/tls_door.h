// TlsDoor: the way in for sudo on other hosts. Who shows a certificate of one of the authorities in
// `clients` comes in, under its name.
#pragma once

#include <mutex>

#include "agent/config.h"
#include "agent/sudo_door.h"
#include "base/clock.h"
#include "http/tls_stream.h"

namespace stele::agent {

/// Any thread.
class TlsDoor : public SudoDoor {
 public:
  static constexpr Micros kHandshakeMax = std::chrono::seconds(10);
  /// Of those that shake hands, in all and from one address: anybody may knock.
  static constexpr size_t kKnockingMax = 128, kKnockingPerAddressMax = 16;
  /// Of those that are in, in all and with certificates of one name.
  static constexpr size_t kGuestsMax = 512, kGuestsPerNameMax = 256;

  /// kInvalid, kPermission, kNotFound and others: which of the files is wrong, and how.
  static Result<std::unique_ptr<TlsDoor>> make(SudoTls files, Clock& clock);

  /// Reads the files anew, for who comes in from now on. An error: all stays as it was.
  Status refresh();

  /// kLimit: too many are there, from that address or in all.
  Result<Enter> knock(os::StreamSocket socket) override;
  size_t connections_max() const override { return kKnockingMax + kGuestsMax; }

 private:
  struct Knocking {
    os::StreamSocket socket;
    std::string address;
    std::unique_ptr<http::Gate::Seat> seat;
    BootTime due;  // when its hands are to be shaken
  };

  TlsDoor(SudoTls files, Clock& clock) : files_(std::move(files)), clock_(clock) {}
  std::shared_ptr<const http::TlsServer> server() const;
  Status shake_hands(http::TlsStream& stream, BootTime due, const os::Wake& stop);
  /// Its seat is given back when it is in, or away.
  Result<Guest> enter(Knocking knocking, const os::Wake& stop);

  const SudoTls files_;
  Clock& clock_;
  http::Gate knocking_{
      {.connections = kKnockingMax, .connections_per_peer = kKnockingPerAddressMax}};
  http::Gate guests_{{.connections = kGuestsMax, .connections_per_peer = kGuestsPerNameMax}};
  mutable std::mutex mutex_;  // guards server_
  std::shared_ptr<const http::TlsServer> server_;
};

/// What a certificate calls its holder: by its common name, or else the first of its other names.
/// Printable; never empty.
std::string name_of(const crypto::Certificate& certificate);

}  // namespace stele::agent
