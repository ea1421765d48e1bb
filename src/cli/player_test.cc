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

Moment output(int64_t us, std::string_view text) {
  return {Micros(us), bytes_of(text), std::nullopt};
}
Moment resize(int64_t us, uint16_t rows, uint16_t columns) {
  return {Micros(us), {}, event::WindowSize{rows, columns, 0, 0}};
}

/// Parts of so many moments, of which one read before is let go.
class MemoryReel : public Reel {
 public:
  explicit MemoryReel(Moments moments, size_t part_moments = 1)
      : moments_(std::move(moments)), part_moments_(part_moments) {
    for (size_t i = 0; i < moments_.size(); i += part_moments_)
      parts_.push_back({moments_[i].at, part(i).back().at});
  }
  Result<std::shared_ptr<const Moments>> read(size_t number) override {
    ++reads;
    if (number == broken) return fail(Code::kIo, "read");
    return std::make_shared<const Moments>(part(number * part_moments_));
  }
  void append(const Moment& moment) {
    ASSERT_EQ(moments_.size() % part_moments_, 0U) << "a part that is there stays as it is";
    moments_.push_back(moment);
    parts_.push_back({moment.at, moment.at});
  }
  size_t reads = 0, broken = SIZE_MAX;

 private:
  Moments part(size_t from) const {
    const auto first = moments_.begin() + static_cast<ptrdiff_t>(from);
    return {first, first + static_cast<ptrdiff_t>(std::min(part_moments_, moments_.size() - from))};
  }
  Moments moments_;
  const size_t part_moments_;
};

std::string row(const Player& player, size_t row) {
  std::string out;
  player.screen().grid().line(row).append_text(player.screen().columns(), out);
  return out;
}

TEST(Player, shows_one_moment_after_the_other) {
  MemoryReel reel({output(10, "one"), output(20, " two")});
  Player player({3, 10, 0, 0}, reel);
  EXPECT_EQ(player.next_time(), Micros(10));
  ASSERT_TRUE(player.advance());
  EXPECT_EQ(row(player, 0), "one");
  EXPECT_EQ(as_text(player.harmless_output()), "one");
  EXPECT_EQ(player.next_time(), Micros(20));
  ASSERT_TRUE(player.advance());
  EXPECT_EQ(row(player, 0), "one two");
  EXPECT_EQ(player.next_time(), std::nullopt);
  EXPECT_EQ(player.duration(), Micros(20));
}

TEST(Player, of_an_empty_session_has_nothing_to_show) {
  MemoryReel reel({});
  Player player({0, 0, 0, 0}, reel);
  EXPECT_EQ(player.next_time(), std::nullopt);
  ASSERT_TRUE(player.seek(Micros(5)));
  EXPECT_EQ(player.screen().rows(), 24U);
  EXPECT_EQ(player.screen().columns(), 80U);
}

TEST(Player, seeks_to_what_was_there_at_that_very_time) {
  for (size_t part_moments = 1; part_moments <= 4; ++part_moments) {
    MemoryReel reel({output(10, "a"), output(20, "b"), output(20, "c"), output(30, "d")},
                    part_moments);
    Player player({3, 10, 0, 0}, reel);
    for (const auto& [to, shown] : {std::pair(20, "abc"),
                                    {19, "a"},
                                    {0, ""},
                                    {99, "abcd"},
                                    {20, "abc"},
                                    {10, "a"},
                                    {30, "abcd"},
                                    {29, "abc"}}) {
      ASSERT_TRUE(player.seek(Micros(to)));
      EXPECT_EQ(row(player, 0), shown) << to << ", parts of " << part_moments;
    }
  }
}

TEST(Player, reads_each_part_once_on_the_way_and_none_ahead) {
  MemoryReel reel({output(10, "a"), output(20, "b"), output(30, "c"), output(40, "d")}, 2);
  Player player({3, 10, 0, 0}, reel);
  EXPECT_EQ(player.duration(), Micros(40));
  EXPECT_EQ(reel.reads, 0U);
  for (const size_t reads : {1U, 1U, 2U, 2U}) {
    ASSERT_TRUE(player.advance());
    EXPECT_EQ(reel.reads, reads);
  }
}

