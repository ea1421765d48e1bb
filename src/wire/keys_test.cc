#include "wire/keys.h"

#include <gtest/gtest.h>

namespace stele::wire {
namespace {

const LogKeys kKeys{"log+1", "policy+2", {'l', 'i', 's', 't', '\n'}, "host+3\nhost+4\n"};

TEST(Keys, as_the_page_has_them) {
  EXPECT_EQ(encode(kKeys), "stele-keys-v1\nlog+1\npolicy+2\nbGlzdAo=\nhost+3\nhost+4\n");
  EXPECT_EQ(parse_log_keys(encode(kKeys)), kKeys);
}

TEST(Keys, cut_short_they_are_none) {
  const std::string text = encode(kKeys);
  const size_t four_lines = text.find("host+3");
  for (size_t size = 0; size < four_lines; ++size)
    EXPECT_FALSE(parse_log_keys(text.substr(0, size)).has_value()) << size;
  EXPECT_FALSE(parse_log_keys("stele-keys-v2" + text.substr(13)).has_value());
}

}  // namespace
}  // namespace stele::wire
