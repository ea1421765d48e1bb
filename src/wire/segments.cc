#include "wire/segments.h"

#include <array>

namespace stele::wire {
namespace {

constexpr uint8_t kAcceptedTag = 1, kRefusedTag = 2;
constexpr std::array<std::string_view, 10> kNames = {"malformed",     "out of order",
                                                     "conflict",      "not yours",
                                                     "bad signature", "unknown recipients list",
                                                     "closed",        "not now",
                                                     "skipped",       "unsupported version"};

void write(ByteWriter& out, const Accepted& accepted) {
  out.u8(kAcceptedTag);
  out.u64(accepted.index);
  out.bytes(segment::encode(accepted.leaf));
}

void write(ByteWriter& out, const Refused& refused) {
  const std::string_view reason = std::string_view(refused.reason).substr(0, kReasonBytesMax);
  out.u8(kRefusedTag);
  out.u8(static_cast<uint8_t>(refused.code));
  out.u32(refused.next);
  out.bytes(refused.hash);
  out.u16(static_cast<uint16_t>(reason.size()));
  out.bytes(as_bytes(reason));
}

Result<Answer> read_accepted(ByteReader& in) {
  const uint64_t index = in.u64();
  TRY(const segment::Leaf leaf, segment::parse_leaf(in.bytes(segment::kLeafBytes)));
  return Accepted{index, leaf};
}

Result<Answer> read_refused(ByteReader& in) {
  const uint8_t code = in.u8();
  if (code == 0) return fail(Code::kCorrupt, "answer: refused, with code 0");
  Refused refused{static_cast<Refusal>(code), in.u32(), in.array<32>(), {}};
  const uint16_t size = in.u16();
  if (size > kReasonBytesMax) return fail(Code::kCorrupt, "answer: a reason over 400 bytes");
  refused.reason = as_text(in.bytes(size));
  return refused;
}

Result<Answer> read_answer(ByteReader& in) {
  switch (in.u8()) {
    case kAcceptedTag:
      return read_accepted(in);
    case kRefusedTag:
      return read_refused(in);
    default:
      return fail(Code::kCorrupt, "answer: neither accepted nor refused");
  }
}

}  // namespace

void add_segment(Bytes& request, ByteSpan segment) {
  ByteWriter out(request);
  out.u32(static_cast<uint32_t>(segment.size()));
  out.bytes(segment);
}

Result<std::vector<ByteSpan>> parse_segments(ByteSpan request) {
  if (request.size() > kRequestBytesMax) return fail(Code::kLimit, "request: over 16 MiB");
  ByteReader in(request);
  std::vector<ByteSpan> segments;
  while (in.ok() && !in.rest().empty()) {
    if (segments.size() == kRequestSegmentsMax)
      return fail(Code::kLimit, "request: over 4096 segments");
    const uint32_t size = in.u32();
    if (in.ok() && size == 0) return fail(Code::kCorrupt, "request: a segment of no bytes");
    segments.push_back(in.bytes(size));
  }
  if (!in.ok()) return fail(Code::kCorrupt, "request: ends within a segment");
  if (segments.empty()) return fail(Code::kCorrupt, "request: no segment");
  return segments;
}

std::string_view refusal_name(Refusal code) {
  const size_t place = static_cast<size_t>(code) - 1;
  return place < kNames.size() ? kNames[place] : "for a reason newer than this agent";
}

Bytes encode(const std::vector<Answer>& answers) {
  Bytes bytes;
  ByteWriter out(bytes);
  for (const Answer& answer : answers) std::visit([&](const auto& a) { write(out, a); }, answer);
  return bytes;
}

Result<std::vector<Answer>> parse_answers(ByteSpan response, size_t count) {
  ByteReader in(response);
  std::vector<Answer> answers;
  for (size_t i = 0; i < count; ++i) {
    TRY(Answer answer, read_answer(in));
    answers.push_back(std::move(answer));
  }
  if (!in.done()) {
    return fail(Code::kCorrupt,
                "answers: not exactly " + std::to_string(count) + ", one for each segment");
  }
  return answers;
}

}  // namespace stele::wire
