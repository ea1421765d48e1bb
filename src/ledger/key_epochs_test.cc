// Host keys that rotate, and what a thief can not do with them: each lie is appended to a ledger,
// which takes it (it checks chains), and found by a verifier who has only public keys.
#include "ledger/key_epochs.h"

#include <gtest/gtest.h>

#include "ledger/test_report.h"
#include "ledger/test_rotation.h"

namespace stele::ledger {
namespace {

struct Holder {
  World world;
};

class Rotating : public ::testing::Test, protected Holder, protected RotatingHost {
 protected:
  Rotating() : RotatingHost(Holder::world) {}

  Report verify_of(const std::vector<Sealed>& all) {
    sim::SimFileSystem files(world.disk);
    auto ledger = world.open(files).value();
    for (const Sealed& each : all) {
      const auto appended = ledger->append(each.bytes);
      EXPECT_TRUE(appended.has_value()) << appended.error().message();
    }
    EXPECT_TRUE(ledger->sync().has_value());
    EXPECT_TRUE(ledger->publish_through(ledger->size()).has_value());
    VerifyOptions options;
    options.every_signature = every_signature;
    return World::verify_now(files, options);
  }
  static size_t faults(const Report& report) { return all_faults(report).size(); }

  using Holder::world;
  bool every_signature = true;
};

TEST_F(Rotating, keys_of_an_honest_host_are_all_right) {
  for (const bool every : {true, false}) {
    every_signature = every;
    world.disk.restore(world.fresh);
    signing = 0;
    epoch = 1;
    host.emplace(sealer(Kind::kHost));
    a.emplace(sealer(Kind::kSession));
    b.emplace(sealer(Kind::kSession));
    const auto h0 = next(*host), a0 = next(*a), b0 = next(*b), a1 = next(*a);
    const auto r1 = rotate({standing(a1), standing(b0)});
    const auto b1 = next(*b);
    const auto r2 = rotate({standing(a1), standing(b1)});
    const auto a2 = next(*a, true), b2 = next(*b, true);
    const auto r3 = rotate({standing(a2), standing(b2)});
    const auto h4 = next(*host, true);
    // a1 was not shipped when the keys rotated, nor were b1, b2 when they rotated again.
    const Report report = verify_of({h0, a0, b0, r1, r2, a1, a2, b1, r3, h4, b2});
    EXPECT_EQ(report.verdict, Verdict::kIntact) << describe(report);
    EXPECT_EQ(report.notes, std::vector<std::string>());
    for (const StreamReport& s : report.streams) EXPECT_EQ(s.verdict, Verdict::kIntact);
  }
}

TEST_F(Rotating, a_list_may_begin_before_its_rotation) {
  const auto h0 = next(*host), a0 = next(*a), b0 = next(*b), a1 = next(*a), b1 = next(*b);
  const auto list = sorted({standing(a1), standing(b1)});
  host->carry({.agreed = {list[0]}});
  const auto h1 = next(*host);
  parts = 1;
  const auto r = rotate({list[1]});
  const auto a2 = next(*a), b2 = next(*b);
  const Report report = verify_of({h0, a0, b0, h1, r, a1, a2, b1, b2});
  EXPECT_EQ(faults(report), 0U) << describe(report);
}

TEST_F(Rotating, a_rotation_whose_list_begins_nowhere_is_none) {
  const auto h0 = next(*host);
  parts = 1;
  const auto r = rotate({});
  EXPECT_TRUE(names(verify_of({h0, r}), "bad rotation", "the beginning of its list"));
}

TEST_F(Rotating, a_thief_with_the_new_key_can_not_sign_for_the_past) {
  const auto h0 = next(*host), a0 = next(*a);
  const auto a1 = next(*a);
  const auto r = rotate({standing(a1)});
  // The second segment had not been shipped: the thief seals another one in its place.
  segment::Sealer thief = going_on(a0);
  const Report report = verify_of({h0, a0, r, next(thief)});
  EXPECT_TRUE(names(report, "signed for the past", "segment 1")) << describe(report);
  EXPECT_EQ(report.verdict, Verdict::kTampered);
}

TEST_F(Rotating, a_thief_with_the_new_key_can_not_date_a_session_back) {
  const auto h0 = next(*host);
  const auto r = rotate({});
  const auto patient = next(*a, true, std::chrono::minutes(4));
  const auto back = next(*b, true, std::chrono::minutes(6));
  const Report report = verify_of({h0, r, patient, back});
  EXPECT_TRUE(names(report, "key before its time")) << describe(report);
  EXPECT_EQ(faults(report), 1U) << "a clock that is a little off is nobody's guilt";
}

TEST_F(Rotating, a_thief_with_the_old_key_can_begin_nothing) {
  const auto h0 = next(*host);
  const auto r = rotate({});
  steal(0, 1);
  const Report report = verify_of({h0, r, next(*a)});
  EXPECT_TRUE(names(report, "ended key", "says nothing of this stream")) << describe(report);
}

TEST_F(Rotating, a_thief_with_the_old_key_can_not_go_on) {
  const auto h0 = next(*host), a0 = next(*a), a1 = next(*a);
  const auto r = rotate({standing(a1)});
  steal(0, 1);
  const auto a2 = next(*a);
  const Report report = verify_of({h0, a0, r, a1, a2});
  EXPECT_TRUE(names(report, "ended key", "before segment 2")) << describe(report);
  EXPECT_EQ(faults(report), 1U) << describe(report);
}

TEST_F(Rotating, a_thief_with_the_old_key_can_not_replace_what_was_agreed_on) {
  const auto h0 = next(*host), a0 = next(*a);
  segment::Sealer twin = going_on(a0);
  const auto a1 = next(*a), other = next(twin);
  const auto r = rotate({standing(a1)});
  const Report report = verify_of({h0, a0, r, other});
  EXPECT_TRUE(names(report, "not agreed", "another segment")) << describe(report);
}

TEST_F(Rotating, a_rotation_signed_by_another_key_introduces_nobody) {
  const auto h0 = next(*host);
  keys.push_back(std::make_unique<crypto::SigningKey>(crypto::SigningKey::generate(world.random)));
  const auto r = rotate({}, 0, 1);
  const Report report = verify_of({h0, r, next(*a)});
  EXPECT_TRUE(names(report, "bad rotation", "not signed by the key before")) << describe(report);
  EXPECT_TRUE(names(report, "unknown host key", "epoch 2")) << describe(report);
}

TEST_F(Rotating, no_epoch_is_skipped) {
  const auto h0 = next(*host);
  const auto r = rotate({}, 1);
  EXPECT_TRUE(names(verify_of({h0, r}), "bad rotation", "epoch 2, which no trusted host has"));
}

TEST_F(Rotating, a_key_hands_over_once) {
  const auto h0 = next(*host);
  segment::Sealer twin = sealer(Kind::kHost);
  const auto t0 = next(twin);
  const auto r1 = rotate({});
  steal(0, 1);
  const auto r2 = rotate({}, 0, SIZE_MAX, &twin);
  const Report report = verify_of({h0, t0, r1, r2});
  EXPECT_TRUE(names(report, "bad rotation", "a second rotation")) << describe(report);
}

TEST_F(Rotating, a_stream_that_a_rotation_leaves_out_is_over) {
  const auto h0 = next(*host), a0 = next(*a), b0 = next(*b), b1 = next(*b);
  const auto r = rotate({});
  const auto a1 = next(*a);
  const Report report = verify_of({h0, a0, b0, r, a1, b1});
  EXPECT_TRUE(names(report, "not agreed", "was not in the list")) << describe(report);
  EXPECT_TRUE(names(report, "ended key", "says nothing of this stream")) << describe(report);
}

TEST_F(Rotating, what_a_rotation_names_must_not_contradict_the_ledger) {
  const auto h0 = next(*host), a0 = next(*a), a1 = next(*a);
  Standing other = standing(a1);
  other.last_hash[0] ^= 1;
  const auto r = rotate({other});
  EXPECT_TRUE(names(verify_of({h0, a0, a1, r}), "not agreed", "another last one"));
}

TEST_F(Rotating, what_a_rotation_names_must_not_be_less_than_the_ledger_has) {
  const auto h0 = next(*host), a0 = next(*a), a1 = next(*a);
  const auto r = rotate({standing(a0)});
  EXPECT_TRUE(names(verify_of({h0, a0, a1, r}), "not agreed", "the ledger holds 2"));
}

TEST_F(Rotating, a_tail_that_never_came_is_said_and_no_fault) {
  const auto h0 = next(*host), a0 = next(*a), a1 = next(*a);
  const auto r = rotate({standing(a1)});
  const Report report = verify_of({h0, a0, r});
  EXPECT_EQ(faults(report), 0U) << describe(report);
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_TRUE(report.notes[0].starts_with("missing tail: stream " + to_string(a->stream())));
}

TEST_F(Rotating, where_a_host_stream_is_damaged_later_keys_are_unknown_not_forged) {
  const auto h0 = next(*host);
  const auto r = rotate({});
  const auto a0 = next(*a, true);
  (void)verify_of({h0, r, a0});
  const size_t inside = segment::kLeafBytes + h0.bytes.size() + segment::kLeafBytes + 300;
  const auto flip = [&](Bytes& bytes) { bytes[inside] ^= 1; };
  ASSERT_TRUE(world.disk.tamper("/ledger/vault/volume/000000000000.vol", flip).has_value());
  const Report report = world.verify_now();
  EXPECT_TRUE(names(report, "altered")) << describe(report);
  for (const StreamReport& s : report.streams) {
    EXPECT_TRUE(s.stream != a->stream() || s.verdict == Verdict::kUnknown) << describe(report);
  }
}

TEST_F(Rotating, many_keys_are_remembered_as_long_as_they_are_needed) {
  std::vector<Sealed> all = {next(*host), next(*a)};
  const auto late = next(*a);
  for (int i = 0; i < 100; ++i) all.push_back(rotate({standing(late)}));
  all.push_back(late);  // signed by the first key, and awaited ever since
  all.push_back(next(*a, true));
  const Report report = verify_of(all);
  EXPECT_EQ(faults(report), 0U) << describe(report);
}

}  // namespace
}  // namespace stele::ledger
