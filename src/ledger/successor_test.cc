// A successor log: it begins with what is left of another one, and says what that was.
#include "ledger/successor.h"

#include <gtest/gtest.h>

#include "ledger/directory_ledger.h"
#include "ledger/test_report.h"
#include "ledger/test_world.h"

namespace stele::ledger {
namespace {

const Layout kNext{"/next"};
const std::string kVolume = "/vault/volume/000000000000.vol", kCheckpoint = "/vault/log/checkpoint";

/// A ledger of two sessions: the first closed and covered by an earlier checkpoint of three leaves,
/// the second still open, five leaves in all.
class Successor : public ::testing::Test {
 protected:
  Successor() {
    sim::SimFileSystem files(world.disk);
    TestStream first(files, world.clock, world.random);
    open_stream.emplace(files, world.clock, world.random);
    auto ledger = world.open(files).value();
    append(*ledger, first.next());
    append(*ledger, first.next(50, true));
    append(*ledger, open_stream->next());
    publish(*ledger);
    earlier = world.disk.snapshot();
    append(*ledger, open_stream->next());
    append(*ledger, open_stream->next());
    publish(*ledger);
    whole = world.disk.snapshot();
  }
  void append(Ledger& ledger, const segment::Sealed& sealed) {
    ASSERT_TRUE(ledger.append(sealed.bytes).has_value());
  }
  void publish(Ledger& ledger) {
    ASSERT_TRUE(ledger.sync().has_value());
    ASSERT_TRUE(ledger.publish_through(ledger.size()).has_value());
  }
  Bytes checkpoint(const sim::Image& image) const {
    return image.at("/ledger" + kCheckpoint).bytes;
  }

  Result<Predecessor> succeed_with(Bytes last = {}, sim::Plan plan = {},
                                   const std::string& origin = "stele/test/2") {
    sim::SimFileSystem files(world.disk, plan);
    auto done =
        succeed(files, kNext, {kLayout, origin, std::move(last)}, world.clock, world.random);
    steps = files.steps().size();
    return done;
  }
  Report verify_next(VerifyOptions options = {}) {
    sim::SimFileSystem files(world.disk);
    const Trust trust{load_verifier_key(files, kNext.log_vkey()).value(),
                      HostKeys::load(files, kNext.host_vkey()).value()};
    return verify(files, kNext, trust, options).value();
  }
  void put(const std::string& path, ByteSpan bytes) { world.disk.put(path, bytes); }
  void remove(const std::string& path) { ASSERT_TRUE(world.disk.erase(path).has_value()); }

  void start_again() {
    sim::Image image = world.disk.snapshot();
    std::erase_if(image, [](const auto& entry) { return entry.first.starts_with("/next/"); });
    world.disk.restore(image);
  }

