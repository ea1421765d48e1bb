// testdata/vectors/segment.json: segments that another program, written from docs/formats/ alone,
// has sealed (segment.py, beside it). They must be read here as what they mean, and what is not
// random in them must be made here the same, byte by byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>

#include "base/hex.h"
#include "crypto/ed25519.h"
#include "crypto/sha256.h"
#include "segment/chain.h"
#include "segment/leaf.h"
#include "segment/manifest.h"
#include "segment/opener.h"

namespace stele::segment {
namespace {

/// What stands behind the first `"key": ` in `text`: one object a line, keys in a known order.
std::string_view after(std::string_view text, std::string_view key) {
  const std::string quoted = "\"" + std::string(key) + "\": ";
  const size_t at = text.find(quoted);
  return at == std::string_view::npos ? std::string_view() : text.substr(at + quoted.size());
}

std::string_view word(std::string_view text, std::string_view key) {
  text = after(text, key).substr(1);
  return text.substr(0, text.find('"'));
}

Bytes bytes(std::string_view text, std::string_view key) {
  return from_hex(word(text, key)).value();
}

uint64_t number(std::string_view text, std::string_view key) {
  text = after(text, key);
  uint64_t value = 0;
  EXPECT_EQ(std::from_chars(text.data(), text.data() + text.size(), value).ec, std::errc());
  return value;
}

/// The objects of an array of objects in which no array holds one with the same first key.
std::vector<std::string_view> objects(std::string_view text, std::string_view first_key) {
  const std::string begin = "{\"" + std::string(first_key) + "\": ";
  std::vector<std::string_view> out;
  for (size_t at = text.find(begin); at != std::string_view::npos;) {
    const size_t next = text.find(begin, at + 1);
    out.push_back(text.substr(at, next == std::string_view::npos ? next : next - at));
    at = next;
  }
  return out;
}

class SegmentVectors : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream in(STELE_TESTDATA "/vectors/segment.json", std::ios::binary);
    file_.assign(std::istreambuf_iterator<char>(in), {});
    const size_t refused = file_.find("\n\"refused\": [");
    ASSERT_NE(refused, std::string::npos);
    accepted_ = objects(std::string_view(file_).substr(0, refused), "stream");
    refused_ = objects(std::string_view(file_).substr(refused), "name");
    ASSERT_EQ(accepted_.size(), 6U);
    ASSERT_EQ(refused_.size(), 16U);
  }
  crypto::Identity identity(std::string_view name) const {
    return crypto::Identity::parse(word(file_, name)).value();
  }
  /// The host's Ed25519 key, from its verifier key line.
  crypto::PublicKey host() const {
    const std::string_view vkey = word(file_, "host_vkey");
    const size_t id = vkey.find('+') + 1;
    const Bytes raw = from_base64(vkey.substr(vkey.find('+', id) + 1)).value();
    crypto::PublicKey key;
    std::copy(raw.begin() + 1, raw.end(), key.bytes.begin());
    return key;
  }

  std::string file_;
  std::vector<std::string_view> accepted_, refused_;
};

TEST_F(SegmentVectors, have_headers_that_are_written_as_they_are_read) {
  for (const std::string_view vector : accepted_) {
    const Bytes segment = bytes(vector, "segment");
    const View view = parse_segment(segment).value();
    Bytes header;
    encode(view.header, header);
    EXPECT_EQ(header, bytes(vector, "header"));
    EXPECT_EQ(view.header.sequence, number(vector, "sequence"));
    EXPECT_EQ(view.header.flags, number(vector, "flags"));
    EXPECT_TRUE(equal(view.manifest, bytes(vector, "manifest")));
    EXPECT_TRUE(equal(view.signature, bytes(vector, "signature")));
    const auto lanes = objects(after(vector, "lanes"), "lane");
    for (size_t lane = 0; lane < event::kLaneCount; ++lane)
      EXPECT_TRUE(equal(view.parts[lane], bytes(lanes[lane], "part")));
  }
}

