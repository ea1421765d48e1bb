#include "codec/cbor_item.h"

#include <algorithm>
#include <bit>

#include "codec/utf8.h"

namespace stele::codec {
namespace {

constexpr uint8_t kOneByte = 24, kTwoBytes = 25, kFourBytes = 26, kEightBytes = 27;

// The fields of a binary float: how many bits of fraction, and of exponent.
struct FloatShape {
  int fraction_bits, exponent_bits;
};
constexpr FloatShape kHalf{10, 5}, kSingle{23, 8}, kDouble{52, 11};

// Can a float of one shape be written in the next smaller one? Bit by bit, so that NaNs keep their
// payload.
bool fits(uint64_t bits, FloatShape from, FloatShape to) {
  const uint64_t fraction = bits & ((uint64_t{1} << from.fraction_bits) - 1);
  const int exponent_max = (1 << from.exponent_bits) - 1;
  const int exponent = static_cast<int>(bits >> from.fraction_bits) & exponent_max;
  const int spare = from.fraction_bits - to.fraction_bits;
  const int zeros = fraction == 0 ? 64 : std::countr_zero(fraction);
  if (exponent == exponent_max) return zeros >= spare;  // infinities and NaNs
  if (exponent == 0) return fraction == 0;  // zeros; what is subnormal here is too small there
  const int bias = exponent_max >> 1, bias_to = (1 << (to.exponent_bits - 1)) - 1;
  const int power = exponent - bias;
  if (power > bias_to) return false;
  if (power > -bias_to) return zeros >= spare;
  // Subnormal there: one bit less for each power, and the leading one now takes one as well.
  const int lost = spare + (1 - bias_to - power);
  return lost <= from.fraction_bits && zeros >= lost;
}

Status corrupt(const char* what) { return fail(Code::kCorrupt, std::string("CBOR: ") + what); }

bool is_bignum_tag(uint64_t tag) { return tag == 2 || tag == 3; }

// RFC 8949 §3.4.3: preferred is the integer, where one can hold it, and no leading zeros.
bool is_needed_bignum(ByteSpan encoded) {
  CborReader content(encoded);
  const auto digits = content.bytes();
  return digits && digits->size() > sizeof(uint64_t) && (*digits)[0] != 0;
}

Status take(ByteSpan& in, int depth);

Status take_string(ByteSpan& in, const CborItemHead& head) {
  if (head.value > in.size()) return corrupt("a string is longer than what is there");
  const ByteSpan content = in.first(head.value);
  if (head.is(CborType::kText) && !is_utf8(as_text(content))) return corrupt("text is not UTF-8");
  in = in.subspan(head.value);
  return {};
}

// A count may say anything: the bytes end first.
Status take_array(ByteSpan& in, uint64_t items, int depth) {
  for (uint64_t i = 0; i < items; ++i) TRY_VOID(take(in, depth));
  return {};
}

Status take_map(ByteSpan& in, uint64_t pairs, int depth) {
  ByteSpan last;
  for (uint64_t i = 0; i < pairs; ++i) {
    const ByteSpan from = in;
    TRY_VOID(take(in, depth));
    const ByteSpan key = from.first(from.size() - in.size());
    if (i > 0 && equal(last, key)) return corrupt("a map has a key twice");
    if (!std::lexicographical_compare(last.begin(), last.end(), key.begin(), key.end())) {
      return corrupt("the keys of a map are out of order");
    }
    last = key;
    TRY_VOID(take(in, depth));
  }
  return {};
}

Status take_tag(ByteSpan& in, uint64_t tag, int depth) {
  const ByteSpan from = in;
  TRY_VOID(take(in, depth));
  const ByteSpan content = from.first(from.size() - in.size());
  if (is_bignum_tag(tag) && !is_needed_bignum(content))
    return corrupt("a bignum that need not be one");
  return {};
}

Status check_other(const CborItemHead& head) {
  if (head.info == kOneByte && head.value < 32) return corrupt("a simple value in a reserved form");
  if (head.info > kOneByte && !is_shortest_float(head.info, head.value)) {
    return corrupt("a float in a longer form than needed");
  }
  return {};
}

Status take(ByteSpan& in, int depth) {
  if (depth == 0) return fail(Code::kLimit, "CBOR: nested more than 16 deep");
  TRY(const CborItemHead head, take_cbor_head(in));
  switch (head.type) {
    case CborType::kUnsigned:
    case CborType::kNegative:
      return {};
    case CborType::kBytes:
    case CborType::kText:
      return take_string(in, head);
    case CborType::kArray:
      return take_array(in, head.value, depth - 1);
    case CborType::kMap:
      return take_map(in, head.value, depth - 1);
    case CborType::kTag:
      return take_tag(in, head.value, depth - 1);
    case CborType::kOther:
      return check_other(head);
  }
  return corrupt("no such type");
}

}  // namespace

bool is_shortest_float(uint8_t info, uint64_t bits) {
  if (info == kFourBytes) return !fits(bits, kSingle, kHalf);
  if (info == kEightBytes) return !fits(bits, kDouble, kSingle);
  return true;
}

Result<CborItemHead> take_cbor_head(ByteSpan& in) {
  ByteReader reader(in);
  const uint8_t first = reader.u8();
  CborItemHead head{static_cast<CborType>(first >> 5), static_cast<uint8_t>(first & 31), 0};
  switch (head.info) {
    case kOneByte:
      head.value = reader.u8();
      break;
    case kTwoBytes:
      head.value = reader.u16();
      break;
    case kFourBytes:
      head.value = reader.u32();
      break;
    case kEightBytes:
      head.value = reader.u64();
      break;
    default:
      head.value = head.info;
  }
  if (!reader.ok()) return fail(Code::kCorrupt, "CBOR: cut short");
  if (head.info == 31) return fail(Code::kCorrupt, "CBOR: an indefinite length, or a break");
  if (head.info > kEightBytes) return fail(Code::kCorrupt, "CBOR: a reserved form");
  if (!head.is(CborType::kOther) &&
      CborHead(head.type, head.value).size != in.size() - reader.rest().size()) {
    return fail(Code::kCorrupt, "CBOR: a number in a longer form than needed");
  }
  in = reader.rest();
  return head;
}

Status take_cbor_item(ByteSpan& in) { return take(in, kCborDepthMax); }

}  // namespace stele::codec
