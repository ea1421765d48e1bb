// testdata/vectors/host_stream.json: a host stream whose key rotates, sealed by another program
// (host_stream.py, beside it) from docs/formats/ alone; and manifests of our own.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/hex.h"
#include "crypto/ed25519.h"
#include "crypto/test_random.h"
#include "segment/sealer.h"

namespace stele::segment {
namespace {

/// The text behind each `"key": "`, up to the next quote.
std::vector<std::string> words(const std::string& text, const std::string& key) {
  const std::string quoted = "\"" + key + "\": \"";
  std::vector<std::string> out;
  for (size_t at = text.find(quoted); at != std::string::npos; at = text.find(quoted, at)) {
    at += quoted.size();
    out.push_back(text.substr(at, text.find('"', at) - at));
  }
  return out;
}

class RotationVectors : public testing::Test {
 protected:
  RotationVectors() {
    std::ifstream in(STELE_TESTDATA "/vectors/host_stream.json", std::ios::binary);
    file.assign(std::istreambuf_iterator<char>(in), {});
    const size_t end = file.find("\n\"refused\": ["),
                 servers = file.find("\n\"server_segments\": [");
    for (const std::string& hex : words(file.substr(0, servers), "segment"))
      segments.push_back(from_hex(hex).value());
    for (const std::string& hex : words(file.substr(servers, end - servers), "segment"))
      server_segments.push_back(from_hex(hex).value());
    refused = words(file.substr(end), "manifest");
  }
  crypto::PublicKey key(const std::string& name) const {
    const Bytes raw = from_hex(words(file, name).at(0)).value();
    crypto::PublicKey key;
    std::copy(raw.begin(), raw.end(), key.bytes.begin());
    return key;
  }

  std::string file;
  std::vector<Bytes> segments, server_segments;
  std::vector<std::string> refused;
};

TEST_F(RotationVectors, are_read_and_written_the_same) {
  ASSERT_EQ(segments.size(), 4U);
  std::vector<Manifest> manifests;
  for (const Bytes& bytes : segments) {
    const View view = parse_segment(bytes).value();
    EXPECT_EQ(view.header.kind, Kind::kHost);
    if (view.manifest.empty()) continue;
    const auto manifest = parse_manifest(view.manifest);
    ASSERT_TRUE(manifest.has_value()) << manifest.error().context;
    EXPECT_TRUE(equal(encode(*manifest), view.manifest));
    manifests.push_back(*manifest);
  }
  ASSERT_EQ(manifests.size(), 3U);
  EXPECT_EQ(manifests[0].continues->next_sequence, 5U);
  EXPECT_EQ(manifests[1].agreed.size(), 1U);
  EXPECT_LT(manifests[1].agreed[0].stream, manifests[2].agreed.at(0).stream);
  ASSERT_TRUE(manifests[2].rotation.has_value());
  EXPECT_EQ(manifests[2].rotation->epoch, 2U);
  EXPECT_EQ(manifests[2].rotation->parts, 1U);
  EXPECT_EQ(micros(manifests[2].rotation->not_before), 1'767'226'200'000'000);
}

TEST_F(RotationVectors, are_signed_by_the_old_key_and_the_segment_by_the_new_one) {
  const View view = parse_segment(segments[2]).value();
  const Manifest manifest = parse_manifest(view.manifest).value();
  EXPECT_TRUE(crypto::verify(key("old_public"), rotation_message(view.header, view.manifest),
                             manifest.rotation->signature));
  EXPECT_EQ(manifest.rotation->new_key, key("new_public").bytes);
  const auto message = hash_segment(segments[2]).message;
  EXPECT_TRUE(crypto::verify(key("new_public"), message, view.signature));
  EXPECT_FALSE(crypto::verify(key("old_public"), message, view.signature));
  EXPECT_EQ(to_hex(view.header.host_key), words(file, "new_key_id").at(0));
  EXPECT_EQ(to_hex(manifest.rotation->old_key), words(file, "old_key_id").at(0));
}

TEST_F(RotationVectors, a_server_s_stream_says_in_clear_what_is_cut) {
  ASSERT_EQ(server_segments.size(), 2U);
  std::vector<Manifest> manifests;
  for (const Bytes& bytes : server_segments) {
    const View view = parse_segment(bytes).value();
    EXPECT_EQ(view.header.kind, Kind::kServer);
    manifests.push_back(parse_manifest(view.manifest).value());
    EXPECT_TRUE(equal(encode(manifests.back()), view.manifest));
  }
  ASSERT_EQ(manifests[0].cut.size(), 2U);
  EXPECT_TRUE(manifests[0].heard.empty());
  EXPECT_EQ(manifests[1].cut, std::vector{manifests[0].cut[1]});
  EXPECT_EQ(manifests[1].heard,
            (std::vector{manifests[0].cut[0].stream, manifests[0].cut[1].stream}));
}

TEST_F(RotationVectors, are_refused_where_they_must_be) {
  ASSERT_EQ(refused.size(), 22U);
  for (size_t i = 0; i < refused.size(); ++i) {
    const auto manifest = parse_manifest(from_hex(refused[i]).value());
    ASSERT_FALSE(manifest.has_value()) << i;
    EXPECT_EQ(manifest.error().code, Code::kCorrupt) << i;
  }
}

TEST_F(RotationVectors, hold_no_bit_that_the_old_key_did_not_sign) {
  const View view = parse_segment(segments[2]).value();
  const auto signature = parse_manifest(view.manifest)->rotation->signature;
  const Bytes whole(view.manifest.begin(), view.manifest.end());
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes bad = whole;
    bad[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    const auto parsed = parse_manifest(bad);
    EXPECT_TRUE(!parsed || encode(*parsed) == bad) << "bit " << bit;
    if (bit / 8 < whole.size() - kSignatureBytes) {
      EXPECT_FALSE(
          crypto::verify(key("old_public"), rotation_message(view.header, bad), signature));
    }
  }
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_manifest(ByteSpan(whole).first(size)).has_value()) << size;
  Header elsewhere = view.header;
  elsewhere.sequence += 1;
  EXPECT_NE(rotation_message(elsewhere, whole), rotation_message(view.header, whole));
  elsewhere = view.header;
  elsewhere.previous[0] ^= 1;
  EXPECT_NE(rotation_message(elsewhere, whole), rotation_message(view.header, whole));
}

class Rotating : public testing::Test {
 protected:
  using Lease = std::shared_ptr<const HostSigner>;
  Lease lease(const crypto::SigningKey& key, uint32_t epoch) const {
    return std::make_shared<const HostSigner>(
        HostSigner{key, host_key_id("host", key.public_key().bytes), epoch});
  }
  Recipients recipients() const {
    Recipients all;
    all.lanes[0] = {auditor.recipient()};
    return all;
  }

