#include "http/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <climits>

#include "base/check.h"

namespace stele::http {
namespace {

int bounded(size_t bytes) { return static_cast<int>(std::min<size_t>(bytes, INT_MAX)); }

}  // namespace

TlsStream::TlsStream(std::shared_ptr<const TlsServer> server, os::StreamSocket socket)
    : server_(std::move(server)), socket_(std::move(socket)), ssl_(SSL_new(server_->context())) {
  CHECK(ssl_ != nullptr && SSL_set_fd(ssl_, socket_.get()) == 1);
  SSL_set_accept_state(ssl_);
  // What could not be sent comes again from wherever it is by then, with more behind it.
  SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

TlsStream::~TlsStream() {
  ERR_clear_error();
  if (is_open_) SSL_shutdown(ssl_);
  SSL_free(ssl_);
  ERR_clear_error();
}

TlsStream::Wants TlsStream::judge(int result) {
  error_ = SSL_get_error(ssl_, result);
  if (error_ == SSL_ERROR_NONE) return Wants::kNothing;
  if (error_ == SSL_ERROR_WANT_READ) return Wants::kRead;
  if (error_ == SSL_ERROR_WANT_WRITE) return Wants::kWrite;
  if (error_ != SSL_ERROR_ZERO_RETURN) is_open_ = false;
  return Wants::kFailed;
}

/// Of the last step, which failed.
Error TlsStream::failure(std::string_view verb) {
  const unsigned long error = ERR_peek_error();
  const bool is_cut = error_ == SSL_ERROR_SYSCALL || error_ == SSL_ERROR_ZERO_RETURN ||
                      ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  ERR_clear_error();
  const std::string what = "TLS, " + std::string(verb) + ": ";
  if (is_cut) return {Code::kNotFound, what + "the peer went away without a word", 0};
  const char* const reason = ERR_reason_error_string(error);
  return {Code::kCorrupt, what + (reason == nullptr ? "failed" : reason), 0};
}

Result<bool> TlsStream::shake_hands() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  to_receive_ = judge(result);
  if (to_receive_ == Wants::kNothing) return is_open_ = true;
  if (to_receive_ != Wants::kFailed) return false;
  const long verdict = SSL_get_verify_result(ssl_);
  Error error = failure("handshake");
  if (error.code == Code::kCorrupt) error.code = Code::kUnauthentic;
  if (verdict != X509_V_OK)
    error.context += std::string(" (") + X509_verify_cert_error_string(verdict) + ")";
  return fail(std::move(error));
}

Result<size_t> TlsStream::send(ByteSpan bytes) {
  if (bytes.empty()) return size_t{0};
  ERR_clear_error();
  const int result = SSL_write(ssl_, bytes.data(), bounded(bytes.size()));
  to_send_ = judge(result);
  if (to_send_ == Wants::kNothing) return static_cast<size_t>(result);
  if (to_send_ != Wants::kFailed) return size_t{0};
  return fail(failure("sending"));
}

Result<os::Received> TlsStream::receive(MutableByteSpan out) {
  ERR_clear_error();
  const int result = SSL_read(ssl_, out.data(), bounded(out.size()));
  to_receive_ = judge(result);
  if (to_receive_ == Wants::kNothing) return os::Received{.bytes = static_cast<size_t>(result)};
  if (to_receive_ != Wants::kFailed) return os::Received{.is_blocked = true};
  if (error_ == SSL_ERROR_ZERO_RETURN) return os::Received{.is_closed = true};
  return fail(failure("receiving"));
}

os::Readiness TlsStream::awaited(bool wants_to_send) const {
  // Each may wait for the other's direction; who waits for one thing is not woken for another.
  const bool sends_by_reading = to_send_ == Wants::kRead;
  return {.fd = socket_.get(),
          .want_read = to_receive_ != Wants::kWrite || (wants_to_send && sends_by_reading),
          .want_write = to_receive_ == Wants::kWrite || (wants_to_send && !sends_by_reading)};
}

bool TlsStream::has_unread() const { return SSL_pending(ssl_) > 0; }

}  // namespace stele::http
