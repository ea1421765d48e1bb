// Whether a chain of certificates leads to an authority that is trusted.
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "crypto/x509_handles.h"

namespace stele::crypto {
namespace {

struct FreeVerifying {
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};

}  // namespace

Status verify_chain(std::span<const Certificate> presented,
                    std::span<const Certificate> authorities, Purpose purpose, WallTime at) {
  const QuietScope quiet;
  if (presented.empty()) return fail(Code::kUnauthentic, "certificate: none presented");
  if (presented.size() > kX509ChainMax) return fail(Code::kLimit, "certificate chain: over 8");
  const X509Handle leaf = load_certificate(presented.front().der);
  const std::unique_ptr<STACK_OF(X509), FreeVerifying> between(sk_X509_new_null());
  const std::unique_ptr<X509_STORE, FreeVerifying> store(X509_STORE_new());
  const std::unique_ptr<X509_STORE_CTX, FreeVerifying> context(X509_STORE_CTX_new());
  CHECK(leaf && between && store && context);
  for (const Certificate& one : presented.subspan(1)) {
    X509Handle loaded = load_certificate(one.der);
    CHECK(loaded && sk_X509_push(between.get(), loaded.release()) > 0);
  }
  for (const Certificate& one : authorities) {
    const X509Handle loaded = load_certificate(one.der);
    CHECK(loaded && X509_STORE_add_cert(store.get(), loaded.get()) == 1);
  }
  CHECK(X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), between.get()) == 1);

  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(
      rules, std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count());
  X509_VERIFY_PARAM_set_depth(rules, static_cast<int>(kX509ChainMax));
  X509_VERIFY_PARAM_set_auth_level(rules, 2);  // 112 bits: no SHA-1, no RSA below 2048
  CHECK(X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN) == 1);
  CHECK(X509_VERIFY_PARAM_set_purpose(rules, purpose == Purpose::kClient
                                                 ? X509_PURPOSE_SSL_CLIENT
                                                 : X509_PURPOSE_SSL_SERVER) == 1);
  const bool holds = X509_verify_cert(context.get()) == 1;
  const int why = X509_STORE_CTX_get_error(context.get());
  if (holds) return {};
  return fail(Code::kUnauthentic,
              std::string("certificate: ") + X509_verify_cert_error_string(why));
}

}  // namespace stele::crypto
