// Deterministic CBOR (RFC 8949 §4.2.1) and sequences of it (RFC 8742). One value, one spelling: the
// reader refuses every other.
#pragma once

#include <map>
#include <string_view>

#include "base/bytes.h"

namespace stele::codec {

inline constexpr int kCborDepthMax = 16;

enum class CborType : uint8_t { kUnsigned, kNegative, kBytes, kText, kArray, kMap, kTag, kOther };

/// The first bytes of an item: its type, and its number, size or count in the shortest form.
struct CborHead {
  CborHead(CborType type, uint64_t value);
  ByteSpan span() const { return {bytes.data(), size}; }

  std::array<uint8_t, 9> bytes;
  size_t size;
};

/// Appends items to a Bytes it does not own. The caller counts an array's items; a map's keys must
/// ascend bytewise by their encodings, which CborMap sees to.
class CborWriter {
 public:
  explicit CborWriter(Bytes& out) : out_(out) {}

  void unsigned_integer(uint64_t v) { head(CborType::kUnsigned, v); }
  void integer(int64_t v);
  void bytes(ByteSpan b);
  /// Must be UTF-8: a bug otherwise.
  void text(std::string_view t);
  void array(uint64_t items) { head(CborType::kArray, items); }
  void map(uint64_t pairs) { head(CborType::kMap, pairs); }
  void boolean(bool b) { out_.push_back(b ? 0xf5 : 0xf4); }
  void null() { out_.push_back(0xf6); }
  /// Items that are encoded already.
  void encoded(ByteSpan items) { out_.insert(out_.end(), items.begin(), items.end()); }

 private:
  void head(CborType type, uint64_t value) { encoded(CborHead(type, value).span()); }
  Bytes& out_;
};

/// A map whose entries may be given in any order.
class CborMap {
 public:
  /// Writes the value of a new key: exactly one item. A key given twice is a bug.
  CborWriter entry(std::string_view key);
  void write_to(CborWriter& out) const;

 private:
  std::map<Bytes, Bytes> entries_;  // encoded; the order of Bytes is the order wanted
};

/// Pulls items off the front of a span. kCorrupt: cut short, not the type asked for, not
/// well-formed, or not the one deterministic spelling; kLimit: nested more than kCborDepthMax deep,
/// or an integer() beyond 64 bits. After an error the reader is where it was.
class CborReader {
 public:
  explicit CborReader(ByteSpan in) : in_(in) {}

  Result<uint64_t> unsigned_integer() { return expect(CborType::kUnsigned, "an unsigned integer"); }
  Result<int64_t> integer();
  Result<ByteSpan> bytes() { return string(CborType::kBytes, "a byte string"); }
  /// Valid UTF-8.
  Result<std::string_view> text();
  /// The number of items that follow.
  Result<uint64_t> array() { return expect(CborType::kArray, "an array"); }
  /// The number of pairs that follow, each a key and a value. The whole map has been checked then:
  /// its keys ascend.
  Result<uint64_t> map();
  Result<bool> boolean();
  /// Passes one item of any kind, checked as strictly to its last byte, and returns its encoding.
  Result<ByteSpan> skip_item();

  bool done() const { return in_.empty(); }
  ByteSpan rest() const { return in_; }

 private:
  Result<uint64_t> expect(CborType type, const char* wanted);
  Result<ByteSpan> string(CborType type, const char* wanted);

  ByteSpan in_;
};

}  // namespace stele::codec
