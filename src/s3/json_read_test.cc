#include "s3/json_read.h"

#include <gtest/gtest.h>

namespace stele::s3 {
namespace {

using Strings = std::map<std::string, std::string>;

Result<Strings> parse(const std::string& text) { return parse_json_strings(as_bytes(text)); }

TEST(JsonRead, strings_of_an_object) {
  EXPECT_EQ(*parse(R"({"a": "b\u0041", "n": 1, "o": {"a": "deep"}, "e": ""})"),
            (Strings{{"a", "bA"}, {"e", ""}}));
}

TEST(JsonRead, anything_else_is_corrupt) {
  for (const char* text : {"", "[]", "\"a\"", "{", "{\"a\": \"b\"", "{\"a\": \"b\",}", "{} {}",
                           "{'a': 'b'}", "{\"a\": \"\xff\"}"})
    EXPECT_EQ(parse(text).error().code, Code::kCorrupt) << text;
}

TEST(JsonRead, is_bounded) {
  EXPECT_EQ(parse(std::string((64 << 10) + 1, ' ')).error().code, Code::kLimit);
  EXPECT_EQ(parse(std::string(100, '[')).error().code, Code::kLimit);
}

}  // namespace
}  // namespace stele::s3
