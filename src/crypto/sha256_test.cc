#include "crypto/sha256.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace stele::crypto {
namespace {

// FIPS 180-4's examples.
constexpr std::string_view kOfNothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kOfAbc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr std::string_view kOfTwoBlocks =
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
constexpr std::string_view kTwoBlocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

TEST(Sha256, agrees_with_the_standard) {
  EXPECT_EQ(to_hex(sha256(ByteSpan{})), kOfNothing);
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))), kOfAbc);
  EXPECT_EQ(to_hex(sha256(as_bytes(kTwoBlocks))), kOfTwoBlocks);
}

TEST(Sha256, of_a_million_letters_agrees_with_the_standard) {
  Sha256 hash;
  const Bytes letters(1000, 'a');
  for (int i = 0; i < 1000; ++i) hash.update(letters);
  EXPECT_EQ(to_hex(hash.finish()),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, does_not_care_where_the_parts_begin) {
  const ByteSpan text = as_bytes(kTwoBlocks);
  for (size_t i = 0; i <= text.size(); ++i) {
    EXPECT_EQ(to_hex(sha256({text.first(i), text.subspan(i)})), kOfTwoBlocks);
    Sha256 hash;
    hash.update(text.first(i));
    hash.update(text.subspan(i));
    EXPECT_EQ(to_hex(hash.finish()), kOfTwoBlocks);
  }
}

TEST(Sha256, goes_on_after_a_finish_and_so_do_its_copies) {
  Sha256 hash;
  EXPECT_EQ(to_hex(hash.finish()), kOfNothing);
  hash.update(as_bytes("ab"));
  Sha256 copy = hash;
  hash.update(as_bytes("x"));
  copy.update(as_bytes("c"));
  EXPECT_EQ(to_hex(copy.finish()), kOfAbc);
  EXPECT_EQ(to_hex(copy.finish()), kOfAbc);
  EXPECT_EQ(hash.finish(), sha256(as_bytes("abx")));
}

}  // namespace
}  // namespace stele::crypto
