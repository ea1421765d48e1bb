#include "cli/play_keys.h"

#include <gtest/gtest.h>

namespace stele::cli {
namespace {

std::string all(PlayKeys& keys) {
  std::string out;
  for (std::string key = keys.next(); !key.empty(); key = keys.next()) out += '<' + key + '>';
  return out;
}

std::string keys(std::string_view bytes) {
  PlayKeys keys;
  keys.add(bytes);
  return all(keys);
}

TEST(PlayKeys, come_several_at_once) {
  EXPECT_EQ(keys("q .\x1b[D\x1b[D\x1bOC]"), "<q>< ><.><left><left><right><]>");
}

TEST(PlayKeys, escape_is_a_key_when_nothing_follows) {
  EXPECT_EQ(keys("\x1b"), "<escape>");
  EXPECT_EQ(keys("\x1b\x1b[C"), "<escape><right>");
}

TEST(PlayKeys, may_be_cut) {
  PlayKeys k;
  k.add("\x1b[");
  EXPECT_EQ(all(k), "");
  k.add("Dq");
  EXPECT_EQ(all(k), "<left><q>");
}

TEST(PlayKeys, answers_of_the_terminal_are_none) {
  EXPECT_EQ(keys("\x1b[?62;22c \x1b[12;40R"), "< >");
  EXPECT_EQ(keys("\x1b]11;rgb:0000/qqqq/gggg\x07.\x1bP1$rq\x1b\\."), "<.><.>");
  EXPECT_EQ(keys("\x1b[1;5C\x1b[200~\x1b[15~"), "");
  EXPECT_EQ(keys("\xc3\xa9"), "");
}

TEST(PlayKeys, a_letter_with_alt_is_none) { EXPECT_EQ(keys("\x1bq"), ""); }

}  // namespace
}  // namespace stele::cli
