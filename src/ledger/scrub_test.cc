#include "ledger/scrub.h"

#include <set>

#include "ledger/test_world.h"
#include "vault/local_vault.h"

namespace stele::ledger {
namespace {

class ScrubTest : public testing::Test {
 protected:
  ScrubTest() : files_(world_.disk) {}

  /// So many small segments; a volume is closed once it holds 1,000 bytes.
  void record(int segments) {
    auto ledger = world_.open(files_).value();
    ledger->close_volumes_at(1000);
    if (!stream_) stream_.emplace(files_, world_.clock, world_.random);
    for (int i = 0; i < segments; ++i) ASSERT_TRUE(ledger->append(stream_->next().bytes));
    ASSERT_TRUE(ledger->sync());
    ASSERT_TRUE(ledger->publish_through(ledger->size()));
    volumes_ = *vault::LocalVault(files_, kLayout.vault()).volumes();
  }
  Scrub scrub() {
    Scrub made(files_, kLayout, World::trust(files_).log, world_.clock);
    EXPECT_TRUE(made.open());
    return made;
  }
  static std::string step_of(Scrub& scrub) {
    const auto step = scrub.step(os::Wait::kNo, nullptr);
    if (!step) return "error: " + step.error().message();
    std::string text = to_string(step->volume) + " " + std::to_string(step->first) + "-" +
                       std::to_string(step->next);
    for (const Fault& fault : step->faults) text += " [" + fault.what + ": " + fault.where + "]";
    return text;
  }
  void alter(const std::string& path, size_t offset) {
    ASSERT_TRUE(world_.disk.tamper(path, [&](Bytes& bytes) { bytes.at(offset) ^= 1; }));
  }
  std::string volume(size_t i) { return kLayout.vault() + "/volume/" + to_string(volumes_.at(i)); }
  void pass(Scrub& all) {
    ASSERT_TRUE(all.begin(os::Wait::kNo));
    while (*all.left() > 0) {
      world_.clock.advance(std::chrono::seconds(1));
      EXPECT_EQ(step_of(all).find('['), std::string::npos);
    }
  }

