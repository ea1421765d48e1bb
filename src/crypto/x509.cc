#include "crypto/x509.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>

#include "base/check.h"
#include "crypto/sha256.h"
#include "crypto/x509_handles.h"

namespace stele::crypto {
namespace {

/// For keys that would be asked for on the terminal: there is none.
int no_passphrase(char*, int, int, void*) { return -1; }

Bytes bytes_of(BIO* bio) {
  const uint8_t* data = nullptr;
  const long size = BIO_get_mem_data(bio, const_cast<uint8_t**>(&data));
  return {data, data + size};
}

}  // namespace

void FreeX509::operator()(x509_st* certificate) const { X509_free(certificate); }
void FreeX509::operator()(X509_req_st* request) const { X509_REQ_free(request); }
void FreeX509::operator()(bio_st* bio) const { BIO_free_all(bio); }

QuietScope::QuietScope() { ERR_set_mark(); }
QuietScope::~QuietScope() { ERR_pop_to_mark(); }

BioHandle memory_bio() {
  BioHandle bio(BIO_new(BIO_s_secmem()));
  CHECK(bio != nullptr);
  return bio;
}

BioHandle memory_bio(ByteSpan bytes) {
  BioHandle bio(BIO_new_mem_buf(bytes.empty() ? "" : static_cast<const void*>(bytes.data()),
                                static_cast<int>(bytes.size())));
  CHECK(bio != nullptr);
  return bio;
}

X509Handle load_certificate(ByteSpan der) {
  const QuietScope quiet;
  const uint8_t* at = der.data();
  X509Handle loaded(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (!loaded || at != der.data() + der.size()) return nullptr;
  // OpenSSL reads looser encodings than DER; one certificate must not have two fingerprints.
  uint8_t* again = nullptr;
  const int size = i2d_X509(loaded.get(), &again);
  const bool is_same = size >= 0 && equal(der, ByteSpan(again, static_cast<size_t>(size)));
  OPENSSL_free(again);
  return is_same ? std::move(loaded) : nullptr;
}

X509RequestHandle load_request(ByteSpan der) {
  const QuietScope quiet;
  const uint8_t* at = der.data();
  X509RequestHandle loaded(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));
  if (loaded && at != der.data() + der.size()) loaded.reset();
  return loaded;
}

Hash pin_of(const evp_pkey_st* key) {
  uint8_t* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  CHECK(size > 0);
  const Hash pin = sha256(ByteSpan(der, static_cast<size_t>(size)));
  OPENSSL_free(der);
  return pin;
}

bool is_p256(const evp_pkey_st* key) {
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return false;
  char group[32] = {};
  size_t size = 0;
  return EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1 &&
         std::string_view(group, size) == SN_X9_62_prime256v1;
}

TlsKey TlsKey::generate() {
  EvpKey key(EVP_EC_gen(SN_X9_62_prime256v1));
  CHECK(key != nullptr);
  return TlsKey(std::move(key));
}

Result<TlsKey> TlsKey::parse_pem(ByteSpan pem) {
  if (pem.size() > kX509BytesMax) return fail(Code::kLimit, "private key: over 16 KiB");
  const QuietScope quiet;
  const BioHandle bio = memory_bio(pem);
  EvpKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) return fail(Code::kInvalid, "private key: not an unencrypted PEM key");
  if (!is_p256(key.get())) return fail(Code::kUnsupported, "private key: not ECDSA P-256");
  return TlsKey(std::move(key));
}

SecretBytes TlsKey::to_pem() const {
  const BioHandle bio = memory_bio();
  CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr,
                                      nullptr) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return SecretBytes(as_bytes(std::string_view(data, static_cast<size_t>(size))));
}

Hash TlsKey::pin() const { return pin_of(key_.get()); }

bool is_certificate_host(std::string_view name) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= 63 && is_alphanumeric(name.front()) &&
         is_alphanumeric(name.back()) && std::all_of(name.begin(), name.end(), [&](char c) {
           return is_alphanumeric(c) || c == '-' || c == '.';
         });
}

Hash Certificate::fingerprint() const { return sha256(der); }

std::string Certificate::to_pem() const {
  const BioHandle bio = memory_bio();
  CHECK(PEM_write_bio(bio.get(), PEM_STRING_X509, "", der.data(), static_cast<long>(der.size())) >
        0);
  return std::string(as_text(bytes_of(bio.get())));
}

}  // namespace stele::crypto
