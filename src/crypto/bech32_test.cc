#include "crypto/bech32.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace stele::crypto {
namespace {

std::string encode(std::string_view prefix, ByteSpan data) {
  return std::string(as_text(encode_bech32(prefix, data).span()));
}

// Its valid strings.
TEST(Bech32, agrees_with_bip_173) {
  for (std::string_view text :
       {"A12UEL5L", "a12uel5l",
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tg"
        "s",
        "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", "?1ezyfcl"}) {
    const auto decoded = decode_bech32(text);
    ASSERT_TRUE(decoded.has_value()) << text;
    EXPECT_EQ(encode(decoded->prefix, decoded->data.span()), text);
  }
  EXPECT_EQ(to_hex(decode_bech32("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw")->data.span()),
            "00443214c74254b635cf84653a56d7c675be77df");
}

TEST(Bech32, refuses_what_bip_173_refuses) {
  for (std::string_view text :
       {"\x20"
        "1nwldj5",
        "\x7f"
        "1axkwrx",
        "\x80"
        "1eym55h",
        "pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v", "li1dgmt3", "de1lg7wt\xff", "A1G7SGD8",
        "10a06t8", "1qzzfhee", "A12uEL5L", "", "1"}) {
    const auto decoded = decode_bech32(text);
    ASSERT_FALSE(decoded.has_value()) << text;
    EXPECT_EQ(decoded.error().code, Code::kInvalid);
  }
}

TEST(Bech32, round_trips_every_size_in_either_case) {
  Bytes data;
  for (int size = 0; size < 70; ++size) {
    for (std::string_view prefix : {"age", "AGE-SECRET-KEY-", "1"}) {
      const auto decoded = decode_bech32(encode(prefix, data));
      ASSERT_TRUE(decoded.has_value());
      EXPECT_EQ(decoded->prefix, prefix);
      EXPECT_TRUE(equal(decoded->data.span(), data));
    }
    data.push_back(static_cast<uint8_t>(37 * size + 255));
  }
}

TEST(Bech32, has_no_second_spelling) {
  EXPECT_EQ(encode("a", Bytes{0xff}), "a1lu9cgf6y");
  EXPECT_TRUE(decode_bech32("a1lu9cgf6y").has_value());
  for (std::string_view text : {"a1lacwuu8k",    // padding bits that are not zero
                                "a1luq25lfhf",   // a group too many
                                "a1q3g6mn3"}) {  // a group that holds no byte
    EXPECT_FALSE(decode_bech32(text).has_value()) << text;
  }
}

TEST(Bech32, refuses_a_text_beyond_its_bound) {
  const Bytes data((kBech32TextBytesMax - 8) * 5 / 8);
  const std::string longest = encode("a", data);
  EXPECT_LE(longest.size(), kBech32TextBytesMax);
  EXPECT_TRUE(decode_bech32(longest).has_value());
  Bytes longer = data;
  longer.resize(data.size() + 1);
  EXPECT_FALSE(decode_bech32(encode("a", longer)).has_value());
}

TEST(Bech32, never_repeats_the_text_in_its_error) {
  const auto decoded = decode_bech32("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZ");
  ASSERT_FALSE(decoded.has_value());
  EXPECT_EQ(decoded.error().context.find("GFPYY"), std::string::npos);
}

}  // namespace
}  // namespace stele::crypto
