// Handles of OpenSSL objects, shared by the files of this folder; no OpenSSL header needed to hold
// one.
#pragma once

#include <memory>
#include <span>

#include "crypto/secret.h"

struct evp_pkey_st;
struct evp_cipher_ctx_st;

namespace stele::crypto {

struct FreeEvp {
  void operator()(evp_pkey_st* key) const;
  void operator()(evp_cipher_ctx_st* context) const;
};
using EvpKey = std::unique_ptr<evp_pkey_st, FreeEvp>;  // OpenSSL wipes the secret half when freed
using EvpCipherContext = std::unique_ptr<evp_cipher_ctx_st, FreeEvp>;

enum class Curve { kEd25519, kX25519 };
using RawPublicKey = std::array<uint8_t, 32>;

EvpKey load_secret_key(Curve curve, std::span<const uint8_t, 32> secret);
EvpKey load_public_key(Curve curve, const RawPublicKey& bytes);
Key32 secret_half(const EvpKey& key);
RawPublicKey public_half(const EvpKey& key);

}  // namespace stele::crypto
