#include "crypto/age.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/hex.h"
#include "crypto/age_payload.h"
#include "crypto/test_random.h"

namespace stele::crypto {
namespace {

std::vector<Identity> make_identities(size_t count) {
  std::vector<Identity> identities;
  for (size_t i = 0; i < count; ++i) {
    identities.push_back(Identity::generate(test_random(static_cast<uint8_t>(100 + i))));
  }
  return identities;
}

std::vector<Recipient> recipients_of(std::span<const Identity> identities) {
  std::vector<Recipient> recipients;
  for (const Identity& identity : identities) recipients.push_back(identity.recipient());
  return recipients;
}

Bytes plaintext_of(size_t size) {
  Bytes plaintext(size);
  test_random(9)(plaintext);
  return plaintext;
}

class Age : public ::testing::Test {
 protected:
  Bytes encrypt(ByteSpan plaintext) {
    return *age_encrypt(plaintext, recipients_of(identities_), test_random(1));
  }
  Code error_of(ByteSpan file) {
    const auto opened = age_decrypt(file, identities_);
    EXPECT_FALSE(opened.has_value());
    return opened ? Code::kOutcomeUnknown : opened.error().code;
  }

  std::vector<Identity> identities_ = make_identities(1);
};

TEST_F(Age, opens_what_it_sealed_around_every_chunk_boundary) {
  for (size_t size :
       {size_t{0}, size_t{1}, size_t{32}, kAgeChunkBytes - 1, kAgeChunkBytes, kAgeChunkBytes + 1,
        2 * kAgeChunkBytes - 1, 2 * kAgeChunkBytes, 2 * kAgeChunkBytes + 1}) {
    const Bytes plaintext = plaintext_of(size);
    const auto opened = age_decrypt(encrypt(plaintext), identities_);
    ASSERT_TRUE(opened.has_value()) << size;
    EXPECT_TRUE(equal(opened->span(), plaintext)) << size;
  }
}

TEST_F(Age, each_recipient_opens_it_alone_and_nobody_else) {
  const std::vector<Identity> people = make_identities(4);
  const auto file =
      age_encrypt(as_bytes("secret"), recipients_of(std::span(people).first(3)), test_random(1));
  ASSERT_TRUE(file.has_value());
  for (size_t i = 0; i < 3; ++i) {
    const auto opened = age_decrypt(*file, std::span(people).subspan(i, 1));
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(as_text(opened->span()), "secret");
  }
  const auto stranger = age_decrypt(*file, std::span(people).last(1));
  ASSERT_FALSE(stranger.has_value());
  EXPECT_EQ(stranger.error().code, Code::kNotFound);
  EXPECT_EQ(age_decrypt(*file, {}).error().code, Code::kNotFound);
}

Bytes read_golden(const char* name) {
  std::ifstream in(std::string(STELE_TESTDATA "/vectors/age/stele/") + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// The format, the order of the draws and every derivation at once. testdata/vectors/age/README.md
// says how it was made.
TEST_F(Age, the_same_randomness_makes_the_same_file) {
  const auto identities = parse_identity_file(as_text(read_golden("identities.txt")));
  ASSERT_TRUE(identities.has_value());
  const auto file = age_encrypt(as_bytes("stele"), recipients_of(*identities), test_random(1));
  EXPECT_EQ(as_text(*file), as_text(read_golden("two_recipients.age")));
  EXPECT_NE(*file, *age_encrypt(as_bytes("stele"), recipients_of(*identities), test_random(2)));
}

TEST_F(Age, draws_its_randomness_in_the_stated_order) {
  std::vector<size_t> draws;
  const RandomSource counting = [&](MutableByteSpan out) {
    draws.push_back(out.size());
    std::fill(out.begin(), out.end(), static_cast<uint8_t>(draws.size()));
  };
  ASSERT_TRUE(age_encrypt({}, recipients_of(make_identities(2)), counting).has_value());
  EXPECT_EQ(draws, (std::vector<size_t>{16, 32, 32, 16}));
}

TEST_F(Age, any_flipped_bit_is_noticed) {
  const Bytes file = encrypt(as_bytes("secret"));
  const size_t payload = file.size() - 16 - sealed_payload_bytes(6);
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    Bytes changed = file;
    changed[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    const auto opened = age_decrypt(changed, identities_);
    ASSERT_FALSE(opened.has_value()) << "bit " << bit;
    if (bit / 8 < payload) continue;
    EXPECT_EQ(opened.error().code, Code::kUnauthentic);
    EXPECT_TRUE(opened.error().context.starts_with("age payload")) << opened.error().context;
  }
}

TEST_F(Age, cut_anywhere_is_noticed) {
  const Bytes file = encrypt(plaintext_of(100));
  for (size_t size = 0; size < file.size(); ++size) {
    const Code code = error_of(ByteSpan(file).first(size));
    EXPECT_EQ(code, size < file.size() - 116 ? Code::kCorrupt : Code::kUnauthentic) << size;
  }
}

TEST_F(Age, chunks_cannot_be_dropped_swapped_or_repeated) {
  const Bytes file = encrypt(plaintext_of(3 * kAgeChunkBytes));
  constexpr size_t kSealed = kAgeChunkBytes + 16;
  const ptrdiff_t first = static_cast<ptrdiff_t>(file.size() - 3 * kSealed);
  Bytes dropped = file;
  dropped.erase(dropped.begin() + first, dropped.begin() + first + kSealed);
  EXPECT_EQ(error_of(dropped), Code::kUnauthentic);
  EXPECT_EQ(error_of(ByteSpan(file).first(file.size() - kSealed)), Code::kUnauthentic);
  Bytes swapped = file;
  std::swap_ranges(swapped.begin() + first, swapped.begin() + first + kSealed,
                   swapped.begin() + first + kSealed);
  EXPECT_EQ(error_of(swapped), Code::kUnauthentic);
  Bytes repeated = file;
  repeated.insert(repeated.end(), file.end() - kSealed, file.end());
  EXPECT_EQ(error_of(repeated), Code::kUnauthentic);
}

TEST_F(Age, a_changed_mac_is_told_from_a_changed_payload) {
  Bytes file = encrypt(as_bytes("secret"));
  const size_t mac = as_text(file).find("\n--- ") + 5;
  file[mac] = file[mac] == 'A' ? 'B' : 'A';
  const auto opened = age_decrypt(file, identities_);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, Code::kUnauthentic);
  EXPECT_EQ(opened.error().context, "age header: the MAC does not hold");
}

TEST_F(Age, a_stanza_added_later_is_noticed) {
  const Bytes file = encrypt(as_bytes("secret"));
  std::string text(as_text(file));
  text.insert(text.find("\n--- "), "\n-> other\n");
  EXPECT_EQ(error_of(as_bytes(text)), Code::kUnauthentic);
}

// One verdict for all readers: the broken stanza stands behind the one that opens.
TEST_F(Age, a_malformed_stanza_anywhere_is_corrupt) {
  const Bytes file = encrypt(as_bytes("secret"));
  std::string text(as_text(file));
  text.insert(text.find("\n--- "), "\n-> X25519 one two three\n");
  EXPECT_EQ(error_of(as_bytes(text)), Code::kCorrupt);
}

// Against partitioning oracles, before any decryption (age.md).
TEST_F(Age, a_wrapped_key_of_another_size_is_corrupt) {
  const Bytes file = encrypt(as_bytes("secret"));
  for (size_t size : {0, 31, 32, 33, 48}) {
    std::string text(as_text(file));
    const std::string body = to_base64(Bytes(size), Padding::kForbidden);
    const std::string last_line = body.size() == 64 ? "\n" : "";
    text.insert(text.find("\n--- "),
                "\n-> X25519 " + std::string(43, 'A') + "\n" + body + last_line);
    EXPECT_EQ(error_of(as_bytes(text)), size == 32 ? Code::kUnauthentic : Code::kCorrupt) << size;
  }
}

TEST_F(Age, refuses_to_seal_for_nobody_or_for_a_crowd) {
  EXPECT_EQ(age_encrypt({}, {}, test_random(1)).error().code, Code::kInvalid);
  const std::vector<Recipient> most(kAgeRecipientsMax, identities_[0].recipient());
  const auto file = age_encrypt({}, most, test_random(1));
  ASSERT_TRUE(file.has_value());
  EXPECT_TRUE(age_decrypt(*file, identities_).has_value()) << "what it seals it opens";
  const std::vector<Recipient> over(kAgeRecipientsMax + 1, identities_[0].recipient());
  EXPECT_EQ(age_encrypt({}, over, test_random(1)).error().code, Code::kLimit);
}

TEST_F(Age, has_a_bound_on_both_sides) {
  const Bytes large(kAgeFileBytesMax);
  EXPECT_EQ(age_encrypt(large, recipients_of(identities_), test_random(1)).error().code,
            Code::kLimit);
  EXPECT_EQ(error_of(Bytes(kAgeFileBytesMax + 1)), Code::kLimit);
}

}  // namespace
}  // namespace stele::crypto
