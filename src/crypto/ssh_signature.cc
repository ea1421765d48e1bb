#include "crypto/ssh_signature.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <memory>

#include "crypto/ed25519.h"
#include "crypto/evp.h"
#include "crypto/x509_handles.h"

namespace stele::crypto {
namespace {

struct Free {
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* parameters) const { OSSL_PARAM_free(parameters); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Number = std::unique_ptr<BIGNUM, Free>;

constexpr int kRsaBitsMin = 2048, kRsaBitsMax = 16'384;

tl::unexpected<Error> not_a_key() { return fail(Code::kCorrupt, "not an SSH public key"); }

/// RFC 4251's mpint, never negative; null: not in its one spelling.
Number take_number(ByteReader& in) {
  ByteSpan bytes = take_ssh_string(in);
  if (!in.ok() || bytes.empty() || (bytes[0] & 0x80) != 0) return nullptr;
  if (bytes[0] == 0 && (bytes.size() == 1 || (bytes[1] & 0x80) == 0)) return nullptr;
  return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

EvpKey from_parameters(const char* type, OSSL_PARAM_BLD* builder) {
  const std::unique_ptr<OSSL_PARAM, Free> parameters(OSSL_PARAM_BLD_to_param(builder));
  const std::unique_ptr<EVP_PKEY_CTX, Free> context(
      EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
    return nullptr;
  return EvpKey(key);
}

struct CurveKind {
  std::string_view ssh, openssl, digest;
  size_t point_bytes;  // uncompressed
};
constexpr CurveKind kCurves[] = {{"nistp256", "prime256v1", "SHA256", 65},
                                 {"nistp384", "secp384r1", "SHA384", 97},
                                 {"nistp521", "secp521r1", "SHA512", 133}};

struct Signer {
  std::string type;
  EvpKey key;
  const CurveKind* curve = nullptr;  // of ECDSA
};

Result<EvpKey> load_point(const CurveKind& curve, ByteSpan point) {
  const std::unique_ptr<OSSL_PARAM_BLD, Free> builder(OSSL_PARAM_BLD_new());
  if (point.size() != curve.point_bytes || point[0] != 4 || !builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                      curve.openssl.data(), curve.openssl.size()) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1)
    return not_a_key();
  EvpKey key = from_parameters("EC", builder.get());
  if (!key) return not_a_key();
  return key;
}

Result<EvpKey> load_rsa(ByteReader& in) {
  const Number e = take_number(in), n = take_number(in);
  if (!e || !n || !in.done()) return not_a_key();
  if (BN_num_bits(n.get()) < kRsaBitsMin || BN_num_bits(n.get()) > kRsaBitsMax ||
      BN_num_bits(e.get()) > 64)
    return fail(Code::kUnsupported, "an RSA key of this size");
  const std::unique_ptr<OSSL_PARAM_BLD, Free> builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return not_a_key();
  EvpKey key = from_parameters("RSA", builder.get());
  if (!key) return not_a_key();
  return key;
}

Result<Signer> load_signer(ByteSpan blob) {
  if (blob.size() > kSshBlobBytesMax) return fail(Code::kLimit, "an SSH key");
  ByteReader in(blob);
  Signer signer{std::string(as_text(take_ssh_string(in))), nullptr};
  if (signer.type == "ssh-rsa") {
    TRY(signer.key, load_rsa(in));
    return signer;
  }
  if (signer.type == "ssh-ed25519") {
    const ByteSpan bytes = take_ssh_string(in);
    if (!in.done() || bytes.size() != 32) return not_a_key();
    RawPublicKey raw;
    std::copy(bytes.begin(), bytes.end(), raw.begin());
    signer.key = load_public_key(Curve::kEd25519, raw);
    return signer;
  }
  for (const CurveKind& curve : kCurves) {
    if (signer.type != "ecdsa-sha2-" + std::string(curve.ssh)) continue;
    const ByteSpan name = take_ssh_string(in), point = take_ssh_string(in);
    if (!in.done() || as_text(name) != curve.ssh) return not_a_key();
    TRY(signer.key, load_point(curve, point));
    signer.curve = &curve;
    return signer;
  }
  if (!ssh_key_fields(signer.type)) return not_a_key();
  return fail(Code::kUnsupported, "signatures by keys of this type");
}

/// RFC 5656 §3.1.2's two numbers, as the DER that OpenSSL takes; empty: not two numbers.
Bytes der_of(ByteSpan blob) {
  ByteReader in(blob);
  Number r = take_number(in), s = take_number(in);
  const std::unique_ptr<ECDSA_SIG, Free> signature(ECDSA_SIG_new());
  if (!r || !s || !in.done() || !signature ||
      ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1)
    return {};
  (void)r.release();  // the signature's own now
  (void)s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return {};
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

/// The digest that a signature of this type is made with; null: not of this key's kind.
const char* digest_of(const Signer& signer, std::string_view type) {
  if (signer.curve != nullptr) return type == signer.type ? signer.curve->digest.data() : nullptr;
  if (type == "rsa-sha2-256") return "SHA256";
  return type == "rsa-sha2-512" ? "SHA512" : nullptr;
}

}  // namespace

Status check_ssh_signer(ByteSpan key_blob) {
  const QuietScope quiet;
  TRY(const Signer signer, load_signer(key_blob));
  return {};
}

Status verify_ssh(ByteSpan key_blob, ByteSpan message, ByteSpan signature) {
  const QuietScope quiet;
  TRY(const Signer signer, load_signer(key_blob));
  const auto bad = fail(Code::kUnauthentic, "an SSH signature that does not hold");
  ByteReader in(signature);
  const std::string type(as_text(take_ssh_string(in)));
  const ByteSpan inner = take_ssh_string(in);
  if (!in.done()) return bad;
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  if (signer.type == "ssh-ed25519") {
    if (type != signer.type || inner.size() != kSignatureBytes) return bad;
    return verify({public_half(signer.key)}, message, inner) ? Status() : bad;
  }
  if (signer.type == "ssh-rsa" && type == "ssh-rsa")
    return fail(Code::kUnsupported, "an SSH signature with SHA-1");
  const char* const digest = digest_of(signer, type);
  const Bytes bytes = signer.curve != nullptr ? der_of(inner) : Bytes(inner.begin(), inner.end());
  if (digest == nullptr || bytes.empty() || !context) return bad;
  if (EVP_DigestVerifyInit_ex(context.get(), nullptr, digest, nullptr, nullptr, signer.key.get(),
                              nullptr) != 1)
    return bad;
  const bool holds = EVP_DigestVerify(context.get(), bytes.data(), bytes.size(), message.data(),
                                      message.size()) == 1;
  return holds ? Status() : bad;
}

}  // namespace stele::crypto
