#include "codec/cbor.h"

#include <limits>

#include "base/check.h"
#include "codec/cbor_item.h"
#include "codec/utf8.h"

namespace stele::codec {
namespace {

constexpr uint64_t kFalse = 20, kTrue = 21;

}  // namespace

CborHead::CborHead(CborType type, uint64_t value) : bytes{}, size(1) {
  const auto major = static_cast<uint8_t>(static_cast<uint8_t>(type) << 5);
  if (value < 24) {
    bytes[0] = static_cast<uint8_t>(major | value);
    return;
  }
  const int power = value <= 0xff ? 0 : value <= 0xffff ? 1 : value <= 0xffffffff ? 2 : 3;
  bytes[0] = static_cast<uint8_t>(major | (24 + power));
  for (int shift = (8 << power) - 8; shift >= 0; shift -= 8) {
    bytes[size++] = static_cast<uint8_t>(value >> shift);
  }
}

void CborWriter::integer(int64_t v) {
  if (v >= 0) return unsigned_integer(static_cast<uint64_t>(v));
  head(CborType::kNegative, ~static_cast<uint64_t>(v));
}

void CborWriter::bytes(ByteSpan b) {
  head(CborType::kBytes, b.size());
  encoded(b);
}

void CborWriter::text(std::string_view t) {
  CHECK(is_utf8(t));
  head(CborType::kText, t.size());
  encoded(as_bytes(t));
}

CborWriter CborMap::entry(std::string_view key) {
  Bytes encoded;
  CborWriter(encoded).text(key);
  const auto [place, is_new] = entries_.try_emplace(std::move(encoded));
  CHECK(is_new);
  return CborWriter(place->second);
}

void CborMap::write_to(CborWriter& out) const {
  out.map(entries_.size());
  for (const auto& [key, value] : entries_) {
    out.encoded(key);
    out.encoded(value);
  }
}

Result<uint64_t> CborReader::expect(CborType type, const char* wanted) {
  ByteSpan in = in_;
  TRY(const CborItemHead head, take_cbor_head(in));
  if (!head.is(type)) return fail(Code::kCorrupt, std::string("CBOR: not ") + wanted);
  in_ = in;
  return head.value;
}

Result<ByteSpan> CborReader::string(CborType type, const char* wanted) {
  CborReader ahead = *this;
  TRY(const uint64_t size, ahead.expect(type, wanted));
  if (size > ahead.in_.size())
    return fail(Code::kCorrupt, "CBOR: a string is longer than what is there");
  const ByteSpan content = ahead.in_.first(size);
  in_ = ahead.in_.subspan(size);
  return content;
}

Result<std::string_view> CborReader::text() {
  CborReader ahead = *this;
  TRY(const ByteSpan content, ahead.string(CborType::kText, "text"));
  if (!is_utf8(as_text(content))) return fail(Code::kCorrupt, "CBOR: text is not UTF-8");
  *this = ahead;
  return as_text(content);
}

Result<int64_t> CborReader::integer() {
  ByteSpan in = in_;
  TRY(const CborItemHead head, take_cbor_head(in));
  if (!head.is(CborType::kUnsigned) && !head.is(CborType::kNegative)) {
    return fail(Code::kCorrupt, "CBOR: not an integer");
  }
  if (head.value > uint64_t{std::numeric_limits<int64_t>::max()}) {
    return fail(Code::kLimit, "CBOR: an integer beyond 64 bits");
  }
  in_ = in;
  const auto value = static_cast<int64_t>(head.value);
  return head.is(CborType::kUnsigned) ? value : ~value;
}

Result<uint64_t> CborReader::map() {
  CborReader ahead = *this;
  TRY_VOID(ahead.skip_item());
  return expect(CborType::kMap, "a map");
}

Result<bool> CborReader::boolean() {
  ByteSpan in = in_;
  TRY(const CborItemHead head, take_cbor_head(in));
  const bool is_boolean = head.is(CborType::kOther) && (head.info == kFalse || head.info == kTrue);
  if (!is_boolean) return fail(Code::kCorrupt, "CBOR: not a boolean");
  in_ = in;
  return head.info == kTrue;
}

Result<ByteSpan> CborReader::skip_item() {
  ByteSpan in = in_;
  TRY_VOID(take_cbor_item(in));
  const ByteSpan item = in_.first(in_.size() - in.size());
  in_ = in;
  return item;
}

}  // namespace stele::codec