TEST_F(SegmentVectors, are_signed_and_hashed_as_the_format_says) {
  const std::string_view vkey = word(file_, "host_vkey");
  const HostKeyId id = host_key_id(vkey.substr(0, vkey.find('+')), host().bytes);
  EXPECT_EQ(Bytes(id.begin(), id.end()), bytes(file_, "host_key_id"));
  for (const std::string_view vector : accepted_) {
    const Bytes segment = bytes(vector, "segment");
    const View view = parse_segment(segment).value();
    const Hashes hashes = hash_segment(segment);
    EXPECT_TRUE(equal(hashes.message, bytes(vector, "message")));
    EXPECT_TRUE(equal(hashes.segment, bytes(vector, "hash")));
    EXPECT_TRUE(crypto::verify(host(), hashes.message, view.signature));
    EXPECT_EQ(view.header.host_key, id);
  }
}

TEST_F(SegmentVectors, have_leaves_that_are_made_the_same_here_and_form_chains) {
  std::map<StreamId, Tail> tails;
  crypto::Sha256 volume;
  for (const std::string_view vector : accepted_) {
    const Bytes segment = bytes(vector, "segment"), leaf_bytes = bytes(vector, "leaf");
    const Header header = parse_header(segment).value();
    const Hash hash = hash_segment(segment).segment;
    const WallTime received(Micros(static_cast<int64_t>(number(vector, "received"))));
    const auto until = static_cast<uint32_t>(number(vector, "retain_until_day"));
    const Leaf leaf = make_leaf(header, hash, received, until);
    EXPECT_TRUE(equal(encode(leaf), leaf_bytes));
    EXPECT_EQ(parse_leaf(leaf_bytes).value(), leaf);
    const std::array<uint8_t, 1> zero{};
    EXPECT_TRUE(equal(crypto::sha256({zero, leaf_bytes}), bytes(vector, "leaf_hash")));

    const auto tail = tails.find(header.stream);
    EXPECT_TRUE(check_follows(tail == tails.end() ? nullptr : &tail->second, header).has_value());
    tails[header.stream] = tail_after(leaf);
    volume.update(leaf_bytes);
    volume.update(segment);
  }
  EXPECT_EQ(tails.size(), 2U);
  for (const auto& [stream, tail] : tails) EXPECT_TRUE(tail.closed);
  EXPECT_TRUE(equal(volume.finish(), bytes(file_, "volume_sha256")));
}

TEST_F(SegmentVectors, have_manifests_and_age_files_that_are_made_the_same_here) {
  size_t manifests = 0;
  for (const std::string_view vector : accepted_) {
    const Bytes encoded = bytes(vector, "manifest");
    if (encoded.empty()) continue;
    ++manifests;
    const Manifest manifest = parse_manifest(encoded).value();
    EXPECT_EQ(encode(manifest), encoded);
    const std::string_view keys = after(vector, "keys");
    const auto entries = objects(keys.substr(0, keys.find("\"manifest\"")), "lane");
    ASSERT_EQ(manifest.lanes.size(), entries.size());
    for (size_t i = 0; i < entries.size(); ++i) {
      const LaneKey& lane = manifest.lanes[i];
      std::vector<crypto::Recipient> recipients;
      for (std::string_view name : {"auditor", "clerk"}) {
        const crypto::Recipient r = identity(name).recipient();
        if (entries[i].find(r.to_string()) != std::string_view::npos) recipients.push_back(r);
      }
      ASSERT_EQ(lane.recipients.size(), recipients.size());
      for (size_t k = 0; k < recipients.size(); ++k)
        EXPECT_EQ(lane.recipients[k], recipient_key_id(recipients[k]));
      const Bytes drawn = bytes(entries[i], "age_random");
      const RandomSource random = [rest = ByteSpan(drawn)](MutableByteSpan out) mutable {
        ASSERT_LE(out.size(), rest.size());
        std::copy_n(rest.begin(), out.size(), out.begin());
        rest = rest.subspan(out.size());
      };
      EXPECT_EQ(lane.age_file, bytes(entries[i], "age_file"));
      EXPECT_EQ(crypto::age_encrypt(bytes(entries[i], "key"), recipients, random).value(),
                lane.age_file);
    }
  }
  EXPECT_EQ(manifests, 3U);  // of two opening segments and a rekey
}

