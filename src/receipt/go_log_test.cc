// A log of ours on disk, checked by tests/golog: Go's tree and note code, which shares nothing with
// ours.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/hex.h"
#include "merkle/test_tree.h"
#include "merkle/tile_builder.h"
#include "receipt/checkpoint.h"
#include "receipt/test_keys.h"

namespace stele::receipt {
namespace {

namespace fs = std::filesystem;

Bytes read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}
void write_file(const fs::path& path, ByteSpan bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << as_text(bytes);
}

/// A published log in a directory; entry i is the decimal text of i.
class LogDirectory : public merkle::HashReader {
 public:
  explicit LogDirectory(fs::path root) : root_(std::move(root)) {}

  Result<Bytes> read(const merkle::Tile& tile) override {
    const fs::path file = root_ / merkle::path(tile);
    if (!fs::exists(file)) return fail(Code::kNotFound, file);
    return read_file(file);
  }

  /// Goes on from what stands on disk to `size`, and signs it.
  Checkpoint publish(uint64_t size) {
    auto builder = merkle::TileBuilder::restore(*this, size_);
    CHECK(builder);
    for (uint64_t i = size_; i < size; ++i) CHECK(builder->append(as_bytes(merkle::entry_text(i))));
    for (const auto& tile : merkle::partial_tiles(size_))
      fs::remove_all(root_ / (path(merkle::Tile{tile.level, tile.index}) + ".p"));
    for (const auto& file : builder->take_full()) write_file(root_ / path(file.tile), file.bytes);
    for (const auto& file : builder->partial()) write_file(root_ / path(file.tile), file.bytes);
    size_ = size;
    return sign(builder->root());
  }
  Checkpoint sign(const Hash& root) {
    const Checkpoint checkpoint{"example.com/log", size_, root};
    write_file(root_ / "checkpoint", as_bytes(*sign_checkpoint(checkpoint, log_signer())));
    return checkpoint;
  }

 private:
  const fs::path root_;
  uint64_t size_ = 0;
};

class GoLog : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "stele-golog-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    set_key(log_signer().key());
  }
  void TearDown() override { fs::remove_all(root_); }

  void set_key(const VerifierKey& key) {
    write_file(root_ / "log.vkey", as_bytes(key.to_string() + "\n"));
  }

  /// Runs the checker; its exit status, with what it said in said_.
  int check(const std::string& older = "") {
    const std::string command = "'" STELE_TESTDATA "/../tests/golog/check.sh' '" +
                                (root_ / "log").string() + "' '" + (root_ / "log.vkey").string() +
                                "' " + older + " >'" + (root_ / "said").string() + "' 2>&1";
    const int status = std::system(command.c_str());
    said_ = as_text(read_file(root_ / "said"));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  bool has_go() {
    static const bool answer = check() != kNoGo;
    return answer;
  }

  static constexpr int kNoGo = 77;
  fs::path root_;
  std::string said_;
};

TEST_F(GoLog, accepts_a_log_that_grew_and_was_restored_from_its_tiles) {
  LogDirectory log(root_ / "log");
  std::string older;
  for (uint64_t size : {1, 8, 255, 256, 257, 1000, 70000}) {
    const Checkpoint checkpoint = log.publish(size);
    const int status = check(older);
    if (status == kNoGo) GTEST_SKIP() << said_;
    ASSERT_EQ(status, 0) << size << ": " << said_;
    EXPECT_TRUE(said_.starts_with("ok: size " + std::to_string(size) + ",")) << said_;
    older += " " + std::to_string(size) + "=" + to_base64(checkpoint.root);
  }
}

TEST_F(GoLog, accepts_an_empty_log) {
  LogDirectory log(root_ / "log");
  log.publish(0);
  if (!has_go()) GTEST_SKIP() << said_;
  EXPECT_EQ(check(), 0) << said_;
}

TEST_F(GoLog, refuses_a_log_with_any_file_changed_cut_lengthened_or_gone) {
  LogDirectory log(root_ / "log");
  log.publish(1000);
  if (!has_go()) GTEST_SKIP() << said_;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(root_ / "log")) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  EXPECT_EQ(paths.size(), 1U + 3 + 1 + 3 + 2);  // checkpoint, tiles, bundles
  for (const fs::path& path : paths) {
    const Bytes right = read_file(path);
    Bytes wrong = right;
    wrong[wrong.size() / 2] ^= 1;
    write_file(path, wrong);
    EXPECT_EQ(check(), 1) << path << " changed: " << said_;
    write_file(path, ByteSpan(right).first(right.size() - 1));
    EXPECT_EQ(check(), 1) << path << " cut: " << said_;
    wrong = right;
    wrong.push_back(0);
    write_file(path, wrong);
    EXPECT_EQ(check(), 1) << path << " lengthened: " << said_;
    fs::remove(path);
    EXPECT_EQ(check(), 1) << path << " gone: " << said_;
    write_file(path, right);
  }
  EXPECT_EQ(check(), 0) << said_;
}

TEST_F(GoLog, refuses_what_the_log_did_not_sign) {
  LogDirectory log(root_ / "log");
  const Checkpoint right = log.publish(300);
  if (!has_go()) GTEST_SKIP() << said_;
  set_key(test_signer("example.com/log", 9).key());
  EXPECT_EQ(check(), 1);
  set_key(test_signer("example.com/other", 1).key());
  EXPECT_EQ(check(), 1);
  set_key(log_signer().key());
  log.sign(merkle::leaf_hash({}));
  EXPECT_EQ(check(), 1) << "signed, but not the tiles' root";
  log.sign(right.root);
  EXPECT_EQ(check(), 0) << said_;
}

TEST_F(GoLog, refuses_a_log_that_rewrote_its_past) {
  LogDirectory log(root_ / "log");
  log.publish(300);
  if (!has_go()) GTEST_SKIP() << said_;
  const std::string another_past = to_base64(merkle::leaf_hash(as_bytes("another past")));
  EXPECT_EQ(check("257=" + another_past), 1);
  EXPECT_EQ(check("301"), 1) << "the log has shrunk";
  EXPECT_EQ(check("257"), 0) << said_;
}

}  // namespace
}  // namespace stele::receipt
