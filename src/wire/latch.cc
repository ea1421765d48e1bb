#include "wire/latch.h"

#include <algorithm>

namespace stele::wire {
namespace {

constexpr uint8_t kVersion = 1;

template <size_t N>
std::array<uint8_t, N> as_array(const Bytes& bytes) {
  std::array<uint8_t, N> out{};
  std::copy_n(bytes.begin(), N, out.begin());
  return out;
}

}  // namespace

std::array<uint8_t, kLatchRequestBytes> encode(const LatchRequest& request) {
  Bytes out;
  ByteWriter w(out);
  w.u8(kVersion);
  w.u8(static_cast<uint8_t>(request.what));
  w.u16(0);
  w.u32(request.attempt);
  w.u64(request.first_index);
  return as_array<kLatchRequestBytes>(out);
}

Result<LatchRequest> parse_latch_request(ByteSpan bytes) {
  ByteReader r(bytes);
  const uint8_t version = r.u8(), what = r.u8();
  const uint16_t nothing = r.u16();
  LatchRequest request;
  request.attempt = r.u32();
  request.first_index = r.u64();
  const bool is_known = what == static_cast<uint8_t>(LatchTo::kAppendOnly) ||
                        what == static_cast<uint8_t>(LatchTo::kImmutable);
  if (!r.done() || version != kVersion || nothing != 0 || !is_known)
    return fail(Code::kCorrupt, "no request to a latch");
  request.what = static_cast<LatchTo>(what);
  return request;
}

std::array<uint8_t, kLatchAnswerBytes> encode(LatchAnswer answer) {
  return {kVersion, static_cast<uint8_t>(answer)};
}

Result<LatchAnswer> parse_latch_answer(ByteSpan bytes) {
  if (bytes.size() != kLatchAnswerBytes || bytes[0] != kVersion ||
      bytes[1] > static_cast<uint8_t>(LatchAnswer::kFailed))
    return fail(Code::kCorrupt, "no answer of a latch");
  return static_cast<LatchAnswer>(bytes[1]);
}

}  // namespace stele::wire
