// Byte strings, and bounded readers and writers of big-endian records.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace stele {

using Bytes = std::vector<uint8_t>;
using ByteSpan = std::span<const uint8_t>;
using MutableByteSpan = std::span<uint8_t>;
using Hash = std::array<uint8_t, 32>;  // SHA-256, everywhere

inline ByteSpan as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline bool equal(ByteSpan a, ByteSpan b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

/// Appends big-endian integers and byte runs to a Bytes it does not own.
class ByteWriter {
 public:
  explicit ByteWriter(Bytes& out) : out_(out) {}

  void u8(uint8_t v) { out_.push_back(v); }
  void u16(uint16_t v) { big_endian(v, 2); }
  void u32(uint32_t v) { big_endian(v, 4); }
  void u64(uint64_t v) { big_endian(v, 8); }
  void bytes(ByteSpan b) { out_.insert(out_.end(), b.begin(), b.end()); }

 private:
  void big_endian(uint64_t v, int size) {
    for (int i = size - 1; i >= 0; --i) out_.push_back(static_cast<uint8_t>(v >> (8 * i)));
  }
  Bytes& out_;
};

/// Reads big-endian integers and byte runs off the front of a span; every read is bounds-checked.
/// After a short read, ok() is false for good, integers read as 0 and runs as empty: check once, at
/// the end.
class ByteReader {
 public:
  explicit ByteReader(ByteSpan in) : in_(in) {}

  uint8_t u8() { return static_cast<uint8_t>(big_endian(1)); }
  uint16_t u16() { return static_cast<uint16_t>(big_endian(2)); }
  uint32_t u32() { return static_cast<uint32_t>(big_endian(4)); }
  uint64_t u64() { return big_endian(8); }
  ByteSpan bytes(size_t size) {
    if (size > in_.size()) return ok_ = false, in_ = {}, ByteSpan{};
    ByteSpan taken = in_.first(size);
    in_ = in_.subspan(size);
    return taken;
  }
  template <size_t N>
  std::array<uint8_t, N> array() {
    std::array<uint8_t, N> out{};
    if (ByteSpan taken = bytes(N); !taken.empty()) std::memcpy(out.data(), taken.data(), N);
    return out;
  }

  bool ok() const { return ok_; }
  ByteSpan rest() const { return in_; }
  bool done() const { return ok_ && in_.empty(); }

 private:
  uint64_t big_endian(size_t size) {
    uint64_t v = 0;
    for (uint8_t b : bytes(size)) v = v << 8 | b;
    return v;
  }
  ByteSpan in_;
  bool ok_ = true;
};

}  // namespace stele
