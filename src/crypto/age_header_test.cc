#include "crypto/age_header.h"

#include <gtest/gtest.h>

namespace stele::crypto {
namespace {

const Hash kMac = {1, 2, 3};
const std::string kNonce(16, 'n');

std::string file_of(const std::vector<AgeStanza>& stanzas) {
  return encode_age_stanzas(stanzas) + encode_age_mac(kMac) + kNonce + "chunks";
}

Code error_of(std::string_view file) {
  const auto parsed = parse_age_file(as_bytes(file));
  EXPECT_FALSE(parsed.has_value());
  return parsed ? Code::kOutcomeUnknown : parsed.error().code;
}

TEST(AgeHeader, is_spelled_as_in_the_spec) {
  EXPECT_EQ(encode_age_stanzas({{{"X25519", "abc"}, {0x69, 0xb7, 0x1d}}}) + encode_age_mac({}),
            "age-encryption.org/v1\n"
            "-> X25519 abc\n"
            "abcd\n"
            "--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
}

TEST(AgeHeader, comes_back_whatever_the_size_of_its_bodies) {
  for (size_t size = 0; size < 150; ++size) {
    const std::vector<AgeStanza> stanzas = {{{"a", "b"}, Bytes(size, 0xa5)}, {{"!~"}, {}}};
    const std::string file = file_of(stanzas);
    const auto parsed = parse_age_file(as_bytes(file));
    ASSERT_TRUE(parsed.has_value()) << size;
    EXPECT_EQ(parsed->stanzas, stanzas);
    EXPECT_EQ(parsed->mac, kMac);
    EXPECT_EQ(as_text(parsed->authenticated), encode_age_stanzas(stanzas));
    EXPECT_EQ(as_text(parsed->nonce), kNonce);
    EXPECT_EQ(as_text(parsed->chunks), "chunks");
  }
}

TEST(AgeHeader, cut_anywhere_before_its_chunks_is_corrupt) {
  const std::string file = file_of({{{"a"}, Bytes(48, 1)}, {{"b", "c"}, Bytes(50, 2)}});
  for (size_t size = 0; size < file.size() - 6; ++size) {
    EXPECT_EQ(error_of(file.substr(0, size)), Code::kCorrupt) << size;
  }
}

TEST(AgeHeader, without_a_stanza_is_corrupt) { EXPECT_EQ(error_of(file_of({})), Code::kCorrupt); }

TEST(AgeHeader, has_only_visible_characters_in_its_arguments) {
  for (int c = 0; c < 256; ++c) {
    const std::string file = file_of({{{std::string(1, static_cast<char>(c))}, {}}});
    EXPECT_EQ(parse_age_file(as_bytes(file)).has_value(), c >= 0x21 && c <= 0x7e) << c;
  }
}

TEST(AgeHeader, of_another_version_is_not_supported) {
  std::string file = file_of({{{"a"}, {}}});
  file.replace(0, 21, "age-encryption.org/v2");
  EXPECT_EQ(error_of(file), Code::kUnsupported);
  file.replace(0, 21, "age-encryption.org/\n1");
  EXPECT_EQ(error_of(file), Code::kCorrupt);
}

TEST(AgeHeader, in_armor_is_not_supported) {
  EXPECT_EQ(error_of("-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n"), Code::kUnsupported);
  EXPECT_EQ(error_of(" \r\n\t-----BEGIN AGE ENCRYPTED FILE-----\n"), Code::kUnsupported);
  EXPECT_EQ(error_of("x-----BEGIN AGE ENCRYPTED FILE-----\n"), Code::kCorrupt);
}

TEST(AgeHeader, has_a_bound) {
  const size_t around = file_of({{{""}, {}}}).size() - kNonce.size() - 6;
  const auto with_argument = [](size_t size) { return file_of({{{std::string(size, 'a')}, {}}}); };
  EXPECT_TRUE(parse_age_file(as_bytes(with_argument(kAgeHeaderBytesMax - around))).has_value());
  EXPECT_EQ(error_of(with_argument(kAgeHeaderBytesMax - around + 1)), Code::kLimit);
  EXPECT_EQ(error_of(std::string(kAgeHeaderBytesMax, 'a')), Code::kCorrupt);
  EXPECT_EQ(error_of(std::string(kAgeHeaderBytesMax + 1, 'a')), Code::kLimit);
}

}  // namespace
}  // namespace stele::crypto
