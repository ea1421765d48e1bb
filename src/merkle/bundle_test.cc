#include "merkle/bundle.h"

#include <gtest/gtest.h>

namespace stele::merkle {
namespace {

TEST(Bundle, is_each_entry_behind_its_length) {
  Bytes bundle;
  ASSERT_TRUE(append_entry(bundle, as_bytes("one")));
  ASSERT_TRUE(append_entry(bundle, {}));
  ASSERT_TRUE(append_entry(bundle, as_bytes("three")));
  EXPECT_EQ(as_text(bundle), std::string_view("\0\3one\0\0\0\5three", 14));
  const auto entries = parse_bundle(bundle, 3);
  ASSERT_TRUE(entries);
  EXPECT_EQ(as_text((*entries)[0]), "one");
  EXPECT_EQ(as_text((*entries)[1]), "");
  EXPECT_EQ(as_text((*entries)[2]), "three");
}

TEST(Bundle, with_more_or_fewer_entries_than_stated_is_refused) {
  Bytes bundle;
  for (const char* entry : {"one", "two"}) ASSERT_TRUE(append_entry(bundle, as_bytes(entry)));
  EXPECT_FALSE(parse_bundle(bundle, 1));
  EXPECT_FALSE(parse_bundle(bundle, 3));
  for (size_t size = 0; size < bundle.size(); ++size) {
    EXPECT_FALSE(parse_bundle(ByteSpan(bundle).first(size), 2)) << size;
  }
  bundle.push_back(0);
  EXPECT_FALSE(parse_bundle(bundle, 2));
}

TEST(Bundle, takes_entries_up_to_65535_bytes) {
  Bytes bundle;
  const Bytes largest(kEntryBytesMax, 'a'), over(kEntryBytesMax + 1, 'a');
  ASSERT_TRUE(append_entry(bundle, largest));
  const auto refused = append_entry(bundle, over);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kLimit);
  EXPECT_EQ(bundle.size(), 2 + kEntryBytesMax);
  EXPECT_EQ((*parse_bundle(bundle, 1))[0].size(), kEntryBytesMax);
}

}  // namespace
}  // namespace stele::merkle
