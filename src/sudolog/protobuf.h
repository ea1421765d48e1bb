// As much of protobuf's wire format as sudo's log protocol needs.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/bytes.h"

namespace stele::sudolog {

/// One member of a message: a varint's number, or a run of bytes. Those of fixed size are skipped.
struct Field {
  uint32_t number = 0;
  std::variant<uint64_t, ByteSpan> value;

  /// None: it is of the other kind.
  std::optional<uint64_t> varint() const;
  std::optional<ByteSpan> bytes() const;
};

class FieldReader {
 public:
  explicit FieldReader(ByteSpan message) : rest_(message) {}
  /// None: that was all, or what follows is no member: see is_whole().
  std::optional<Field> next();
  bool is_whole() const { return is_whole_; }

 private:
  std::optional<uint64_t> varint();
  std::optional<ByteSpan> run(uint64_t size);

  ByteSpan rest_;
  bool is_whole_ = true;
};

/// A varint off the front of `in`; none: there is no whole one.
std::optional<uint64_t> take_varint(ByteSpan& in);

class FieldWriter {
 public:
  void varint(uint32_t number, uint64_t value);
  void bytes(uint32_t number, ByteSpan value);
  Bytes take() { return std::move(out_); }

 private:
  void raw(uint64_t value);
  Bytes out_;
};

}  // namespace stele::sudolog
