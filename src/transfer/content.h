// What passes of one file's content in one direction.
#pragma once

#include <string>

#include "crypto/sha256.h"
#include "event/event.h"

namespace stele::transfer {

/// What stands for some bytes of it: the hash of these and of those right in front of them.
struct Digest {
  uint64_t bytes = 0, before = 0;
  Hash hash{};
};

/// Whether it passes whole and in order is found out as it passes; only then has it a digest.
class Content {
 public:
  /// Bytes that belong at `offset` of the file. Each is hashed once: with all before them, as far
  /// as the file has a digest.
  Digest pass(uint64_t offset, ByteSpan bytes);
  uint64_t next() const { return next_; }  // where the bytes end that came in order
  uint64_t bytes() const { return bytes_; }
  /// Nothing is missing at its end, or is again.
  void set_whole(bool whole) { is_whole_ = whole; }
  /// Why there can be no digest; the first reason stays.
  void spoil(const std::string& why);
  /// Puts size, and digest or reason, into what is said of it.
  void tell(event::Transfer& transfer) const;

 private:
  crypto::Sha256 hash_;
  uint64_t next_ = 0, bytes_ = 0;
  bool is_whole_ = false;
  std::string flaw_;
};

}  // namespace stele::transfer
