// SHA-256 (FIPS 180-4).
#pragma once

#include <array>
#include <initializer_list>

#include "base/bytes.h"

namespace stele::crypto {

Hash sha256(ByteSpan bytes);
/// Of the parts one after the other, as if they were one run.
Hash sha256(std::initializer_list<ByteSpan> parts);

/// A hash that grows. Copyable: a copy goes its own way.
class Sha256 {
 public:
  Sha256();
  void update(ByteSpan bytes);
  /// Of all bytes so far; updating may go on.
  Hash finish() const;

 private:
  // An OpenSSL SHA256_CTX, whose header stays out of this one (sha256.cc checks the size).
  alignas(8) std::array<unsigned char, 112> state_;
};

}  // namespace stele::crypto
