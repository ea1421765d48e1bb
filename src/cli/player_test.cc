// A player is where it says it is, however it got there.
#include "cli/player.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace stele::cli {
namespace {

Bytes bytes_of(std::string_view text) {
  const ByteSpan bytes = as_bytes(text);
  return Bytes(bytes.begin(), bytes.end());
}

Player::Moment output(int64_t us, std::string_view text) {
  return {Micros(us), bytes_of(text), std::nullopt};
}
Player::Moment resize(int64_t us, uint16_t rows, uint16_t columns) {
  return {Micros(us), {}, event::WindowSize{rows, columns, 0, 0}};
}

std::string row(const Player& player, size_t row) {
  std::string out;
  player.screen().grid().line(row).append_text(player.screen().columns(), out);
  return out;
}

TEST(Player, shows_one_moment_after_the_other) {
  Player player({3, 10, 0, 0}, {output(10, "one"), output(20, " two")});
  EXPECT_EQ(player.next_time(), Micros(10));
  player.advance();
  EXPECT_EQ(row(player, 0), "one");
  EXPECT_EQ(as_text(player.harmless_output()), "one");
  EXPECT_EQ(player.next_time(), Micros(20));
  player.advance();
  EXPECT_EQ(row(player, 0), "one two");
  EXPECT_EQ(player.next_time(), std::nullopt);
  EXPECT_EQ(player.duration(), Micros(20));
}

TEST(Player, of_an_empty_session_has_nothing_to_show) {
  Player player({0, 0, 0, 0}, {});
  EXPECT_EQ(player.next_time(), std::nullopt);
  player.seek(Micros(5));
  EXPECT_EQ(player.screen().rows(), 24U);
  EXPECT_EQ(player.screen().columns(), 80U);
}

TEST(Player, seeks_to_what_was_there_at_that_very_time) {
  Player player({3, 10, 0, 0},
                {output(10, "a"), output(20, "b"), output(20, "c"), output(30, "d")});
  player.seek(Micros(20));
  EXPECT_EQ(row(player, 0), "abc");
  player.seek(Micros(19));
  EXPECT_EQ(row(player, 0), "a");
  player.seek(Micros(0));
  EXPECT_EQ(row(player, 0), "");
  player.seek(Micros(99));
  EXPECT_EQ(row(player, 0), "abcd");
}

TEST(Player, neutralises_across_a_seek) {
  Player player({3, 20, 0, 0}, {output(10, "a\x1b]52;c;"),
                                output(20,
                                       "Y21k\x07"
                                       "b\n"),
                                output(30, "\x1b[3"), output(40, "1mc"), output(50, "\x1b[20h")});
  player.seek(Micros(10));
  player.advance();
  EXPECT_EQ(as_text(player.harmless_output()), "b\n");
  player.seek(Micros(30));
  player.advance();
  EXPECT_EQ(as_text(player.harmless_output()), "\x1b[31mc");
  player.seek(Micros(50));
  player.seek(Micros(10));
  player.advance();
  EXPECT_EQ(as_text(player.harmless_output()), "b\n") << "newline mode came later";
}

TEST(Player, a_size_that_nobody_knows_changes_nothing) {
  Player player({3, 10, 0, 0}, {output(10, "text"), resize(20, 0, 0), resize(30, 5, 0)});
  player.seek(Micros(20));
  EXPECT_EQ(row(player, 0), "text");
  EXPECT_EQ(player.screen().rows(), 3U);
  player.seek(Micros(30));
  EXPECT_EQ(player.screen().rows(), 5U);
  EXPECT_EQ(player.screen().columns(), 10U);
}

TEST(Player, takes_back_a_size_when_it_goes_back) {
  Player player({3, 10, 0, 0}, {resize(10, 4, 0), resize(20, 5, 20)});
  player.seek(Micros(20));
  EXPECT_EQ(player.screen().columns(), 20U);
  player.seek(Micros(10));
  EXPECT_EQ(player.screen().rows(), 4U);
  EXPECT_EQ(player.screen().columns(), 10U);
}

// More output than is kept apart, with sizes, modes and cut sequences on the way.
std::vector<Player::Moment> long_session() {
  std::mt19937_64 random(1);
  std::vector<Player::Moment> moments;
  const std::string filler(40'000, 'x');
  for (int64_t i = 0; i < 600; ++i) {
    moments.push_back(output(
        10 * i, "\r\nmoment " + std::to_string(i) + "\x1b[3" + std::to_string(random() % 8)));
    moments.push_back(output(10 * i + 3, "m" + filler.substr(random() % filler.size())));
    if (random() % 20 == 0)
      moments.push_back(resize(10 * i + 4, static_cast<uint16_t>(5 + random() % 9),
                               static_cast<uint16_t>(20 + random() % 30)));
    if (random() % 9 == 0)
      moments.push_back(output(10 * i + 5, random() % 2 == 0 ? "\x1b[?1049h" : "\x1b[?1049l"));
  }
  return moments;
}

void expect_seeks_to_what_playing_shows(const event::WindowSize& size) {
  const auto moments = long_session();
  Player seeking(size, moments);
  std::mt19937_64 random(2);
  std::vector<Micros> times = {seeking.duration()};
  for (int i = 0; i < 4; ++i) times.push_back(Micros(random() % 6000));
  std::vector<Micros> sorted = times;
  std::sort(sorted.begin(), sorted.end());
  std::map<Micros, terminal::Screen> expected;
  Player playing(size, moments);
  for (const Micros to : sorted) {
    while (playing.next_time() && *playing.next_time() <= to) playing.advance();
    expected.insert_or_assign(to, playing.screen());
  }
  for (const Micros to : times) {
    seeking.seek(to);
    EXPECT_TRUE(seeking.screen() == expected.at(to)) << to.count();
  }
}

TEST(Player, seeks_both_ways_to_what_playing_through_shows) {
  expect_seeks_to_what_playing_shows({8, 30, 0, 0});
}

// So large that few screens are kept, and some are given up on the way.
TEST(Player, seeks_both_ways_on_a_huge_screen) {
  expect_seeks_to_what_playing_shows({65535, 65535, 0, 0});
}

}  // namespace
}  // namespace stele::cli