  World world;
  std::optional<TestStream> open_stream;
  sim::Image earlier, whole;
  size_t steps = 0;
};

TEST_F(Successor, begins_with_every_leaf_and_goes_on) {
  put("/ledger/people/jane", as_bytes("what a server keeps beside it"));
  whole = world.disk.snapshot();
  const auto made = succeed_with();
  ASSERT_TRUE(made.has_value()) << made.error().message();
  EXPECT_EQ(made->before.name, "stele/test/1");
  EXPECT_EQ(made->size, 5U);
  EXPECT_EQ(made->kept, 5U);
  const sim::Image now = world.disk.snapshot();
  for (const char* name : {"recipients", "keys/host.key", "people/jane", "auditor.age"})
    EXPECT_EQ(now.at(std::string("/next/") + name), now.at(std::string("/ledger/") + name)) << name;
  EXPECT_NE(now.at("/next/keys/log.key").bytes, now.at("/ledger/keys/log.key").bytes);
  for (const auto& [path, entry] : world.disk.snapshot()) {
    if (path.starts_with("/ledger") && !path.ends_with(".lock")) {
      EXPECT_EQ(entry.bytes, whole.at(path).bytes) << path << " is not changed";
    }
  }

  sim::SimFileSystem files(world.disk);
  auto key = load_private_key(files, kNext.log_key()).value();
  auto ledger =
      DirectoryLedger::open(files, kNext, world.clock,
                            std::make_shared<receipt::NoteSigner>(
                                receipt::NoteSigner::make(key.name, std::move(key.key)).value()))
          .value();
  EXPECT_EQ(ledger->size(), 5U);
  append(*ledger, open_stream->next(50, true));  // a stream that was open goes on
  publish(*ledger);
  const Report report = verify_next();
  EXPECT_EQ(report.verdict, Verdict::kIntact);
  EXPECT_EQ(report.origin, "stele/test/2");
  EXPECT_EQ(report.leaves, 6U);
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_EQ(report.notes[0],
            "successor of stele/test/1: begins with its first 5 leaves, all that were proven");
}

TEST_F(Successor, says_what_a_backup_lacked) {
  put("/ledger" + kVolume, earlier.at("/ledger" + kVolume).bytes);
  for (const bool is_told : {false, true}) {
    // The newest checkpoint lies in the vault itself, or a host has it.
    if (is_told) put("/ledger" + kCheckpoint, checkpoint(earlier));
    const auto made = succeed_with(is_told ? checkpoint(whole) : Bytes());
    ASSERT_TRUE(made.has_value()) << made.error().message();
    EXPECT_TRUE(made->has_loss());
    EXPECT_EQ(made->size, 5U);
    EXPECT_EQ(made->kept, 3U);
    const Report report = verify_next();
    EXPECT_EQ(report.verdict, Verdict::kIntact);
    ASSERT_EQ(report.notes.size(), 1U);
    EXPECT_NE(report.notes[0].find("; leaves 3 to 4 of it are lost"), std::string::npos);
    start_again();
  }
}

TEST_F(Successor, of_another_history_is_not_made) {
  // The volumes of a log that went another way, under checkpoints that were signed before.
  Bytes volume = whole.at("/ledger" + kVolume).bytes;
  put("/ledger" + kCheckpoint, checkpoint(earlier));
  volume[67] ^= 1;  // the first leaf's wall time: the segment is whole, the leaf another one
  put("/ledger" + kVolume, volume);
  for (const Bytes& last : {Bytes(), checkpoint(whole)}) {
    const auto made = succeed_with(last);
    ASSERT_FALSE(made.has_value());
    EXPECT_NE(made.error().context.find("leaves are not those that were proven"), std::string::npos)
        << made.error().message();
    start_again();
  }
}

TEST_F(Successor, of_a_log_that_was_forked_is_not_made) {
  sim::SimFileSystem files(world.disk);
  const std::string other =
      receipt::sign_checkpoint({"stele/test/1", 5, Hash{}}, *world.signer(files)).value();
  const auto bytes = as_bytes(other);
  const auto made = succeed_with({bytes.begin(), bytes.end()});
  EXPECT_EQ(made.error().code, Code::kConflict);
}

TEST_F(Successor, of_altered_segments_is_not_made_and_the_place_is_named) {
  Bytes volume = whole.at("/ledger" + kVolume).bytes;
  const auto leaf = segment::parse_leaf(ByteSpan(volume).first(segment::kLeafBytes)).value();
  const size_t second = segment::kLeafBytes + leaf.segment_bytes;
  volume[second + segment::kLeafBytes + 130] ^= 1;
  put("/ledger" + kVolume, volume);
  const auto made = succeed_with();
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, Code::kCorrupt);
  EXPECT_NE(made.error().context.find("offset " + std::to_string(second) + ": leaf 1"),
            std::string::npos)
      << made.error().message();
  // What is half there is in nobody's way unnoticed.
  put("/ledger" + kVolume, whole.at("/ledger" + kVolume).bytes);
  const auto again = succeed_with();
  ASSERT_FALSE(again.has_value());
  EXPECT_NE(again.error().context.find("remove /next"), std::string::npos);
}

TEST_F(Successor, needs_the_policy_key_an_origin_of_its_own_and_a_checkpoint) {
  EXPECT_EQ(succeed_with({}, {}, "stele/test/1").error().code, Code::kInvalid);
  const Bytes key = whole.at("/ledger/keys/policy.key").bytes;
  remove("/ledger/keys/policy.key");
  EXPECT_NE(succeed_with().error().context.find("bring it to /ledger/keys/policy.key"),
            std::string::npos);
  put("/ledger/keys/policy.key", key);
  remove("/ledger" + kCheckpoint);
  EXPECT_EQ(succeed_with().error().code, Code::kNotFound);
  EXPECT_EQ(succeed_with(whole.at("/ledger/recipients").bytes).error().code, Code::kUnauthentic)
      << "no checkpoint of that log";
  EXPECT_TRUE(succeed_with(checkpoint(whole)).has_value());
  EXPECT_EQ(succeed_with(checkpoint(whole)).error().code, Code::kExists);
}

TEST_F(Successor, that_failed_leaves_no_key_behind) {
  const sim::Image before = world.disk.snapshot();
  ASSERT_TRUE(succeed_with().has_value());
  const size_t all = steps;
  for (size_t k = 1; k <= all; ++k) {
    world.disk.restore(before);
    const auto made =
        succeed_with({}, {.fail_at = k, .fail_code = Code::kNoSpace, .fails_from_there = true});
    if (made) continue;
    for (const auto& [path, entry] : world.disk.snapshot())
      EXPECT_FALSE(path.starts_with("/next/") && path.ends_with(".key")) << "step " << k << path;
  }
}

TEST_F(Successor, is_held_to_what_a_reader_saw_of_the_log_before) {
  ASSERT_TRUE(succeed_with().has_value());
  sim::SimFileSystem files(world.disk);
  const auto before = receipt::open_checkpoint(
      checkpoint(earlier), load_verifier_key(files, kLayout.log_vkey()).value());
  const auto verdict_of = [&](uint64_t size, Hash root) {
    VerifyOptions options;
    options.memory_before = Remembered{"", {}, "", size, root};
    return verify_next(options);
  };
  EXPECT_EQ(verdict_of(3, before->root).verdict, Verdict::kIntact);
  EXPECT_TRUE(names(verdict_of(3, Hash{}), "forked"));
  EXPECT_TRUE(names(verdict_of(6, Hash{}), "named too small"));
}

TEST_F(Successor, cannot_be_said_to_follow_another_log_or_more_than_it_has) {
  const auto made = succeed_with().value();
  sim::SimFileSystem files(world.disk);
  auto key = load_private_key(files, kNext.policy_key()).value();
  const auto signer = receipt::NoteSigner::make(key.name, std::move(key.key)).value();
  const auto say = [&](Predecessor said) {
    put("/next/predecessor", as_bytes(signer.sign(encode(said)).value()));
    return verify_next();
  };
  Predecessor other = made;
  other.log = made.before;
  EXPECT_TRUE(names(say(other), "other log"));
  other = made;
  other.kept = 6;
  EXPECT_TRUE(names(say(other), "rolled back"));
  other = made;
  other.root = Hash{};
  EXPECT_TRUE(names(say(other), "forked"));
  EXPECT_EQ(say(made).verdict, Verdict::kIntact);
  Bytes note = world.disk.snapshot().at("/next/predecessor").bytes;
  note[note.size() / 2] ^= 1;
  put("/next/predecessor", note);
  EXPECT_EQ(verify_next().verdict, Verdict::kTampered);
}

}  // namespace
}  // namespace stele::ledger
