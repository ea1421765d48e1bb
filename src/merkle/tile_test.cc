#include "merkle/tile.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace stele::merkle {
namespace {

struct Spelling {
  Tile tile;
  const char* path;
};

TEST(TilePath, is_spelt_as_the_standard_says_and_read_back) {
  for (const auto& [tile, text] : {
           Spelling{{0, 0, 256}, "tile/0/000"},
           Spelling{{0, 999, 256}, "tile/0/999"},
           Spelling{{0, 1000, 256}, "tile/0/x001/000"},
           Spelling{{3, 1234067, 256}, "tile/3/x001/x234/067"},
           Spelling{{3, 1234067, 1}, "tile/3/x001/x234/067.p/1"},
           Spelling{{63, 0, 255}, "tile/63/000.p/255"},
           Spelling{{0, 273, 112}, "tile/0/273.p/112"},
           Spelling{{kEntries, 273, 112}, "tile/entries/273.p/112"},
           Spelling{{kEntries, 1000000, 256}, "tile/entries/x001/x000/000"},
           Spelling{{0, kTileIndexMax, 256}, "tile/0/x036/x028/x797/x018/x963/967"},
       }) {
    EXPECT_EQ(path(tile), text);
    const auto parsed = parse_tile_path(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, tile) << text;
  }
}

TEST(TilePath, has_no_second_spelling) {
  for (const char* text :
       {"",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/x000/001",
        "tile/0/001/x000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/xx001/000",
        "tile/0/x001//000",
        "tile/0/x01/000",
        "tile/00/000",
        "tile/64/000",
        "tile/255/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/data/000",
        "tile/8/0/000",
        "tile/Entries/000",
        "tile/entries/0",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/1/",
        "tile/0/000.p/-1",
        "tile/0/000.p/1.p/1",
        "tile/0/000.P/1",
        "tile/0/000.p/65537",
        "tile/0/ 00",
        "tile/0/x036/x028/x797/x018/x963/968",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/000\n",
        "tile/0/../../etc/passwd",
        "tile/0/x001/x001/x001/x001/x001/x001/x001/x001/x001/x001/x001/x001/x001/001"}) {
    EXPECT_FALSE(parse_tile_path(text)) << text;
  }
}

// The examples of tlog-tiles, "Partial Tiles".
TEST(Tiles, of_a_log_of_70000_and_of_256_are_those_of_the_standard) {
  const std::vector<Tile> partial = {{0, 273, 112}, {1, 1, 17}, {2, 0, 1}, {kEntries, 273, 112}};
  EXPECT_EQ(partial_tiles(70000), partial);
  const auto full = new_full_tiles(0, 70000);
  EXPECT_EQ(std::count_if(full.begin(), full.end(), [](const Tile& t) { return t.level == 0; }),
            273);
  EXPECT_EQ(std::count_if(full.begin(), full.end(), [](const Tile& t) { return t.level == 1; }), 1);
  EXPECT_EQ(std::count_if(full.begin(), full.end(), [](const Tile& t) { return t.is_bundle(); }),
            273);
  EXPECT_EQ(full.size(), 273U + 1 + 273);

  EXPECT_EQ(partial_tiles(256), (std::vector<Tile>{{1, 0, 1}}));
  EXPECT_EQ(new_full_tiles(0, 256), (std::vector<Tile>{{0, 0, 256}, {kEntries, 0, 256}}));
}

TEST(Tiles, exist_exactly_where_they_are_listed) {
  for (uint64_t size : {0, 1, 255, 256, 257, 511, 512, 1000, 65535, 65536, 65537, 70000}) {
    auto listed = new_full_tiles(0, size);
    for (const Tile& tile : partial_tiles(size)) listed.push_back(tile);
    for (uint8_t level :
         {uint8_t{0}, uint8_t{1}, uint8_t{2}, uint8_t{7}, uint8_t{8}, uint8_t{63}, kEntries}) {
      for (uint64_t index = 0; index < 300; ++index) {
        for (int width : {0, 1, 3, 17, 112, 232, 255, 256}) {
          const Tile tile{level, index, static_cast<uint16_t>(width)};
          const bool is_listed = std::find(listed.begin(), listed.end(), tile) != listed.end();
          ASSERT_EQ(exists(tile, size), is_listed) << path(tile) << " of " << size;
        }
      }
    }
  }
}

TEST(Tiles, fit_where_a_log_of_that_size_or_a_smaller_one_has_them) {
  for (uint8_t level : {uint8_t{0}, uint8_t{1}, uint8_t{63}, kEntries}) {
    for (uint64_t index = 0; index < 4; ++index) {
      for (uint16_t width : {uint16_t{1}, uint16_t{3}, uint16_t{255}, uint16_t{256}}) {
        const Tile tile{level, index, width};
        bool was_there = false;
        for (uint64_t size = 0; size <= 1000; ++size) {
          was_there = was_there || exists(tile, size);
          ASSERT_EQ(fits(tile, size), was_there) << path(tile) << " of " << size;
        }
      }
    }
  }
  EXPECT_TRUE(fits({1, 0, 2}, 512));
  EXPECT_TRUE(fits({2, 0, 1}, 65536));
  EXPECT_FALSE(fits({2, 0, 1}, 65535));
  EXPECT_FALSE(fits({0, kTileIndexMax, 256}, kSizeMax));
}

TEST(Tiles, that_are_new_are_those_the_smaller_tree_has_not) {
  for (uint64_t from : {0, 1, 255, 256, 65535, 65536, 70000}) {
    for (uint64_t to : {0, 1, 255, 256, 257, 65536, 70000, 131072}) {
      std::vector<Tile> expected;
      for (const Tile& tile : new_full_tiles(0, to)) {
        if (!exists(tile, from)) expected.push_back(tile);
      }
      ASSERT_EQ(new_full_tiles(from, to), expected) << from << " -> " << to;
    }
  }
}

TEST(Tiles, of_the_largest_tree_are_counted_without_overflow) {
  EXPECT_EQ(partial_tiles(kSizeMax).size(), 9U);
  EXPECT_EQ(partial_tiles(kSizeMax)[7], (Tile{7, 0, 127}));
  EXPECT_EQ(new_full_tiles(kSizeMax - 256, kSizeMax).size(), 2U);
}

TEST(TileBytes, are_exactly_as_many_hashes_as_the_tile_is_wide) {
  std::vector<Hash> hashes(3);
  hashes[1].fill(7);
  const Bytes bytes = encode_tile(hashes);
  EXPECT_EQ(bytes.size(), 96U);
  EXPECT_EQ(*parse_tile(bytes, 3), hashes);
  EXPECT_FALSE(parse_tile(bytes, 2));
  EXPECT_FALSE(parse_tile(bytes, 4));
  EXPECT_FALSE(parse_tile(ByteSpan(bytes).first(95), 3));
}

}  // namespace
}  // namespace stele::merkle
