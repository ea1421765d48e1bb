// POST /v1/segments: sealed segments from an agent to the server, and its answers
// (docs/formats/api.md).
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "segment/leaf.h"

namespace stele::wire {

inline constexpr std::string_view kSegmentsType = "application/vnd.stele.segments-v1";
inline constexpr size_t kRequestBytesMax = size_t{16} << 20;
inline constexpr size_t kRequestSegmentsMax = 4096;
inline constexpr size_t kReasonBytesMax = 400;

/// Appends one segment to a request.
void add_segment(Bytes& request, ByteSpan segment);

/// The segments of a request; views into it. kCorrupt: not such a request; kLimit: over 16 MiB or
/// 4096 segments. What a segment holds is not looked at.
Result<std::vector<ByteSpan>> parse_segments(ByteSpan request);

enum class Refusal : uint8_t {
  kMalformed = 1,
  kOutOfOrder,
  kConflict,
  kNotYours,
  kBadSignature,
  kUnknownRecipients,
  kClosed,
  kNotNow,
  kSkipped,
  kUnsupported
};
/// Also a code that is not among them: a newer server may have it, and it means "not now".
std::string_view refusal_name(Refusal code);

struct Accepted {
  uint64_t index;
  segment::Leaf leaf;
  bool operator==(const Accepted&) const = default;
};
struct Refused {
  Refusal code;
  uint32_t next = 0;  // sequence number
  Hash hash{};        // of the segment before that
  std::string reason;
  bool operator==(const Refused&) const = default;
};
using Answer = std::variant<Accepted, Refused>;

/// A reason over 400 bytes is cut.
Bytes encode(const std::vector<Answer>& answers);
/// kCorrupt: not exactly `count` answers.
Result<std::vector<Answer>> parse_answers(ByteSpan response, size_t count);

}  // namespace stele::wire
