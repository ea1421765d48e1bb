// For tests only: a simulated machine with a spool on it.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "sim/clock.h"
#include "sim/disk.h"
#include "sim/file_system.h"
#include "spool/spool.h"
#include "spool/test_stream.h"

namespace stele::spool {

inline const std::string kDirectory = "/spool";

/// Small files, so that little work fills many; no ballast.
inline SpoolOptions small_options() {
  return {.quota = {.bytes_max = 64 << 10,
                    .owner_bytes_max = 32 << 10,
                    .reserve_bytes = 0,
                    .low_water_bytes = 8 << 10},
          .file_bytes_max = 1500};
}

struct World {
  sim::Clock clock;
  sim::Disk disk;
  SpoolOptions options = small_options();

  Result<std::unique_ptr<Spool>> open(os::FileSystem& files) {
    return Spool::open(files, kDirectory, clock, options);
  }
};

/// A world with one process and its spool, for stories.
class SpoolStory : public testing::Test {
 protected:
  void SetUp() override { reopen(); }

  /// The process dies and another takes its place.
  void reopen() {
    spool.reset();
    if (files) files->kill();
    files = std::make_unique<sim::SimFileSystem>(world.disk);
    auto opened = world.open(*files);
    ASSERT_TRUE(opened.has_value()) << opened.error().message();
    spool = *std::move(opened);
  }
  /// Appends a stream's next segment; `taken` is ten for each segment.
  Bytes put(TestStream& stream, size_t payload = 100, bool close = false, uint32_t owner = 1000) {
    Bytes bytes = stream.next(payload, close);
    const auto appended = spool->append(bytes, 10 * stream.next_sequence(), owner);
    EXPECT_TRUE(appended.has_value()) << appended.error().message();
    return bytes;
  }
  Bytes put_synced(TestStream& stream, size_t payload = 100, bool close = false) {
    Bytes bytes = put(stream, payload, close);
    EXPECT_TRUE(spool->sync().has_value());
    return bytes;
  }
  std::vector<Outgoing> ship(size_t count_max = 1000) {
    auto out = spool->next(16 << 20, count_max);
    EXPECT_TRUE(out.has_value());
    return out ? *std::move(out) : std::vector<Outgoing>();
  }
  /// The server takes them all.
  void accept(const std::vector<Outgoing>& shipped) {
    for (const Outgoing& one : shipped) {
      const auto accepted =
          spool->accepted(one.stream, one.sequence, next_index++, leaf_of(one.bytes));
      EXPECT_TRUE(accepted.has_value()) << accepted.error().message();
    }
  }
  void cover_all() {
    for (const Acknowledged& one : spool->acknowledged(UINT64_MAX, 1000)) {
      const auto covered = spool->covered(one.stream, one.sequence);
      EXPECT_TRUE(covered.has_value()) << covered.error().message();
    }
  }
  void ship_and_cover() {
    accept(ship());
    cover_all();
  }
  size_t spool_files() {
    size_t count = 0;
    const std::vector<std::string> names = files->list(kDirectory).value();
    for (const std::string& name : names) count += parse_file_name(name) ? 1 : 0;
    return count;
  }

  World world;
  std::unique_ptr<sim::SimFileSystem> files;
  std::unique_ptr<Spool> spool;
  uint64_t next_index = 0;
};

}  // namespace stele::spool
