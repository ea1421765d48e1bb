// A device that fails, or a system that refuses, convicts nobody: what could not be read is
// unknown.
#include <gtest/gtest.h>

#include <set>

#include "ledger/test_report.h"
#include "ledger/test_world.h"

namespace stele::ledger {
namespace {

/// A machine that cannot read some of its files, whatever they hold.
class BadDisk : public sim::SimFileSystem {
 public:
  BadDisk(sim::Disk& disk, Code code) : SimFileSystem(disk), code_(code) {}

  std::set<std::string> broken;  // paths

  Result<Bytes> read(const std::string& path, size_t bytes_max) override {
    if (broken.contains(path)) return fail(code_, "read " + path);
    return SimFileSystem::read(path, bytes_max);
  }
  Result<std::unique_ptr<os::File>> open_read(const std::string& path) override {
    TRY(auto file, SimFileSystem::open_read(path));
    if (!broken.contains(path)) return file;
    return std::make_unique<Broken>(std::move(file), code_);
  }

 private:
  class Broken : public os::File {
   public:
    Broken(std::unique_ptr<os::File> file, Code code) : file_(std::move(file)), code_(code) {}
    Result<size_t> read_at(uint64_t, MutableByteSpan) override { return fail(code_, "read"); }
    Status append(std::initializer_list<ByteSpan>) override { return fail(code_, "append"); }
    Status sync() override { return fail(code_, "sync"); }
    Result<uint64_t> size() override { return file_->size(); }
    void drop_cache() override {}

   private:
    const std::unique_ptr<os::File> file_;
    const Code code_;
  };
  const Code code_;
};

class Unreadable : public ::testing::TestWithParam<Code> {
 protected:
  Unreadable() {
    sim::SimFileSystem files(world.disk);
    TestStream closed(files, world.clock, world.random), cut(files, world.clock, world.random);
    auto ledger = world.open(files).value();
    EXPECT_TRUE(ledger->append(closed.next().bytes).has_value());
    EXPECT_TRUE(ledger->append(cut.next().bytes).has_value());
    EXPECT_TRUE(ledger->append(closed.next(50, true).bytes).has_value());
    EXPECT_TRUE(ledger->sync().has_value());
    EXPECT_TRUE(ledger->publish_through(2).has_value());
  }
  Report verify_without(const std::set<std::string>& paths) {
    BadDisk files(world.disk, GetParam());
    const Trust trust = World::trust(files);
    files.broken = paths;
    auto report = verify(files, kLayout, trust, {});
    EXPECT_TRUE(report.has_value()) << report.error().message();
    return report ? *std::move(report) : Report();
  }
  /// Every file there is but keys and locks.
  std::vector<std::string> files() const {
    std::vector<std::string> found = {kLayout.head(), kLayout.recipients(), kLayout.policy_vkey()};
    for (const auto& [path, entry] : world.disk.snapshot()) {
      if (!entry.is_directory && path.starts_with(kLayout.vault())) found.push_back(path);
    }
    return found;
  }

  World world;
};
INSTANTIATE_TEST_SUITE_P(Codes, Unreadable, ::testing::Values(Code::kIo, Code::kPermission));

TEST_P(Unreadable, any_single_file_is_unknown_and_named) {
  for (const std::string& path : files()) {
    const Report report = verify_without({path});
    EXPECT_EQ(report.verdict, Verdict::kUnknown) << path << describe(report);
    const auto faults = all_faults(report);
    const std::string name = path.substr(std::string("/ledger/").size());
    EXPECT_TRUE(std::any_of(faults.begin(), faults.end(),
                            [&](const Fault& f) {
                              return f.weight == Verdict::kUnknown &&
                                     f.what.starts_with("unreadable ") && f.where.starts_with(name);
                            }))
        << path << describe(report);
  }
}

TEST_P(Unreadable, all_of_them_together_convict_nobody) {
  const auto all = files();
  const Report report = verify_without({all.begin(), all.end()});
  EXPECT_EQ(report.verdict, Verdict::kUnknown) << describe(report);
  std::set<std::string> tree(all.begin(), all.end());
  tree.erase(kLayout.vault() + "/log/checkpoint");
  EXPECT_EQ(verify_without(tree).verdict, Verdict::kUnknown);
}

TEST_P(Unreadable, sessions_that_may_end_in_what_cannot_be_read_are_not_cut) {
  const Report report = verify_without({"/ledger/vault/volume/000000000000.vol"});
  ASSERT_FALSE(report.streams.empty());
  for (const StreamReport& s : report.streams) EXPECT_EQ(s.verdict, Verdict::kUnknown);
}

TEST_P(Unreadable, what_was_altered_besides_is_still_found) {
  const auto flip = [](Bytes& b) { b[200] ^= 1; };
  ASSERT_TRUE(world.disk.tamper("/ledger/vault/volume/000000000000.vol", flip).has_value());
  const Report report = verify_without({kLayout.head()});
  EXPECT_EQ(report.verdict, Verdict::kTampered) << describe(report);
  EXPECT_TRUE(names(report, "altered", "leaf 0")) << describe(report);
}

}  // namespace
}  // namespace stele::ledger
