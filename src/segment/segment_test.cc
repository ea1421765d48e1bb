#include <gtest/gtest.h>

#include "base/hex.h"
#include "crypto/test_random.h"
#include "segment/chain.h"
#include "segment/leaf.h"
#include "segment/manifest.h"
#include "segment/opener.h"
#include "segment/sealer.h"

namespace stele::segment {
namespace {

using event::Lane;

constexpr size_t kFacts = 0, kOutput = 1, kInput = 2;

// A host, an auditor who may read all, and a clerk who may read facts.
class Segment : public testing::Test {
 protected:
  Sealer sealer(Kind kind = Kind::kSession) {
    Recipients recipients;
    for (auto& lane : recipients.lanes) lane = {auditor.recipient()};
    recipients.lanes[kFacts].push_back(clerk.recipient());
    recipients.list_hash.fill(7);
    return Sealer(stream, kind, {host, host_id, 3}, recipients, random);
  }
  static Batch batch(std::string_view facts, std::string_view output, std::string_view input = "") {
    Batch b;
    const auto put = [&](size_t lane, std::string_view text) {
      b.lanes[lane].assign(text.begin(), text.end());
    };
    put(kFacts, facts);
    put(kOutput, output);
    put(kInput, input);
    b.wall_first = WallTime(Micros(1'700'000'000'000'000));
    b.boot_first = BootTime(Micros(5'000'000));
    b.boot_last = BootTime(Micros(5'900'000));
    b.event_count = 3;
    return b;
  }
  static std::string text(const std::optional<Bytes>& lane) {
    return lane ? std::string(as_text(*lane)) : "<no key>";
  }

  RandomSource random = crypto::test_random(1);
  crypto::SigningKey host = crypto::SigningKey::generate(random);
  HostKeyId host_id = host_key_id("host", host.public_key().bytes);
  crypto::Identity auditor = crypto::Identity::generate(random);
  crypto::Identity clerk = crypto::Identity::generate(random);
  StreamId stream = make_uuid_v7(WallTime(Micros(1'700'000'000'000'000)), random);
};

TEST_F(Segment, opens_for_its_recipients_in_order) {
  Sealer s = sealer();
  const Sealed first = s.seal(batch("who", ""), false).value();
  const Sealed second = s.seal(batch("", "hello world hello world", "keys"), false).value();
  const Sealed third = s.seal(batch("end", "hello again"), true).value();
  Opener opener({&auditor, 1});
  EXPECT_EQ(text(opener.open(parse_segment(first.bytes).value())->lanes[kFacts]), "who");
  const auto opened = opener.open(parse_segment(second.bytes).value()).value();
  EXPECT_EQ(text(opened.lanes[kOutput]), "hello world hello world");
  EXPECT_EQ(text(opened.lanes[kInput]), "keys");
  EXPECT_EQ(text(opened.lanes[kFacts]), "");
  EXPECT_EQ(text(opener.open(parse_segment(third.bytes).value())->lanes[kOutput]), "hello again");
  EXPECT_EQ(first.header.flags, kOpen);
  EXPECT_EQ(second.header.flags, 0);
  EXPECT_EQ(third.header.flags, kClose);
  EXPECT_EQ(second.header.duration_us, 900'000U);
}

TEST_F(Segment, hides_lanes_from_those_who_are_not_their_recipients) {
  Sealer s = sealer();
  const Sealed sealed = s.seal(batch("who", "secret screen", "secret keys"), false).value();
  Opener opener({&clerk, 1});
  const auto opened = opener.open(parse_segment(sealed.bytes).value()).value();
  EXPECT_EQ(text(opened.lanes[kFacts]), "who");
  EXPECT_FALSE(opened.lanes[kOutput].has_value());
  EXPECT_FALSE(opened.lanes[kInput].has_value());
}

TEST_F(Segment, gives_granted_keys_to_whoever_holds_them) {
  Sealer s = sealer();
  const Sealed sealed = s.seal(batch("who", "screen"), false).value();
  Opener owner({&auditor, 1});
  (void)owner.open(parse_segment(sealed.bytes).value()).value();
  GrantedKeys granted;
  granted.emplace(std::pair{0U, Lane::kOutput}, owner.keys()[kOutput]->copy());
  Opener newcomer({}, &granted);
  const auto opened = newcomer.open(parse_segment(sealed.bytes).value()).value();
  EXPECT_EQ(text(opened.lanes[kOutput]), "screen");
  EXPECT_FALSE(opened.lanes[kFacts].has_value());
}

TEST_F(Segment, lets_reading_begin_at_a_rekey_and_nowhere_else) {
  Sealer s = sealer();
  (void)s.seal(batch("a", "first"), false).value();
  const Sealed middle = s.seal(batch("", "second"), false).value();
  s.rekey_next();
  const Sealed rekeyed = s.seal(batch("", "third"), false).value();
  Opener from_middle({&auditor, 1});
  EXPECT_EQ(from_middle.open(parse_segment(middle.bytes).value()).error().code, Code::kCorrupt);
  Opener from_rekey({&auditor, 1});
  EXPECT_EQ(text(from_rekey.open(parse_segment(rekeyed.bytes).value())->lanes[kOutput]), "third");
  EXPECT_EQ(rekeyed.header.flags, kRekey);
}

TEST_F(Segment, of_a_new_list_is_a_rekey_for_those_it_names) {
  const auto list = [](const crypto::Identity& reader, uint8_t number) {
    auto all = std::make_shared<Recipients>();
    for (auto& lane : all->lanes) lane = {reader.recipient()};
    all->list_hash.fill(number);
    return all;
  };
  std::shared_ptr<const Recipients> now = list(auditor, 1);
  Sealer s(
      stream, Kind::kSession,
      [signer = std::make_shared<const HostSigner>(HostSigner{host, host_id, 3})](WallTime) {
        return signer;
      },
      [&] { return now; }, random);
  const Sealed first = s.seal(batch("a", "first"), false).value();
  now = list(auditor, 1);
  EXPECT_EQ(s.seal(batch("", "second"), false)->header.flags, 0) << "the same list";
  now = list(clerk, 2);
  const Sealed third = s.seal(batch("", "third"), false).value();
  const Sealed fourth = s.seal(batch("", "fourth"), false).value();
  EXPECT_EQ(third.header.flags, kRekey);
  EXPECT_EQ(fourth.header.flags, 0) << "once";
  const View view = parse_segment(third.bytes).value();
  EXPECT_EQ(parse_manifest(view.manifest)->recipients_list, now->list_hash);
  Opener newcomer({&clerk, 1}), before({&auditor, 1});
  EXPECT_EQ(text(newcomer.open(view)->lanes[kOutput]), "third");
  EXPECT_EQ(text(newcomer.open(parse_segment(fourth.bytes).value())->lanes[kOutput]), "fourth");
  EXPECT_EQ(text(before.open(view)->lanes[kOutput]), "<no key>");
}

TEST_F(Segment, goes_on_after_its_sealer_was_lost_with_fresh_keys) {
  Sealer before = sealer();
  const Sealed first = before.seal(batch("a", "first"), false).value();
  const Sealed second = before.seal(batch("", "second"), false).value();
  Sealer after = sealer();
  after.resume(2, second.hash);
  const Sealed third = after.seal(batch("", "third"), true).value();
  EXPECT_EQ(third.header.flags, kRekey | kClose);
  const Tail tail = tail_after(make_leaf(second.header, second.hash, {}, 0));
  EXPECT_TRUE(check_follows(&tail, third.header).has_value());
  Opener opener({&auditor, 1});
  for (const Sealed* segment : {&first, &second})
    ASSERT_TRUE(opener.open(parse_segment(segment->bytes).value()).has_value());
  EXPECT_EQ(text(opener.open(parse_segment(third.bytes).value())->lanes[kOutput]), "third");
}

TEST_F(Segment, survives_no_flipped_bit_and_no_truncation) {
  Sealer s = sealer();
  const Bytes whole = s.seal(batch("who", "screen", "keys"), false)->bytes;
  const Hash hash = hash_segment(whole).segment;
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes bad = whole;
    bad[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    EXPECT_NE(hash_segment(bad).segment, hash) << "bit " << bit;
    const auto view = parse_segment(bad);
    if (!view) continue;
    EXPECT_FALSE(crypto::verify(host.public_key(), hash_segment(bad).message, view->signature))
        << "bit " << bit;
    if (bit < kHeaderBytes * 8) {
      Opener opener({&auditor, 1});
      EXPECT_FALSE(opener.open(*view).has_value())
          << "the header is authenticated with each lane, bit " << bit;
    }
  }
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_segment(ByteSpan(whole).first(size)).has_value());
}

TEST_F(Segment, is_signed_by_its_host) {
  const Bytes whole = sealer().seal(batch("who", ""), false)->bytes;
  const View view = parse_segment(whole).value();
  EXPECT_TRUE(crypto::verify(host.public_key(), hash_segment(whole).message, view.signature));
  const auto other = crypto::SigningKey::generate(random);
  EXPECT_FALSE(crypto::verify(other.public_key(), hash_segment(whole).message, view.signature));
}

TEST_F(Segment, refuses_what_no_reader_could_open) {
  Recipients only_facts;
  only_facts.lanes[kFacts] = {auditor.recipient()};
  Sealer s(stream, Kind::kSession, {host, host_id, 1}, only_facts, random);
  EXPECT_EQ(s.seal(batch("who", "screen"), false).error().code, Code::kInvalid);
  EXPECT_TRUE(s.seal(batch("who", ""), false).has_value()) << "and goes on";
  Batch large = batch("", "");
  large.lanes[kFacts].resize(kLanePlainBytesMax + 1);
  EXPECT_EQ(s.seal(large, false).error().code, Code::kLimit);
}

TEST_F(Segment, is_the_same_for_the_same_randomness) {
  const auto seal_with = [&](uint8_t seed) {
    Recipients recipients;
    recipients.lanes[kFacts] = {auditor.recipient()};
    Sealer s(stream, Kind::kSession, {host, host_id, 1}, recipients, crypto::test_random(seed));
    return s.seal(batch("who", ""), false)->bytes;
  };
  EXPECT_EQ(seal_with(5), seal_with(5));
  EXPECT_NE(seal_with(5), seal_with(6));
}

TEST_F(Segment, chain_takes_only_the_next_one) {
  Sealer s = sealer();
  const Sealed first = s.seal(batch("a", ""), false).value();
  const Sealed second = s.seal(batch("b", ""), false).value();
  const Sealed last = s.seal(batch("c", ""), true).value();
  const auto leaf = [](const Sealed& x) {
    return make_leaf(x.header, x.hash, x.header.wall_first, 0);
  };
  EXPECT_TRUE(check_follows(nullptr, first.header).has_value());
  EXPECT_EQ(check_follows(nullptr, second.header).error().code, Code::kConflict);
  const Tail after_first = tail_after(leaf(first));
  EXPECT_TRUE(check_follows(&after_first, second.header).has_value());
  EXPECT_FALSE(check_follows(&after_first, first.header).has_value());
  EXPECT_FALSE(check_follows(&after_first, last.header).has_value());
  Tail other = after_first;
  other.last_hash[0] ^= 1;
  EXPECT_FALSE(check_follows(&other, second.header).has_value());
  const Tail closed = tail_after(leaf(last));
  EXPECT_TRUE(closed.closed);
  Header more = last.header;
  more.sequence = 3;
  more.previous = last.hash;
  EXPECT_FALSE(check_follows(&closed, more).has_value());
}

TEST(Leaf, has_one_spelling) {
  Leaf leaf;
  leaf.flags = kClose;
  leaf.sequence = 9;
  leaf.segment_bytes = 4000;
  leaf.received = WallTime(Micros(77));
  leaf.retain_until_day = 20'000;
  leaf.stream[3] = 1;
  const auto bytes = encode(leaf);
  EXPECT_EQ(bytes.size(), kLeafBytes);
  EXPECT_EQ(parse_leaf(bytes).value(), leaf);
  for (size_t size = 0; size < kLeafBytes; ++size)
    EXPECT_FALSE(parse_leaf(ByteSpan(bytes).first(size)).has_value());
  for (size_t bit = 0; bit < kLeafBytes * 8; ++bit) {
    auto bad = bytes;
    bad[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    const auto parsed = parse_leaf(bad);
    if (!parsed) continue;
    EXPECT_NE(*parsed, leaf) << "bit " << bit;
    EXPECT_EQ(encode(*parsed), bad) << "bit " << bit;
  }
}

TEST_F(Segment, manifest_has_one_spelling) {
  const Manifest manifest{
      {},
      {{Lane::kFacts,
        {recipient_key_id(auditor.recipient()), recipient_key_id(clerk.recipient())},
        {1, 2, 3}},
       {Lane::kInput, {recipient_key_id(auditor.recipient())}, {4}}}};
  const Bytes bytes = encode(manifest);
  EXPECT_EQ(parse_manifest(bytes).value(), manifest);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(parse_manifest(ByteSpan(bytes).first(size)).has_value());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes bad = bytes;
    bad[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    const auto parsed = parse_manifest(bad);
    if (!parsed) continue;
    EXPECT_EQ(encode(*parsed), bad) << "bit " << bit;
  }
}

}  // namespace
}  // namespace stele::segment
