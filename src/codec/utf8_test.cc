#include "codec/utf8.h"

#include <gtest/gtest.h>

namespace stele::codec {
namespace {

using std::string_literals::operator""s;

// The answers are those of Python's bytes.decode("utf-8", "replace"), which follows Unicode §3.9.
const std::pair<std::string, std::string> kReplaced[] = {
    {"plain", "plain"},
    {"a\0b"s, "a\0b"s},
    {"h\xc3\xa4\xe7\xab\xaf\xf0\x9f\x9a\x80", "h\xc3\xa4\xe7\xab\xaf\xf0\x9f\x9a\x80"},
    {"\xff", "\xef\xbf\xbd"},
    {"\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                                  // an overlong slash
    {"\xe0\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                  // a longer one
    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                  // a surrogate
    {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},  // above U+10FFFF
    {"\xf5", "\xef\xbf\xbd"},
    {"\xe2\x82", "\xef\xbf\xbd"},  // cut short: one
    {"\xf0\x9f\x9a", "\xef\xbf\xbd"},
    {"\xe2\x82x", "\xef\xbf\xbdx"},
    {"\xe2\xe2\x82\xac", "\xef\xbf\xbd\xe2\x82\xac"},
    {"\xf0\x9f\xc3\xa4", "\xef\xbf\xbd\xc3\xa4"},
    {"caf\xe9 latin-1", "caf\xef\xbf\xbd latin-1"},
    {"\xef\xbf\xbf\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80",
     "\xef\xbf\xbf\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80"},
};

TEST(Utf8, replaces_what_is_not_utf8_as_unicode_says) {
  for (const auto& [bytes, text] : kReplaced) {
    EXPECT_EQ(to_utf8(bytes), text);
    EXPECT_EQ(is_utf8(bytes), bytes == text);
    EXPECT_TRUE(is_utf8(text));
  }
}

TEST(Utf8, every_code_point_is_itself_and_surrogates_are_not) {
  for (uint32_t point = 0; point <= 0x110000; ++point) {
    std::string encoded;
    const auto put = [&](uint32_t b) { encoded += static_cast<char>(b); };
    if (point < 0x80) {
      put(point);
    } else if (point < 0x800) {
      put(0xc0 | point >> 6), put(0x80 | (point & 63));
    } else if (point < 0x10000) {
      put(0xe0 | point >> 12), put(0x80 | (point >> 6 & 63)), put(0x80 | (point & 63));
    } else {
      put(0xf0 | point >> 18), put(0x80 | (point >> 12 & 63)), put(0x80 | (point >> 6 & 63)),
          put(0x80 | (point & 63));
    }
    const bool is_valid = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
    ASSERT_EQ(is_utf8(encoded), is_valid) << std::hex << point;
    ASSERT_EQ(utf8_sequence(encoded + "x"), is_valid ? encoded.size() : 0) << std::hex << point;
  }
  EXPECT_EQ(utf8_sequence(""), 0U);
}

TEST(Utf8Decoder, gives_the_same_text_wherever_the_stream_is_cut) {
  std::string all;
  for (const auto& [bytes, text] : kReplaced) all += bytes;
  const std::string whole = to_utf8(all);
  for (size_t first = 0; first <= all.size(); ++first) {
    for (size_t second = first; second <= std::min(all.size(), first + 5); ++second) {
      Utf8Decoder decoder;
      std::string out;
      const std::string_view view = all;
      for (auto piece :
           {view.substr(0, first), view.substr(first, second - first), view.substr(second)}) {
        decoder.decode(as_bytes(piece), out);
        ASSERT_TRUE(is_utf8(out));
      }
      decoder.finish(out);
      ASSERT_EQ(out, whole) << "cut at " << first << " and " << second;
    }
  }
}

TEST(Utf8Decoder, holds_back_only_what_may_still_become_a_character) {
  Utf8Decoder decoder;
  std::string out;
  decoder.decode(as_bytes("ab\xe7\xab"), out);
  EXPECT_EQ(out, "ab");
  EXPECT_TRUE(decoder.has_partial());
  decoder.decode(as_bytes("\xaf"), out);
  EXPECT_EQ(out, "ab\xe7\xab\xaf");
  EXPECT_FALSE(decoder.has_partial());
  decoder.decode(as_bytes("\xed\xa0"), out);
  EXPECT_FALSE(decoder.has_partial()) << "no continuation can make a surrogate a character";
  decoder.decode(as_bytes("\xf0"), out);
  decoder.finish(out);
  decoder.finish(out);
  EXPECT_EQ(out, "ab\xe7\xab\xaf\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

}  // namespace
}  // namespace stele::codec
