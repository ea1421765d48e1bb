#include "http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/check.h"

namespace stele::http {
namespace {

struct FreeHandle {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using X509Handle = std::unique_ptr<X509, FreeHandle>;

X509Handle load(const crypto::Certificate& certificate) {
  const uint8_t* at = certificate.der.data();
  X509Handle loaded(d2i_X509(nullptr, &at, static_cast<long>(certificate.der.size())));
  CHECK(loaded != nullptr);  // it was parsed before
  return loaded;
}

Result<crypto::Certificate> parse(const X509* certificate) {
  uint8_t* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) return fail(Code::kCorrupt, "certificate: cannot be encoded");
  auto parsed = crypto::parse_certificate_der(ByteSpan(der, static_cast<size_t>(size)));
  OPENSSL_free(der);
  return parsed;
}

/// The peer's own certificate, then the others it showed. Empty: not ones we read.
std::vector<crypto::Certificate> presented_in(X509_STORE_CTX* context) {
  std::vector<crypto::Certificate> out;
  X509* leaf = X509_STORE_CTX_get0_cert(context);
  STACK_OF(X509)* shown = X509_STORE_CTX_get0_untrusted(context);
  const int count = shown == nullptr ? 0 : sk_X509_num(shown);
  if (leaf == nullptr || count > static_cast<int>(crypto::kX509ChainMax)) return {};
  auto own = parse(leaf);
  if (!own) return {};
  out.push_back(*std::move(own));
  for (int i = 0; i < count; ++i) {
    auto other = parse(sk_X509_value(shown, i));
    if (!other) return {};
    if (other->der != out.front().der) out.push_back(*std::move(other));
  }
  return out;
}

int verify_peer(X509_STORE_CTX* context, void* argument) {
  const auto& verifier = *static_cast<const PeerVerifier*>(argument);
  const auto verdict = verifier.judge(presented_in(context));
  // The error also chooses the alert that the peer is sent.
  X509_STORE_CTX_set_error(context, verdict == PeerVerifier::Verdict::kGood ? X509_V_OK
                                    : verdict == PeerVerifier::Verdict::kExpired
                                        ? X509_V_ERR_CERT_HAS_EXPIRED
                                        : X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
  return verdict == PeerVerifier::Verdict::kGood ? 1 : 0;
}

int no_passphrase(char*, int, int, void*) { return -1; }

Status load_identity(SSL_CTX* context, const TlsIdentity& identity) {
  TRY(const auto chain, crypto::parse_certificates_pem(as_bytes(identity.certificate_pem)));
  CHECK(SSL_CTX_use_certificate(context, load(chain.front()).get()) == 1);
  for (size_t i = 1; i < chain.size(); ++i) {
    CHECK(SSL_CTX_add1_chain_cert(context, load(chain[i]).get()) == 1);
  }
  const ByteSpan pem = identity.key_pem.span();
  if (pem.size() > crypto::kX509BytesMax) return fail(Code::kLimit, "TLS key: over 16 KiB");
  const std::unique_ptr<BIO, FreeHandle> bio(BIO_new_mem_buf(
      pem.empty() ? "" : static_cast<const void*>(pem.data()), static_cast<int>(pem.size())));
  CHECK(bio != nullptr);
  const std::unique_ptr<EVP_PKEY, FreeHandle> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  const bool is_pair = key != nullptr && SSL_CTX_use_PrivateKey(context, key.get()) == 1 &&
                       SSL_CTX_check_private_key(context) == 1;
  ERR_clear_error();
  if (!key) return fail(Code::kInvalid, "TLS key: not an unencrypted PEM key");
  if (!is_pair) return fail(Code::kInvalid, "TLS key: not that of the certificate");
  return {};
}

}  // namespace

PeerVerifier::Verdict PeerVerifier::judge(std::span<const crypto::Certificate> presented) const {
  if (presented.empty()) return Verdict::kUntrusted;
  std::vector<crypto::Certificate> trusted = authorities;
  if (authority_pin) {
    for (const crypto::Certificate& one : presented.subspan(1)) {
      if (one.is_authority && one.pin == *authority_pin) trusted.push_back(one);
    }
  }
  const crypto::Certificate& own = presented.front();
  WallTime at = now();
  const bool is_expired = at >= own.not_after;
  if (is_expired && at < own.not_after + expired_grace) {
    at = own.not_after - std::chrono::seconds(1);
  }
  if (crypto::verify_chain(presented, trusted, purpose, at)) return Verdict::kGood;
  return is_expired ? Verdict::kExpired : Verdict::kUntrusted;
}

void use_verifier(ssl_ctx_st* context, const PeerVerifier& verifier) {
  SSL_CTX_set_cert_verify_callback(context, verify_peer, const_cast<PeerVerifier*>(&verifier));
}

TlsServer::~TlsServer() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const TlsServer>> TlsServer::make(const TlsIdentity& identity,
                                                         std::chrono::seconds expired_grace,
                                                         std::function<WallTime()> now) {
  std::shared_ptr<TlsServer> made(new TlsServer());
  made->context_ = SSL_CTX_new(TLS_server_method());
  SSL_CTX* context = made->context_;
  CHECK(context != nullptr);
  CHECK(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
  // No resumption: a resumed session skips the check of the certificate, whose time or authority
  // may have ended since.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  CHECK(SSL_CTX_set_num_tickets(context, 0) == 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  TRY_VOID(load_identity(context, identity));
  if (identity.client_authorities_pem.empty()) return made;

  TRY(made->verifier_.authorities,
      crypto::parse_certificates_pem(as_bytes(identity.client_authorities_pem)));
  made->verifier_.purpose = crypto::Purpose::kClient;
  made->verifier_.expired_grace = expired_grace;
  made->verifier_.now = std::move(now);
  for (const crypto::Certificate& authority : made->verifier_.authorities) {
    CHECK(SSL_CTX_add_client_CA(context, load(authority).get()) == 1);
  }
  // A server of HTTP demands none: health checks, readers of the log and enrolment have none.
  const int demand = identity.demands_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | demand, nullptr);
  use_verifier(context, made->verifier_);
  return made;
}

std::shared_ptr<const crypto::Certificate> peer_certificate(const ssl_st* connection) {
  const X509* shown = SSL_get0_peer_certificate(connection);
  if (shown == nullptr) return nullptr;
  auto parsed = parse(shown);
  CHECK(parsed.has_value());  // or it would not have been judged good
  return std::make_shared<const crypto::Certificate>(*std::move(parsed));
}

}  // namespace stele::http
