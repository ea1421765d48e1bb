#include "wire/segments.h"

#include <gtest/gtest.h>

namespace stele::wire {
namespace {

segment::Leaf leaf() {
  segment::Leaf leaf;
  leaf.segment_bytes = 300;
  leaf.segment_hash.fill(7);
  leaf.sequence = 3;
  return leaf;
}

std::vector<Answer> answers() {
  Hash hash;
  hash.fill(9);
  return {Accepted{7, leaf()}, Refused{Refusal::kOutOfOrder, 3, hash, "expected segment 3"},
          Refused{Refusal::kSkipped, 0, {}, ""}, Accepted{UINT64_MAX, leaf()}};
}

TEST(Segments, come_out_of_a_request_as_they_went_in) {
  Bytes request;
  const std::vector<Bytes> in = {{1}, Bytes(70'000, 2), {0, 0, 0, 1}};
  for (const Bytes& segment : in) add_segment(request, segment);
  const auto out = parse_segments(request).value();
  ASSERT_EQ(out.size(), in.size());
  for (size_t i = 0; i < in.size(); ++i) EXPECT_TRUE(equal(out[i], in[i]));
}

TEST(Segments, of_a_request_cut_short_anywhere_are_refused) {
  Bytes request;
  for (const Bytes& segment : {Bytes{1, 2, 3}, Bytes{4}}) add_segment(request, segment);
  for (size_t size = 0; size < request.size(); ++size) {
    const auto segments = parse_segments(ByteSpan(request).first(size));
    EXPECT_EQ(segments.has_value(), size == 7) << size << ": only a whole first segment is one";
  }
}

TEST(Segments, are_bounded) {
  Bytes request;
  for (size_t i = 0; i < kRequestSegmentsMax; ++i) add_segment(request, Bytes{1});
  EXPECT_TRUE(parse_segments(request).has_value());
  add_segment(request, Bytes{1});
  EXPECT_EQ(parse_segments(request).error().code, Code::kLimit);
  EXPECT_EQ(parse_segments(Bytes(kRequestBytesMax + 1)).error().code, Code::kLimit);
  EXPECT_EQ(parse_segments(Bytes(4)).error().code, Code::kCorrupt) << "of no bytes";
  EXPECT_EQ(parse_segments(Bytes(4, 0xff)).error().code, Code::kCorrupt) << "of 4 GiB";
}

TEST(Answers, come_back_as_they_were_given) {
  EXPECT_EQ(parse_answers(encode(answers()), 4).value(), answers());
  EXPECT_EQ(parse_answers({}, 0).value().size(), 0U);
}

TEST(Answers, cut_short_too_many_or_too_few_are_refused) {
  const Bytes whole = encode(answers());
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_answers(ByteSpan(whole).first(size), 4).has_value()) << size;
  EXPECT_FALSE(parse_answers(whole, 3).has_value());
  EXPECT_FALSE(parse_answers(whole, 5).has_value());
}

TEST(Answers, have_one_spelling) {
  const Bytes whole = encode(answers());
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes changed = whole;
    changed[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
    if (const auto other = parse_answers(changed, 4)) {
      EXPECT_EQ(encode(*other), changed) << bit;
      EXPECT_NE(*other, answers()) << bit;
    }
  }
}

TEST(Answers, cut_a_reason_that_is_too_long) {
  const auto back =
      parse_answers(encode({Refused{Refusal::kNotNow, 0, {}, std::string(1000, 'x')}}), 1);
  EXPECT_EQ(std::get<Refused>(back->front()).reason.size(), kReasonBytesMax);
}

}  // namespace
}  // namespace stele::wire