TEST(Player, goes_on_with_what_came_meanwhile) {
  MemoryReel reel({output(10, "a")});
  Player player({3, 10, 0, 0}, reel);
  ASSERT_TRUE(player.advance());
  EXPECT_EQ(player.next_time(), std::nullopt);
  reel.append(output(20, "b"));
  EXPECT_EQ(player.next_time(), Micros(20));
  EXPECT_EQ(player.duration(), Micros(20));
  ASSERT_TRUE(player.advance());
  EXPECT_EQ(row(player, 0), "ab");
}

TEST(Player, says_that_a_part_can_not_be_read) {
  MemoryReel reel({output(10, "a"), output(20, "b"), output(30, "c")});
  reel.broken = 1;
  Player player({3, 10, 0, 0}, reel);
  ASSERT_TRUE(player.advance());
  const auto moment = player.advance();
  ASSERT_FALSE(moment);
  EXPECT_EQ(moment.error().code, Code::kIo);
  EXPECT_EQ(row(player, 0), "a");
  Player seeking({3, 10, 0, 0}, reel);
  EXPECT_FALSE(seeking.seek(Micros(30)));
}

TEST(Player, neutralises_across_a_seek) {
  MemoryReel reel({output(10, "a\x1b]52;c;"),
                   output(20,
                          "Y21k\x07"
                          "b\n"),
                   output(30, "\x1b[3"), output(40, "1mc"), output(50, "\x1b[20h")});
  Player player({3, 20, 0, 0}, reel);
  ASSERT_TRUE(player.seek(Micros(10)));
  ASSERT_TRUE(player.advance());
  EXPECT_EQ(as_text(player.harmless_output()), "b\n");
  ASSERT_TRUE(player.seek(Micros(30)));
  ASSERT_TRUE(player.advance());
  EXPECT_EQ(as_text(player.harmless_output()), "\x1b[31mc");
  ASSERT_TRUE(player.seek(Micros(50)));
  ASSERT_TRUE(player.seek(Micros(10)));
  ASSERT_TRUE(player.advance());
  EXPECT_EQ(as_text(player.harmless_output()), "b\n") << "newline mode came later";
}

TEST(Player, a_size_that_nobody_knows_changes_nothing) {
  MemoryReel reel({output(10, "text"), resize(20, 0, 0), resize(30, 5, 0)});
  Player player({3, 10, 0, 0}, reel);
  ASSERT_TRUE(player.seek(Micros(20)));
  EXPECT_EQ(row(player, 0), "text");
  EXPECT_EQ(player.screen().rows(), 3U);
  ASSERT_TRUE(player.seek(Micros(30)));
  EXPECT_EQ(player.screen().rows(), 5U);
  EXPECT_EQ(player.screen().columns(), 10U);
}

TEST(Player, takes_back_a_size_when_it_goes_back) {
  MemoryReel reel({resize(10, 4, 0), resize(20, 5, 20)});
  Player player({3, 10, 0, 0}, reel);
  ASSERT_TRUE(player.seek(Micros(20)));
  EXPECT_EQ(player.screen().columns(), 20U);
  ASSERT_TRUE(player.seek(Micros(10)));
  EXPECT_EQ(player.screen().rows(), 4U);
  EXPECT_EQ(player.screen().columns(), 10U);
}

// More output than is kept apart, with sizes, modes and cut sequences on the way.
Moments long_session() {
  std::mt19937_64 random(1);
  Moments moments;
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
  MemoryReel reel(long_session(), 7);
  Player seeking(size, reel);
  std::mt19937_64 random(2);
  std::vector<Micros> times = {seeking.duration()};
  for (int i = 0; i < 4; ++i) times.push_back(Micros(random() % 6000));
  std::vector<Micros> sorted = times;
  std::sort(sorted.begin(), sorted.end());
  std::map<Micros, terminal::Screen> expected;
  Player playing(size, reel);
  for (const Micros to : sorted) {
    while (playing.next_time() && *playing.next_time() <= to) ASSERT_TRUE(playing.advance());
    expected.insert_or_assign(to, playing.screen());
  }
  for (const Micros to : times) {
    ASSERT_TRUE(seeking.seek(to));
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
