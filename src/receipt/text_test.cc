#include "receipt/text.h"

#include <gtest/gtest.h>

#include <string>

namespace stele::receipt {
namespace {

TEST(NoteText, is_utf8_in_its_one_form) {
  for (std::string_view good :
       {"", "plain\n", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBD", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "\x7F"}) {
    EXPECT_TRUE(is_note_text(good)) << good;
  }
  for (std::string_view bad :
       {"\x80", "\xBF", "\xC2", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xE2\x80", "\xE2\x80z",
        "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xF8\x88\x80\x80\x80", "\xFE", "\xFF", "ok\xC3"}) {
    EXPECT_FALSE(is_note_text(bad)) << bad;
  }
}

TEST(NoteText, has_no_control_character_but_newline) {
  for (int c = 0; c < 0x20; ++c) {
    const std::string text = {'a', static_cast<char>(c), 'b'};
    EXPECT_EQ(is_note_text(text), c == '\n') << c;
  }
}

TEST(KeyName, has_no_space_of_any_kind_and_no_plus) {
  for (std::string_view good :
       {"a", "example.com/log", "quasimodo.example/salvatore", "\xC3\xA9", "a-b_c:1"}) {
    EXPECT_TRUE(is_key_name(good)) << good;
  }
  for (std::string_view bad :
       {"", "a b", "a+b", "a\nb", "a\tb", "\xC2\x85", "a\xC2\xA0", "\xE1\x9A\x80", "\xE2\x80\x80",
        "\xE2\x80\x8A", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F",
        "\xE3\x80\x80", "\xFF"}) {
    EXPECT_FALSE(is_key_name(bad)) << bad;
  }
  EXPECT_TRUE(is_key_name(std::string(kNameBytesMax, 'a')));
  EXPECT_FALSE(is_key_name(std::string(kNameBytesMax + 1, 'a')));
}

TEST(Decimal, has_one_spelling_and_a_bound) {
  EXPECT_EQ(*parse_decimal("0", 0), 0U);
  EXPECT_EQ(*parse_decimal("18446744073709551615", ~0ULL), ~0ULL);
  EXPECT_EQ(*parse_decimal("70000", 70000), 70000U);
  for (std::string_view bad :
       {"", "00", "01", "-1", "+1", " 1", "1 ", "0x1", "1.0", "70001", "18446744073709551616"}) {
    EXPECT_FALSE(parse_decimal(bad, 70000)) << bad;
  }
}

}  // namespace
}  // namespace stele::receipt
