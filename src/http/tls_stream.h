// The server's side of TLS 1.3 on a connection, for protocols other than HTTP.
#pragma once

#include "http/tls.h"
#include "os/stream_socket.h"

namespace stele::http {

/// Nothing is sent or received before shake_hands() says that it is done. Destroyed after that: the
/// peer is told (close_notify), if it takes it at once. SIGPIPE has to be ignored.
class TlsStream : public os::Stream {
 public:
  TlsStream(std::shared_ptr<const TlsServer> server, os::StreamSocket socket);
  ~TlsStream() override;
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  /// Goes on with the handshake; false: not done yet, see awaited(). How long that may go on is the
  /// caller's to bound. kUnauthentic: it failed, and why; kNotFound: the peer went away.
  Result<bool> shake_hands();

  /// After an error nothing more may be sent or received.
  Result<size_t> send(ByteSpan bytes) override;
  /// is_closed: the peer said so. kNotFound: it went away without a word (a cut that anybody on the
  /// way could make); kCorrupt: it does not speak TLS any more.
  Result<os::Received> receive(MutableByteSpan out) override;
  os::Readiness awaited(bool wants_to_send) const override;
  bool has_unread() const override;

  /// The certificate that was shown and judged good; null: none, or no handshake yet.
  std::shared_ptr<const crypto::Certificate> peer() const { return peer_certificate(ssl_); }

 private:
  /// What the last step waits for, or that it never comes.
  enum class Wants { kNothing, kRead, kWrite, kFailed };
  Wants judge(int result);
  Error failure(std::string_view verb);

  const std::shared_ptr<const TlsServer> server_;
  const os::StreamSocket socket_;
  ssl_st* const ssl_;
  Wants to_receive_ = Wants::kNothing, to_send_ = Wants::kNothing;
  bool is_open_ = false;  // hands were shaken, and nothing went wrong since
  int error_ = 0;         // OpenSSL's kind of the last failure
};

}  // namespace stele::http
