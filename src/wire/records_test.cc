#include "wire/records.h"

#include <gtest/gtest.h>

namespace stele::wire {
namespace {

segment::Leaf leaf(uint32_t sequence, uint32_t bytes) {
  segment::Leaf l;
  l.sequence = sequence;
  l.flags = sequence == 0 ? segment::kOpen | segment::kRekey : 0;
  l.segment_bytes = bytes;
  return l;
}

TEST(Records, come_back_as_they_were) {
  const Bytes one(300, 7), two(500, 9);
  Bytes body;
  add_record(body, {41, leaf(0, 300), one});
  add_record(body, {97, leaf(1, 500), ByteSpan(two).first(200)});
  const auto records = parse_records(body);
  ASSERT_TRUE(records.has_value()) << records.error().message();
  ASSERT_EQ(records->size(), 2U);
  EXPECT_EQ((*records)[0].index, 41U);
  EXPECT_EQ((*records)[1].leaf, leaf(1, 500));
  EXPECT_EQ((*records)[1].bytes.size(), 200U);
  EXPECT_TRUE(parse_records({})->empty());
}

TEST(Records, that_are_cut_short_are_none) {
  const Bytes one(300, 7);
  Bytes body;
  add_record(body, {41, leaf(0, 300), one});
  for (size_t size = 1; size < body.size(); ++size)
    EXPECT_FALSE(parse_records(ByteSpan(body).first(size)).has_value()) << size;
}

TEST(Records, hold_no_more_than_the_segment_they_name) {
  const Bytes one(301, 7);
  Bytes body;
  add_record(body, {41, leaf(0, 300), one});
  EXPECT_EQ(parse_records(body).error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace stele::wire
