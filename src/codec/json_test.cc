#include "codec/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace stele::codec {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  JsonWriter(out).text(text);
  return out;
}

TEST(JsonWriter, puts_commas_and_colons_where_they_belong) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("a").number(1).key("b").begin_array().number(-2).boolean(true).null();
  json.begin_object().end_object().begin_array().end_array().text("x").end_array();
  json.key("c").begin_object().key("d").boolean(false).end_object().end_object();
  EXPECT_EQ(out, R"({"a":1,"b":[-2,true,null,{},[],"x"],"c":{"d":false}})");
}

TEST(JsonWriter, writes_integers_of_every_size) {
  std::string out;
  JsonWriter(out)
      .begin_array()
      .number(std::numeric_limits<uint64_t>::max())
      .number(INT64_MIN)
      .number(uint8_t{7})
      .end_array();
  EXPECT_EQ(out, "[18446744073709551615,-9223372036854775808,7]");
}

TEST(JsonWriter, writes_seconds_exactly) {
  std::string out;
  JsonWriter json(out);
  json.begin_array()
      .seconds(Micros(0))
      .seconds(Micros(1))
      .seconds(Micros(61'000'250))
      .seconds(Micros(-1'500'000));
  json.seconds(Micros::min()).end_array();
  EXPECT_EQ(out, "[0.000000,0.000001,61.000250,-1.500000,-9223372036854.775808]");
}

TEST(JsonWriter, escapes_what_json_wants_escaped) {
  EXPECT_EQ(quoted("\"\\/\b\f\n\r\t"), R"("\"\\/\b\f\n\r\t")");
  EXPECT_EQ(quoted(std::string_view("\0\x01\x1f", 3)), R"("\u0000\u0001\u001f")");
  EXPECT_EQ(quoted("plain, häßlich, 端末, 🚀"), "\"plain, häßlich, 端末, 🚀\"");
}

TEST(JsonWriter, lets_no_control_through_to_the_terminal_it_is_printed_on) {
  EXPECT_EQ(quoted("\x1b[2J\x7f"), R"("\u001b[2J\u007f")");
  EXPECT_EQ(quoted("\xc2\x9b"
                   "2J\xc2\x80\xc2\x9f\xc2\xa0\xc2"),
            "\"\\u009b2J\\u0080\\u009f\xc2\xa0\xef\xbf\xbd\"");
}

TEST(JsonWriter, replaces_what_is_not_utf8_and_keeps_bytes_as_base64) {
  EXPECT_EQ(quoted("caf\xe9"), "\"caf\xef\xbf\xbd\"");
  std::string out;
  JsonWriter(out).begin_object().key("\xff").base64(as_bytes("caf\xe9")).end_object();
  EXPECT_EQ(out, "{\"\xef\xbf\xbd\":\"Y2Fm6Q==\"}");
}

}  // namespace
}  // namespace stele::codec
