#include "crypto/secret.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <type_traits>

namespace stele::crypto {
namespace {

bool all_zero(ByteSpan bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == 0; });
}

Bytes some_bytes() { return {1, 2, 3, 4, 5}; }

TEST(Secret, is_never_copied_by_accident) {
  EXPECT_FALSE(std::is_copy_constructible_v<SecretBytes>);
  EXPECT_FALSE(std::is_copy_assignable_v<SecretBytes>);
  EXPECT_FALSE(std::is_copy_constructible_v<Key32>);
  EXPECT_FALSE(std::is_copy_assignable_v<Key32>);
}

TEST(Secret, is_zero_until_written) {
  EXPECT_TRUE(all_zero(SecretBytes(64).span()));
  EXPECT_TRUE(all_zero(Key32().span()));
  EXPECT_EQ(SecretBytes().size(), 0U);
}

TEST(Secret, a_fixed_one_leaves_nothing_where_it_was) {
  SecretArray<5> first{std::span<const uint8_t, 5>(some_bytes())};
  SecretArray<5> second = std::move(first);
  EXPECT_TRUE(all_zero(first.span()));
  EXPECT_TRUE(equal(second.span(), some_bytes()));
  first = std::move(second);
  EXPECT_TRUE(all_zero(second.span()));
  EXPECT_TRUE(equal(first.span(), some_bytes()));
}

TEST(Secret, a_fixed_one_is_wiped_when_it_ends) {
  alignas(Key32) std::array<uint8_t, sizeof(Key32)> place;
  const Hash secret = {1, 2, 3};
  Key32* const key = new (place.data()) Key32(std::span<const uint8_t, 32>(secret));
  EXPECT_TRUE(equal(key->span(), secret));
  key->~Key32();
  // Through volatile: the compiler may otherwise assume what a dead object left behind.
  for (size_t i = 0; i < place.size(); ++i)
    EXPECT_EQ(static_cast<volatile uint8_t*>(place.data())[i], 0);
}

TEST(Secret, moves_and_copies_only_when_asked) {
  SecretBytes first{ByteSpan(some_bytes())};
  SecretBytes copy = first.copy();
  SecretBytes second = std::move(first);
  EXPECT_EQ(first.size(), 0U);
  EXPECT_TRUE(first.span().empty());
  EXPECT_TRUE(equal(second.span(), some_bytes()));
  second.writable()[0] = 9;
  EXPECT_TRUE(equal(copy.span(), some_bytes()));
  copy = std::move(second);
  EXPECT_EQ(copy.span()[0], 9);
}

TEST(Secret, survives_being_moved_onto_itself) {
  SecretBytes bytes{ByteSpan(some_bytes())};
  SecretBytes& same = bytes;
  bytes = std::move(same);
  EXPECT_TRUE(equal(bytes.span(), some_bytes()));
}

TEST(Secret, compares_equal_only_to_the_same_bytes) {
  EXPECT_TRUE(constant_time_equal({}, {}));
  EXPECT_TRUE(constant_time_equal(some_bytes(), some_bytes()));
  EXPECT_FALSE(constant_time_equal(some_bytes(), Bytes{1, 2, 3, 4}));
  EXPECT_FALSE(constant_time_equal(Bytes{1, 2, 3, 4}, some_bytes()));
  for (size_t i = 0; i < 5; ++i) {
    Bytes other = some_bytes();
    other[i] ^= 0x80;
    EXPECT_FALSE(constant_time_equal(some_bytes(), other));
  }
}

}  // namespace
}  // namespace stele::crypto
