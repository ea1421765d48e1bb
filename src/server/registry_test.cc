#include "server/registry.h"

#include <gtest/gtest.h>

#include <set>

#include "ledger/keys.h"
#include "ledger/test_world.h"
#include "wire/enrolment.h"

namespace stele::server {
namespace {

using ledger::kLayout;
using std::chrono::minutes;

constexpr const char* kOrigin = "stele/test/1";
const Hash kMachine = wire::machine_hash("4f1c0f2f6a8e4c5bb4c1d1d7a4f1c0f2");

class RegistryTest : public ::testing::Test {
 protected:
  Registry registry(os::FileSystem& on) {
    return {on, kLayout, kOrigin, world.clock, world.random};
  }
  Result<Enrolled> enrol(os::FileSystem& on, const std::string& token, const Hash& machine,
                         const crypto::PublicKey& key) {
    return registry(on).enrol(token, machine, key, [] { return Status(); });
  }
  crypto::PublicKey key() { return crypto::SigningKey::generate(world.random).public_key(); }
  std::string token(const std::string& host = "web01") {
    return registry(files).create_token(host, minutes(10)).value();
  }

  ledger::World world;
  sim::SimFileSystem files{world.disk};
};

TEST_F(RegistryTest, a_token_lets_one_host_in_once) {
  const std::string good = token();
  const auto first = enrol(files, good, kMachine, key());
  ASSERT_TRUE(first.has_value()) << first.error().message();
  EXPECT_EQ(first->host.name, "web01");
  EXPECT_FALSE(first->other_machine);
  EXPECT_EQ(enrol(files, good, kMachine, key()).error().code, Code::kUnauthentic);
  EXPECT_EQ(registry(files).find("web01")->machine, kMachine);
  EXPECT_EQ(registry(files).all()->size(), 1U);
}

TEST_F(RegistryTest, a_token_is_stored_nowhere) {
  const std::string good = token();
  for (const auto& [path, entry] : world.disk.snapshot()) {
    EXPECT_EQ(path.find(good.substr(20)), std::string::npos);
    EXPECT_EQ(as_text(entry.bytes).find(good.substr(20)), std::string_view::npos) << path;
  }
}

TEST_F(RegistryTest, a_token_that_is_none_or_whose_time_is_over_lets_nobody_in) {
  std::string other = token();
  other.back() = other.back() == '0' ? '1' : '0';
  for (const std::string& bad : {other, std::string(), std::string("../../host.vkey")})
    EXPECT_EQ(enrol(files, bad, kMachine, key()).error().code, Code::kUnauthentic);
  const std::string late = token();
  world.clock.advance(minutes(10));
  EXPECT_EQ(enrol(files, late, kMachine, key()).error().code, Code::kUnauthentic);
  EXPECT_EQ(registry(files).find("web01").error().code, Code::kNotFound);
}

TEST_F(RegistryTest, no_host_gets_the_name_of_the_ledger_s_own) {
  EXPECT_EQ(registry(files).create_token("1", minutes(10)).error().code, Code::kInvalid);
}

TEST_F(RegistryTest, its_key_is_one_that_verifiers_know) {
  const auto first = key(), second = key(), other = key();
  ASSERT_TRUE(enrol(files, token("web01"), kMachine, first).has_value());
  ASSERT_TRUE(enrol(files, token("web02"), kMachine, other).has_value());
  ASSERT_TRUE(enrol(files, token("web01"), kMachine, second).has_value());
  const auto hosts = ledger::World::trust(files).hosts;
  const auto knows = [&](const char* host, const crypto::PublicKey& k, uint32_t epoch) {
    const std::string name = ledger::host_key_name(kOrigin, host);
    return hosts.find(segment::host_key_id(name, k.bytes), epoch) != nullptr;
  };
  EXPECT_TRUE(knows("web01", first, 1) && knows("web01", second, 2) && knows("web02", other, 1));
}

TEST_F(RegistryTest, a_token_is_as_good_as_before_when_a_host_could_not_be_let_in) {
  const std::string good = token();
  const auto mine = key();
  const auto failed = registry(files).enrol(good, kMachine, mine,
                                            [] { return Status(fail(Code::kIo, "the disk")); });
  EXPECT_EQ(failed.error().code, Code::kIo);
  EXPECT_EQ(registry(files).find("web01").error().code, Code::kNotFound);
  EXPECT_EQ(registry(files).host_of(good).value(), "web01");
  const auto again = enrol(files, good, kMachine, mine);
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(again->epoch, 1U) << "the same key is not another";
  EXPECT_EQ(enrol(files, good, kMachine, mine).error().code, Code::kUnauthentic);
  EXPECT_EQ(registry(files).host_of(good).error().code, Code::kUnauthentic);
}

TEST_F(RegistryTest, a_token_that_made_a_host_is_used_though_nothing_more_was_written) {
  const std::string good = token();
  ASSERT_TRUE(enrol(files, good, kMachine, key()).has_value());
  for (const auto& [path, entry] : world.disk.snapshot())
    if (path.ends_with(".used")) {
      ASSERT_TRUE(files.remove(path).has_value());
    }
  EXPECT_EQ(enrol(files, good, kMachine, key()).error().code, Code::kUnauthentic);
  const auto next = enrol(files, token(), kMachine, key());
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->epoch, 2U);
  EXPECT_EQ(enrol(files, good, kMachine, key()).error().code, Code::kUnauthentic)
      << "the host has another key by now";
}

TEST_F(RegistryTest, the_same_name_from_another_machine_is_told) {
  ASSERT_TRUE(enrol(files, token(), kMachine, key()).has_value());
  EXPECT_FALSE(enrol(files, token(), kMachine, key())->other_machine);
  const auto clone = enrol(files, token(), wire::machine_hash("another"), key());
  EXPECT_TRUE(clone->other_machine);
}

TEST_F(RegistryTest, a_revoked_host_stays_known) {
  ASSERT_TRUE(enrol(files, token(), kMachine, key()).has_value());
  ASSERT_TRUE(registry(files).revoke("web01").has_value());
  const auto when = registry(files).find("web01")->revoked;
  ASSERT_TRUE(when.has_value());
  world.clock.advance(minutes(1));
  ASSERT_TRUE(registry(files).revoke("web01").has_value());
  EXPECT_EQ(registry(files).find("web01")->revoked, when);
  EXPECT_EQ(registry(files).revoke("web02").error().code, Code::kNotFound);
}

TEST_F(RegistryTest, bad_names_and_lives_are_refused) {
  for (const std::string name : {"", "Web", "a/b", "..", "-a", "a-", "a b", "\xc3\xa9"})
    EXPECT_EQ(registry(files).create_token(name, minutes(10)).error().code, Code::kInvalid) << name;
  EXPECT_EQ(registry(files).create_token(std::string(64, 'a'), minutes(10)).error().code,
            Code::kInvalid);
  EXPECT_EQ(registry(files).create_token("a", minutes(0)).error().code, Code::kInvalid);
  EXPECT_EQ(registry(files).create_token("a", minutes(60 * 24 * 8)).error().code, Code::kInvalid);
  EXPECT_EQ(registry(files).find("../keys/log.key").error().code, Code::kInvalid);
}

TEST_F(RegistryTest, whenever_it_dies_a_token_made_at_most_one_host) {
  const std::string good = token();
  const auto mine = key();
  const sim::Image before = world.disk.snapshot();
  for (size_t k = 1;; ++k) {
    world.disk.restore(before);
    bool finished = false;
    {
      sim::SimFileSystem dying(world.disk, {.crash_at = k});
      finished = enrol(dying, good, kMachine, mine).has_value();
    }
    world.disk.restart(k);
    sim::SimFileSystem again(world.disk);
    ASSERT_TRUE(ledger::HostKeys::load(again, kLayout.host_vkey()).has_value()) << k;
    ASSERT_TRUE(registry(again).all().has_value()) << k;
    const auto second = enrol(again, good, wire::machine_hash("thief"), key());
    if (second) {
      EXPECT_FALSE(second->other_machine) << "at step " << k;
    }
    if (finished) {
      EXPECT_FALSE(second.has_value());
      break;
    }
  }
}

TEST(HostFile, has_one_spelling) {
  sim::Clock clock;
  const Host host{
      "web01", kMachine, {"o/host/web01", receipt::KeyType::kNote, {}}, clock.wall(), std::nullopt};
  const std::string whole = encode(host);
  EXPECT_EQ(encode(parse_host(whole).value()), whole);
  for (size_t at = 0; at < whole.size(); ++at) {
    EXPECT_FALSE(parse_host(std::string_view(whole).substr(0, at)).has_value()) << at;
    for (const char other : {'\n', '0', '/', '-'}) {
      std::string changed = whole;
      changed[at] = other;
      if (const auto parsed = parse_host(changed)) {
        EXPECT_EQ(encode(*parsed), changed);
      }
    }
  }
}

TEST_F(RegistryTest, a_used_token_is_told_from_one_that_never_was) {
  const std::string shown = token();
  EXPECT_EQ(registry(files).used_for(shown), std::nullopt) << "it is still good";
  ASSERT_TRUE(enrol(files, shown, kMachine, key()).has_value());
  EXPECT_EQ(registry(files).used_for(shown), "web01");
  world.clock.advance(minutes(11));
  EXPECT_EQ(registry(files).used_for(shown), "web01") << "late as well";
  EXPECT_EQ(registry(files).used_for("nothing"), std::nullopt);
}

}  // namespace
}  // namespace stele::server