  RandomSource random = crypto::test_random(3);
  crypto::SigningKey first = crypto::SigningKey::generate(random);
  crypto::SigningKey second = crypto::SigningKey::generate(random);
  crypto::Identity auditor = crypto::Identity::generate(random);
  Lease now = lease(first, 1);
  Sealer sealer{StreamId{1}, Kind::kHost, [this](WallTime) { return now; }, always(recipients()),
                random};
};

TEST_F(Rotating, a_sealer_takes_the_key_of_the_moment) {
  EXPECT_EQ(sealer.seal({}, false)->header.key_epoch, 1U);
  now = lease(second, 2);
  const Sealed sealed = sealer.seal({}, false).value();
  EXPECT_EQ(sealed.header.key_epoch, 2U);
  EXPECT_EQ(sealed.header.flags, 0) << "another key to sign with is no reason to rekey";
  EXPECT_TRUE(crypto::verify(second.public_key(), hash_segment(sealed.bytes).message,
                             parse_segment(sealed.bytes)->signature));
}

TEST_F(Rotating, a_key_that_is_held_is_the_one_that_signs) {
  const Lease held = sealer.hold_key({});
  now = lease(second, 2);
  EXPECT_EQ(sealer.seal({}, false)->header.key_epoch, 1U);
}

TEST_F(Rotating, a_rotation_stands_in_the_next_manifest_and_in_no_other) {
  (void)sealer.seal({}, false).value();
  now = lease(second, 2);
  Rotation rotation{.old_key = host_key_id("host", first.public_key().bytes),
                    .epoch = 2,
                    .new_key = second.public_key().bytes,
                    .not_before = WallTime(Micros(5))};
  const Standing standing{StreamId{9}, 4, {}};
  sealer.carry({.agreed = {standing}, .rotation = rotation, .old_key = &first});
  const Sealed sealed = sealer.seal({}, false).value();
  const View view = parse_segment(sealed.bytes).value();
  EXPECT_EQ(view.header.flags, kRekey);
  const Manifest manifest = parse_manifest(view.manifest).value();
  EXPECT_EQ(manifest.agreed, std::vector{standing});
  rotation.signature = manifest.rotation->signature;
  EXPECT_EQ(*manifest.rotation, rotation);
  EXPECT_TRUE(crypto::verify(first.public_key(), rotation_message(view.header, view.manifest),
                             rotation.signature));
  sealer.rekey_next();
  const Sealed next = sealer.seal({}, false).value();
  const Manifest plain = parse_manifest(parse_segment(next.bytes)->manifest).value();
  EXPECT_FALSE(plain.rotation || plain.continues || !plain.agreed.empty());
}

}  // namespace
}  // namespace stele::segment
