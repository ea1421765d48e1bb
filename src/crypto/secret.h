// Secrets in memory: owned by one place, wiped when it lets go, never copied or printed by
// accident.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.h"

namespace stele::crypto {

/// Overwrites with zeros in a way no optimizer removes.
void wipe(MutableByteSpan secret);

/// Compares in a time that depends on the sizes alone. Different sizes are not equal.
bool constant_time_equal(ByteSpan a, ByteSpan b);

/// A secret of a size known when the program is written. Move-only; the source of a move is wiped.
template <size_t N>
class SecretArray {
 public:
  SecretArray() = default;
  explicit SecretArray(std::span<const uint8_t, N> bytes) { take(bytes); }
  ~SecretArray() { wipe(bytes_); }
  SecretArray(SecretArray&& other) noexcept { swallow(other); }
  SecretArray& operator=(SecretArray&& other) noexcept {
    if (this != &other) swallow(other);
    return *this;
  }
  SecretArray copy() const { return SecretArray(span()); }

  std::span<const uint8_t, N> span() const { return bytes_; }
  std::span<uint8_t, N> writable() { return bytes_; }

 private:
  void take(std::span<const uint8_t, N> bytes) { std::memcpy(bytes_.data(), bytes.data(), N); }
  void swallow(SecretArray& other) {
    take(other.bytes_);
    wipe(other.bytes_);
  }

  std::array<uint8_t, N> bytes_{};
};

/// A 256-bit key.
using Key32 = SecretArray<32>;

/// A secret of any size, on the heap. Move-only; a moved-from one is empty.
class SecretBytes {
 public:
  SecretBytes() = default;
  /// `size` zero bytes, to be written through writable().
  explicit SecretBytes(size_t size);
  /// A copy; wiping the original is the caller's part.
  explicit SecretBytes(ByteSpan bytes);
  ~SecretBytes() { wipe(writable()); }
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes copy() const { return SecretBytes(span()); }

  ByteSpan span() const { return {bytes_.get(), size_}; }
  MutableByteSpan writable() { return {bytes_.get(), size_}; }
  size_t size() const { return size_; }

 private:
  std::unique_ptr<uint8_t[]> bytes_;
  size_t size_ = 0;
};

}  // namespace stele::crypto