TEST_F(SegmentVectors, open_for_their_recipients) {
  const crypto::Identity auditor = identity("auditor"), clerk = identity("clerk");
  for (const auto* who : {&auditor, &clerk}) {
    std::map<std::string, Opener> openers;
    for (const std::string_view vector : accepted_) {
      const std::string stream(word(vector, "stream"));
      Opener& opener = openers.try_emplace(stream, std::span(who, 1)).first->second;
      const Bytes segment = bytes(vector, "segment");
      const auto opened = opener.open(parse_segment(segment).value());
      ASSERT_TRUE(opened.has_value()) << opened.error().context;
      const auto lanes = objects(after(vector, "lanes"), "lane");
      for (size_t lane = 0; lane < event::kLaneCount; ++lane) {
        const Bytes plain = bytes(lanes[lane], "plain");
        const bool may_read = (who == &auditor) ? stream == "A" : (stream == "B" || lane == 0);
        ASSERT_EQ(opened->lanes[lane].has_value(), may_read || plain.empty());
        EXPECT_EQ(opened->lanes[lane].value_or(plain), plain);
      }
    }
  }
}

TEST_F(SegmentVectors, are_refused_where_they_must_be) {
  for (const std::string_view vector : refused_) {
    const auto view = parse_segment(bytes(vector, "segment"));
    ASSERT_FALSE(view.has_value()) << word(vector, "name");
    EXPECT_EQ(code_name(view.error().code), word(vector, "error"))
        << word(vector, "name") << ": " << view.error().context;
  }
}

// retention_manifest.txt: what manifests say of holds and of what expired, made by another program
// too.
TEST(RetentionManifests, are_read_as_what_they_mean_and_have_one_spelling) {
  std::ifstream file(STELE_TESTDATA "/vectors/retention_manifest.txt");
  std::vector<Manifest> read;
  for (std::string line; std::getline(file, line);) {
    const Bytes encoded = from_hex(line).value();
    const auto manifest = parse_manifest(encoded);
    ASSERT_TRUE(manifest.has_value()) << manifest.error().context << " " << line;
    EXPECT_EQ(encode(*manifest), encoded);
    read.push_back(*manifest);
    for (size_t size = 0; size < encoded.size(); ++size)
      EXPECT_FALSE(parse_manifest(ByteSpan(encoded).first(size)).has_value());
    for (size_t bit = 0; bit < encoded.size() * 8; ++bit) {
      Bytes bad = encoded;
      bad[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
      const auto parsed = parse_manifest(bad);
      EXPECT_TRUE(!parsed || encode(*parsed) == bad) << "bit " << bit;
    }
  }
  const auto id = [](uint8_t n) {
    StreamId out;
    out.fill(n);
    return out;
  };
  ASSERT_EQ(read.size(), 4U);
  EXPECT_EQ(read[0].holds, (std::vector<Hold>{{.id = id(1), .streams = {id(7)}}}));
  ASSERT_EQ(read[1].holds.size(), 2U);
  EXPECT_EQ(read[1].holds[0], (Hold{.id = id(2), .streams = {id(7), id(8)}, .from_leaf = 1000}));
  EXPECT_EQ(read[1].holds[1].span,
            (std::pair(WallTime(Micros(1767225600000000)), WallTime(Micros(1767312000000000)))));
  EXPECT_EQ(read[2].holds[0].from_leaf, 0U);
  EXPECT_EQ(read[2].released, (std::vector<StreamId>{id(1), id(2)}));
  EXPECT_EQ(read[3].expired, (std::vector<LeafRange>{{0, 2}, {4, uint64_t{1} << 40}}));
}

}  // namespace
}  // namespace stele::segment
