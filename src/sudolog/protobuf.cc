#include "sudolog/protobuf.h"

namespace stele::sudolog {
namespace {

enum Wire : uint8_t { kVarint = 0, kFixed64 = 1, kRun = 2, kFixed32 = 5 };
constexpr uint64_t kFieldNumberMax = (1U << 29) - 1;
constexpr int kVarintBytesMax = 10;

}  // namespace

std::optional<uint64_t> Field::varint() const {
  const auto* number_value = std::get_if<uint64_t>(&value);
  return number_value == nullptr ? std::nullopt : std::optional(*number_value);
}

std::optional<ByteSpan> Field::bytes() const {
  const auto* run = std::get_if<ByteSpan>(&value);
  return run == nullptr ? std::nullopt : std::optional(*run);
}

std::optional<uint64_t> take_varint(ByteSpan& in) {
  uint64_t value = 0;
  for (int i = 0; i < kVarintBytesMax && static_cast<size_t>(i) < in.size(); ++i) {
    const uint8_t byte = in[static_cast<size_t>(i)];
    if (i == kVarintBytesMax - 1 && byte > 1) return std::nullopt;  // over 64 bits
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    in = in.subspan(static_cast<size_t>(i) + 1);
    return value;
  }
  return std::nullopt;
}

std::optional<uint64_t> FieldReader::varint() {
  const auto value = take_varint(rest_);
  is_whole_ = is_whole_ && value.has_value();
  return value;
}

std::optional<ByteSpan> FieldReader::run(uint64_t size) {
  if (size > rest_.size()) {
    is_whole_ = false;
    return std::nullopt;
  }
  const ByteSpan taken = rest_.first(size);
  rest_ = rest_.subspan(size);
  return taken;
}

std::optional<Field> FieldReader::next() {
  while (is_whole_ && !rest_.empty()) {
    const auto tag = varint();
    if (!tag) return std::nullopt;
    const uint64_t number = *tag >> 3;
    is_whole_ = number >= 1 && number <= kFieldNumberMax;
    if (!is_whole_) return std::nullopt;
    Field field{static_cast<uint32_t>(number), {}};
    switch (*tag & 7) {
      case kVarint:
        if (const auto value = varint()) return field.value = *value, field;
        return std::nullopt;
      case kRun: {
        const auto size = varint();
        const auto bytes = size ? run(*size) : std::nullopt;
        if (bytes) return field.value = *bytes, field;
        return std::nullopt;
      }
      case kFixed64:
        (void)run(8);
        break;
      case kFixed32:
        (void)run(4);
        break;
      default:
        is_whole_ = false;
    }
  }
  return std::nullopt;
}

void FieldWriter::raw(uint64_t value) {
  for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<uint8_t>(value | 0x80));
  out_.push_back(static_cast<uint8_t>(value));
}

void FieldWriter::varint(uint32_t number, uint64_t value) {
  raw(uint64_t{number} << 3 | kVarint);
  raw(value);
}

void FieldWriter::bytes(uint32_t number, ByteSpan value) {
  raw(uint64_t{number} << 3 | kRun);
  raw(value.size());
  out_.insert(out_.end(), value.begin(), value.end());
}

}  // namespace stele::sudolog
