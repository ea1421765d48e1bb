// Owned OpenSSL objects of X.509, for the files x509*.cc alone.
#pragma once

#include <memory>
#include <span>

#include "base/clock.h"
#include "base/random.h"
#include "crypto/x509.h"

struct x509_st;
struct X509_req_st;
struct bio_st;

namespace stele::crypto {

struct FreeX509 {
  void operator()(x509_st* certificate) const;
  void operator()(X509_req_st* request) const;
  void operator()(bio_st* bio) const;
};
using X509Handle = std::unique_ptr<x509_st, FreeX509>;
using X509RequestHandle = std::unique_ptr<X509_req_st, FreeX509>;
using BioHandle = std::unique_ptr<bio_st, FreeX509>;

/// While one lives, what fails leaves nothing on the thread's queue of OpenSSL errors, and takes
/// nothing of others from it.
class QuietScope {
 public:
  QuietScope();
  ~QuietScope();
  QuietScope(const QuietScope&) = delete;
  QuietScope& operator=(const QuietScope&) = delete;
};

inline constexpr std::string_view kHostUriPrefix = "stele:host:";

/// DER of exactly one certificate; null: not that.
X509Handle load_certificate(ByteSpan der);
/// DER of exactly one request; null: not that.
X509RequestHandle load_request(ByteSpan der);
BioHandle memory_bio();
BioHandle memory_bio(ByteSpan bytes);
/// SHA-256 of the key's SubjectPublicKeyInfo.
Hash pin_of(const evp_pkey_st* key);
bool is_p256(const evp_pkey_st* key);

}  // namespace stele::crypto
