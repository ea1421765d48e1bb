// What a server asks of stele-latch (docs/formats/wire-latch.md). One message, one packet.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace stele::wire {

inline constexpr size_t kLatchRequestBytes = 16, kLatchAnswerBytes = 2;

enum class LatchTo : uint8_t { kAppendOnly = 1, kImmutable = 2 };

struct LatchRequest {
  LatchTo what = LatchTo::kAppendOnly;
  uint32_t attempt = 0;      // of the volume's name,
  uint64_t first_index = 0;  // as this
  bool operator==(const LatchRequest&) const = default;
};
std::array<uint8_t, kLatchRequestBytes> encode(const LatchRequest& request);
/// kCorrupt: no request.
Result<LatchRequest> parse_latch_request(ByteSpan bytes);

enum class LatchAnswer : uint8_t {
  kDone = 0,
  kNoVolume = 1,
  kNotIts = 2,       // no regular file, or another's
  kUnsupported = 3,  // by the file system
  kMayNot = 4,
  kFailed = 5,
};
std::array<uint8_t, kLatchAnswerBytes> encode(LatchAnswer answer);
/// kCorrupt: no answer.
Result<LatchAnswer> parse_latch_answer(ByteSpan bytes);

}  // namespace stele::wire
