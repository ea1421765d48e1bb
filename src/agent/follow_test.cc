// A host that follows a successor log: without forgetting what it saw of the one before.
#include "agent/follow.h"

#include <gtest/gtest.h>

#include "agent/log_memory.h"
#include "ledger/directory_ledger.h"
#include "ledger/successor.h"
#include "ledger/test_world.h"

namespace stele::agent {
namespace {

using ledger::kLayout;
using ledger::Layout;
using ledger::World;

const Layout kNext{"/next"};
const std::string kHost = "/host";

/// A log of five leaves, and a host that believed its first three.
class Follow : public ::testing::Test {
 protected:
  Follow() {
    grow(3);
    for (const char* name : {"/log.vkey", "/policy.vkey"})
      put(kHost + name, read(kLayout.directory + name));
    put(kHost + "/checkpoint", read(kLayout.vault() + "/log/checkpoint"));
    grow(2);
  }
  void grow(size_t count) {
    auto ledger = world.open(files).value();
    ledger::TestStream stream(files, world.clock, world.random);
    for (size_t i = 0; i < count; ++i) ASSERT_TRUE(ledger->append(stream.next().bytes).has_value());
    ASSERT_TRUE(ledger->sync().has_value());
    ASSERT_TRUE(ledger->publish_through(ledger->size()).has_value());
  }
  Bytes read(const std::string& path) { return files.read(path, 1 << 20).value(); }
  void put(const std::string& path, ByteSpan bytes) { world.disk.put(path, bytes); }

  void succeed() {
    ASSERT_TRUE(
        ledger::succeed(files, kNext, {kLayout, "stele/test/2", {}}, world.clock, world.random));
    put(kHost + "/predecessor", read(kNext.predecessor()));
  }
  /// A note that says something else, signed by the policy key.
  void say(const ledger::Predecessor& said) {
    auto key = ledger::load_private_key(files, kLayout.policy_key()).value();
    const auto signer = receipt::NoteSigner::make(key.name, std::move(key.key)).value();
    put(kHost + "/predecessor", as_bytes(signer.sign(encode(said)).value()));
  }
  ledger::Predecessor said() { return ledger::load_predecessor(files, kNext).value().value(); }
  std::optional<ledger::Predecessor> follow() {
    return follow_successor(files, kHost, [this](const std::string& what) { told += what + "\n"; })
        .value();
  }
  receipt::VerifierKey log_key() {
    return ledger::load_verifier_key(files, kHost + "/log.vkey").value();
  }

  World world;
  sim::SimFileSystem files{world.disk};
  std::string told;
};

TEST_F(Follow, what_was_believed_of_the_log_before_holds_of_the_next) {
  succeed();
  const auto successor = follow();
  ASSERT_TRUE(successor.has_value()) << told;
  EXPECT_EQ(log_key().name, "stele/test/2");
  EXPECT_NE(told.find("the successor of stele/test/1"), std::string::npos);
  LogMemory memory(files, kHost, log_key(), successor);
  const auto believed = memory.load().value();
  EXPECT_EQ(believed.size, 3U);
  LogWatch watch(log_key(), believed, [&](const std::string& path) {
    return files.read(kNext.vault() + "/log/" + path, 1 << 16);
  });
  ASSERT_TRUE(watch.advance().has_value()) << watch.advance().error().message();
  ASSERT_TRUE(memory.keep(watch).has_value());
  told.clear();
  EXPECT_TRUE(follow().has_value()) << "and after the next start";
  EXPECT_EQ(told, "");
  EXPECT_EQ(LogMemory(files, kHost, log_key(), successor).load()->size, 5U);
}

TEST_F(Follow, a_successor_with_another_history_is_found) {
  succeed();
  const auto successor = follow();
  World other;  // whose log calls itself the same, but is another one
  sim::SimFileSystem others(other.disk);
  {
    auto ledger = other.open(others).value();
    other.clock.advance(std::chrono::seconds(7));
    ledger::TestStream stream(others, other.clock, other.random);
    for (size_t i = 0; i < 6; ++i) ASSERT_TRUE(ledger->append(stream.next().bytes).has_value());
    ASSERT_TRUE(ledger->sync().has_value());
  }
  auto key = ledger::load_private_key(files, kNext.log_key()).value();
  const auto signer = std::make_shared<receipt::NoteSigner>(
      receipt::NoteSigner::make(key.name, std::move(key.key)).value());
  ASSERT_TRUE(others.remove(kLayout.vault() + "/log/checkpoint").has_value());
  auto ledger = ledger::DirectoryLedger::open(others, kLayout, other.clock, signer).value();
  ASSERT_TRUE(ledger->publish_through(6).has_value());
  LogWatch watch(log_key(), LogMemory(files, kHost, log_key(), successor).load().value(),
                 [&](const std::string& path) {
                   return others.read(kLayout.vault() + "/log/" + path, 1 << 16);
                 });
  EXPECT_EQ(watch.advance().error().code, Code::kUnauthentic);
}

TEST_F(Follow, what_does_not_hold_is_told_and_changes_nothing) {
  succeed();
  const ledger::Predecessor good = said();
  ledger::Predecessor small = good, lossy = good, other = good;
  small.size = small.kept = 2;
  lossy.kept = 2;
  other.before = good.log;
  other.log = good.before;
  other.log.name = "stele/test/3";
  const std::pair<ledger::Predecessor, const char*> wrong[] = {
      {small, "this host has a checkpoint of 3"}, {lossy, "enrolled anew"}, {other, "it succeeds"}};
  for (const auto& [each, why] : wrong) {
    told.clear();
    say(each);
    EXPECT_FALSE(follow().has_value());
    EXPECT_NE(told.find(why), std::string::npos) << told;
    EXPECT_EQ(log_key().name, "stele/test/1");
  }
  Bytes note = read(kNext.predecessor());
  note[30] ^= 1;
  put(kHost + "/predecessor", note);
  told.clear();
  EXPECT_FALSE(follow().has_value());
  EXPECT_NE(told, "");
  EXPECT_EQ(log_key().name, "stele/test/1");
}

}  // namespace
}  // namespace stele::agent
