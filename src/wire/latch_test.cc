#include "wire/latch.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace stele::wire {
namespace {

TEST(LatchProtocol, is_as_its_page_says) {
  const LatchRequest request{LatchTo::kImmutable, 1, 123};
  EXPECT_EQ(to_hex(encode(request)), "0102000000000001000000000000007b");
  EXPECT_EQ(parse_latch_request(encode(request)), request);
  EXPECT_EQ(to_hex(encode(LatchAnswer::kDone)), "0100");
  EXPECT_EQ(parse_latch_answer(encode(LatchAnswer::kFailed)), LatchAnswer::kFailed);
}

TEST(LatchProtocol, knows_nothing_but_its_two_requests) {
  const auto good = encode(LatchRequest{LatchTo::kAppendOnly, 0, 7});
  for (size_t at : {0, 1, 2, 3}) {
    for (int value = 0; value < 256; ++value) {
      auto bad = good;
      bad[at] = static_cast<uint8_t>(value);
      const bool is_request = bad[at] == good[at] || (at == 1 && value == 2);
      EXPECT_EQ(parse_latch_request(bad).has_value(), is_request) << at << " " << value;
    }
  }
  Bytes longer(good.begin(), good.end());
  longer.push_back(0);
  EXPECT_FALSE(parse_latch_request(longer));
  for (size_t bytes = 0; bytes < good.size(); ++bytes)
    EXPECT_FALSE(parse_latch_request(ByteSpan(good).first(bytes)));
  EXPECT_FALSE(parse_latch_answer(ByteSpan()));
  EXPECT_FALSE(parse_latch_answer(std::array<uint8_t, 2>{1, 6}));
  EXPECT_FALSE(parse_latch_answer(std::array<uint8_t, 2>{2, 0}));
  EXPECT_FALSE(parse_latch_answer(std::array<uint8_t, 3>{1, 0, 0}));
}

}  // namespace
}  // namespace stele::wire