  World world_;
  sim::SimFileSystem files_;
  std::optional<TestStream> stream_;
  std::vector<vault::VolumeName> volumes_;
};

TEST_F(ScrubTest, an_empty_ledger_has_a_volume) {
  auto all = scrub();
  pass(all);
  EXPECT_EQ(all.memory().volumes, 1U);
  EXPECT_EQ(all.memory().leaves, 0U);
}

TEST_F(ScrubTest, the_volume_that_was_read_the_longest_ago_is_next_and_that_is_remembered) {
  record(10);
  const size_t count = volumes_.size();
  ASSERT_GE(count, 3U);
  auto first = scrub();
  ASSERT_TRUE(first.begin(os::Wait::kNo));
  EXPECT_EQ(first.left().value(), count);
  world_.clock.advance(std::chrono::seconds(1));
  const std::string one = step_of(first);
  EXPECT_TRUE(one.starts_with("000000000000.vol 0-")) << one;

  auto second = scrub();  // another process
  EXPECT_EQ(second.left().value(), count - 1);
  std::string last;
  while (*second.left() > 0) {
    world_.clock.advance(std::chrono::seconds(1));
    last = step_of(second);
  }
  EXPECT_EQ(last,
            to_string(volumes_.back()) + " " + std::to_string(volumes_.back().first_index) + "-10");
  EXPECT_EQ(second.memory().volumes, count);
  EXPECT_EQ(second.memory().leaves, 10U);
  EXPECT_EQ(second.memory().faults, 0U);
  EXPECT_GT(second.memory().bytes, 2000U);

  ASSERT_TRUE(second.begin(os::Wait::kNo));
  EXPECT_EQ(second.left().value(), count);
  world_.clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(step_of(second), one) << "and then the first again";
}

TEST_F(ScrubTest, a_clock_that_is_set_back_passes_for_no_reading) {
  record(10);
  auto all = scrub();
  pass(all);
  world_.clock.set_wall(world_.clock.wall() - std::chrono::hours(24));
  ASSERT_TRUE(all.begin(os::Wait::kNo));
  EXPECT_EQ(all.left().value(), volumes_.size());
  pass(all);
  EXPECT_EQ(all.memory().volumes, volumes_.size());
}

TEST_F(ScrubTest, what_no_checkpoint_covers_is_not_judged) {
  record(3);
  auto ledger = world_.open(files_).value();
  ASSERT_TRUE(ledger->append(stream_->next().bytes));
  ASSERT_TRUE(ledger->sync());
  auto all = scrub();
  pass(all);
  EXPECT_EQ(all.memory().leaves, 3U);
}

TEST_F(ScrubTest, every_bit_of_a_record_counts) {
  record(3);
  const std::string path = volume(0);
  const size_t size = files_.read(path, 1 << 30)->size();
  auto all = scrub();
  for (size_t offset = 0; offset < size; offset += offset < 100 ? 1 : 37) {
    alter(path, offset);
    const std::string found = step_of(all);
    EXPECT_NE(found.find("[altered: vault/volume/000000000000.vol: offset "), std::string::npos)
        << offset << ": " << found;
    alter(path, offset);
    EXPECT_EQ(step_of(all).find('['), std::string::npos);
  }
}

TEST_F(ScrubTest, a_volume_that_ends_early_or_is_gone_is_missing) {
  record(10);
  auto all = scrub();
  pass(all);
  world_.clock.advance(std::chrono::seconds(1));
  ASSERT_TRUE(world_.disk.tamper(volume(0), [](Bytes& bytes) { bytes.resize(bytes.size() / 2); }));
  const std::string cut = step_of(all);
  EXPECT_NE(cut.find("[missing: vault/volume/000000000000.vol: leaves "), std::string::npos) << cut;
  ASSERT_TRUE(files_.protect(volume(0), os::Protection::kNone));
  ASSERT_TRUE(files_.remove(volume(0)));
  const std::string gone = step_of(all);
  EXPECT_NE(gone.find("the volumes before it are not there]"), std::string::npos) << gone;
  EXPECT_NE(gone.find("[missing volume: vault/volume/000000000000.vol: was read at "),
            std::string::npos)
      << gone;
}

TEST_F(ScrubTest, without_any_volume_everything_is_missing) {
  record(1);
  auto all = scrub();
  ASSERT_TRUE(files_.protect(volume(0), os::Protection::kNone));
  ASSERT_TRUE(files_.remove(volume(0)));
  EXPECT_NE(step_of(all).find("[missing volume: vault/volume: there is none]"), std::string::npos);
}

TEST_F(ScrubTest, of_many_faults_the_first_are_named) {
  record(30);
  for (size_t i = 0; i < volumes_.size(); ++i) {
    ASSERT_TRUE(world_.disk.tamper(volume(i), [](Bytes& bytes) {
      for (uint8_t& byte : bytes) byte ^= 1;
    }));
  }
  auto all = scrub();
  const auto step = all.step(os::Wait::kNo, nullptr);
  ASSERT_TRUE(step);
  EXPECT_FALSE(step->faults.empty());
  EXPECT_LE(step->faults.size(), 18U);
}

TEST_F(ScrubTest, tiles_that_are_not_the_checkpoint_s_are_found) {
  record(3);
  const std::string tile = kLayout.vault() + "/log/tile/0/000.p/3";
  alter(tile, 40);
  auto all = scrub();
  EXPECT_NE(step_of(all).find("[altered tile: "), std::string::npos);
}

TEST_F(ScrubTest, a_tile_that_is_gone_is_missing_and_does_not_keep_it_from_the_rest) {
  record(10);
  ASSERT_TRUE(files_.remove(kLayout.vault() + "/log/tile/0/000.p/10"));
  auto all = scrub();
  ASSERT_TRUE(all.begin(os::Wait::kNo));
  for (size_t i = 0; i < volumes_.size(); ++i)
    EXPECT_NE(step_of(all).find("[missing tile: "), std::string::npos);
  EXPECT_EQ(*all.left(), 0U);
}

TEST_F(ScrubTest, bytes_left_are_those_of_the_volumes_left) {
  record(10);
  auto all = scrub();
  ASSERT_TRUE(all.begin(os::Wait::kNo));
  const uint64_t before = *all.bytes_left();
  const uint64_t read = all.step(os::Wait::kNo, nullptr)->bytes;
  EXPECT_EQ(*all.bytes_left(), before - read);
}

TEST_F(ScrubTest, without_a_checkpoint_of_this_log_nothing_is_judged) {
  record(1);
  alter(kLayout.vault() + "/log/checkpoint", 3);
  auto all = scrub();
  EXPECT_TRUE(step_of(all).starts_with("error: "));
  EXPECT_EQ(all.memory(), ScrubMemory());
}

TEST_F(ScrubTest, a_flag_that_is_taken_off_is_found) {
  record(10);
  ASSERT_TRUE(files_.protect(volume(0), os::Protection::kImmutable));
  auto all = scrub();
  pass(all);
  world_.clock.advance(std::chrono::seconds(1));
  ASSERT_TRUE(files_.protect(volume(0), os::Protection::kNone));
  EXPECT_NE(step_of(all).find("[unlocked: vault/volume/000000000000.vol: was immutable at "),
            std::string::npos);
}

/// A disk with fs-verity on some of its files.
class VerifiedFiles : public sim::SimFileSystem {
 public:
  using SimFileSystem::SimFileSystem;
  std::set<std::string> verified;  // paths
  Result<std::optional<std::string>> verity(const std::string& path) override {
    if (!verified.contains(path)) return std::nullopt;
    return "sha256:00";
  }
};

TEST_F(ScrubTest, another_file_in_the_place_of_one_with_verity_is_found) {
  record(10);
  VerifiedFiles files(world_.disk);
  files.verified = {volume(0)};
  Scrub all(files, kLayout, World::trust(files_).log, world_.clock);
  ASSERT_TRUE(all.open());
  pass(all);
  EXPECT_TRUE(all.memory().known.at(volumes_[0]).has_verity);
  EXPECT_FALSE(all.memory().known.at(volumes_[1]).has_verity);
  files.verified.clear();
  EXPECT_NE(step_of(all).find("[replaced: vault/volume/000000000000.vol: had fs-verity at "),
            std::string::npos);
  EXPECT_EQ(step_of(all).find('['), std::string::npos);
}

TEST_F(ScrubTest, what_is_remembered_is_read_again_or_forgotten_whole) {
  ScrubMemory memory{.pass = 3,
                     .began = WallTime(Micros(7)),
                     .volumes = 1,
                     .leaves = 2,
                     .bytes = 3,
                     .faults = 4,
                     .known = {}};
  memory.known[{0, 0}] = {3, WallTime(Micros(8)), 5, 0, true};
  memory.known[{5, 1}] = {2, WallTime(Micros(9)), 6, 1, false};
  const std::string text = encode(memory);
  EXPECT_EQ(*parse_scrub_memory(text), memory);
  for (size_t i = 0; i < text.size(); ++i) {
    std::string altered = text;
    altered[i] ^= 1;
    EXPECT_FALSE(parse_scrub_memory(altered)) << i;
    EXPECT_FALSE(parse_scrub_memory(text.substr(0, i))) << i;
  }
  record(1);
  ASSERT_TRUE(files_.replace(kLayout.state() + "/scrub", as_bytes("torn")));
  auto all = scrub();
  EXPECT_EQ(all.memory(), ScrubMemory());
  EXPECT_EQ(step_of(all), "000000000000.vol 0-1");
}

}  // namespace
}  // namespace stele::ledger
