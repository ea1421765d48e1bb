// Keys of the tests, those of testdata/vectors/tlog.txt among them.
#pragma once

#include "base/check.h"
#include "receipt/cosignature.h"
#include "receipt/note.h"

namespace stele::receipt {

inline crypto::SigningKey test_key(uint8_t fill) { return crypto::SigningKey(Bytes(32, fill)); }

inline NoteSigner test_signer(std::string name, uint8_t fill) {
  auto signer = NoteSigner::make(std::move(name), test_key(fill));
  CHECK(signer);
  return *std::move(signer);
}
inline Cosigner test_cosigner(std::string name, uint8_t fill) {
  auto cosigner = Cosigner::make(std::move(name), test_key(fill));
  CHECK(cosigner);
  return *std::move(cosigner);
}

inline NoteSigner log_signer() { return test_signer("example.com/log", 1); }
inline Cosigner witness() { return test_cosigner("witness.example/w1", 2); }
inline constexpr std::chrono::sys_seconds kCosignedAt{std::chrono::seconds(1'700'000'000)};

}  // namespace stele::receipt
