#include "crypto/age_key.h"

#include <gtest/gtest.h>

#include "crypto/bech32.h"
#include "crypto/test_random.h"

namespace stele::crypto {
namespace {

// The examples of age.md.
constexpr std::string_view kIdentity =
    "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
constexpr std::string_view kRecipient =
    "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

std::string text_of(const Identity& identity) {
  return std::string(as_text(identity.to_text().span()));
}

std::string bech32(std::string_view prefix, size_t size) {
  return std::string(as_text(encode_bech32(prefix, Bytes(size, 9)).span()));
}

Code recipient_error(std::string_view text) {
  const auto recipient = Recipient::parse(text);
  EXPECT_FALSE(recipient.has_value()) << text;
  return recipient ? Code::kOutcomeUnknown : recipient.error().code;
}

Error identity_error(std::string_view text) {
  auto identity = Identity::parse(text);
  EXPECT_FALSE(identity.has_value()) << text;
  return identity ? Error{} : std::move(identity).error();
}

TEST(AgeKey, agrees_with_the_spec) {
  const auto identity = Identity::parse(kIdentity);
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->recipient().to_string(), kRecipient);
  EXPECT_EQ(text_of(*identity), kIdentity);
  const auto recipient = Recipient::parse(kRecipient);
  ASSERT_TRUE(recipient.has_value());
  EXPECT_EQ(*recipient, identity->recipient());
  EXPECT_EQ(recipient->to_string(), kRecipient);
}

TEST(AgeKey, generates_a_key_that_can_be_saved) {
  const Identity identity = Identity::generate(test_random(1));
  const auto again = Identity::parse(text_of(identity));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->recipient(), identity.recipient());
  EXPECT_NE(Identity::generate(test_random(2)).recipient(), identity.recipient());
}

TEST(AgeKey, refuses_each_single_mistyped_character) {
  for (size_t i = 0; i < kRecipient.size(); ++i) {
    std::string text(kRecipient);
    text[i] = text[i] == 'q' ? 'p' : 'q';
    EXPECT_FALSE(Recipient::parse(text).has_value()) << text;
  }
  for (size_t i = 0; i < kIdentity.size(); ++i) {
    std::string text(kIdentity);
    text[i] = text[i] == 'Q' ? 'P' : 'Q';
    EXPECT_FALSE(Identity::parse(text).has_value()) << text;
  }
}

TEST(AgeKey, refuses_to_be_cut_short_or_grown) {
  for (size_t size = 0; size < kRecipient.size(); ++size) {
    EXPECT_FALSE(Recipient::parse(kRecipient.substr(0, size)).has_value());
  }
  EXPECT_EQ(recipient_error(std::string(kRecipient) + "\n"), Code::kInvalid);
  EXPECT_EQ(recipient_error(" " + std::string(kRecipient)), Code::kInvalid);
}

TEST(AgeKey, has_no_second_spelling) {
  EXPECT_EQ(recipient_error("AGE1ZVKYG2LQZRAA2LNJVQEJ32NKUU0UES2S82HZRYE869XEEXVN73EQUNUJWJ"),
            Code::kInvalid);
  EXPECT_EQ(
      identity_error("age-secret-key-1gfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpq4egaex")
          .code,
      Code::kInvalid);
}

TEST(AgeKey, refuses_other_bech32_texts) {
  EXPECT_EQ(recipient_error(bech32("bc", 32)), Code::kInvalid);
  EXPECT_EQ(recipient_error(kIdentity), Code::kInvalid);
  EXPECT_EQ(identity_error(kRecipient).code, Code::kInvalid);
  EXPECT_EQ(identity_error(bech32("SECRET", 32)).code, Code::kInvalid);
}

TEST(AgeKey, is_of_32_bytes) {
  for (size_t size : {0, 1, 31, 33, 64}) {
    EXPECT_EQ(recipient_error(bech32("age", size)), Code::kInvalid) << size;
    EXPECT_EQ(identity_error(bech32("AGE-SECRET-KEY-", size)).code, Code::kInvalid) << size;
  }
  EXPECT_TRUE(Recipient::parse(bech32("age", 32)).has_value());
  EXPECT_TRUE(Identity::parse(bech32("AGE-SECRET-KEY-", 32)).has_value());
}

TEST(AgeKey, says_of_other_types_that_it_does_not_do_them) {
  EXPECT_EQ(recipient_error(bech32("age1pq", 1216)), Code::kUnsupported);
  EXPECT_EQ(recipient_error(bech32("age1yubikey", 33)), Code::kUnsupported);
  EXPECT_EQ(identity_error(bech32("AGE-SECRET-KEY-PQ-", 32)).code, Code::kUnsupported);
  EXPECT_EQ(identity_error(bech32("AGE-PLUGIN-YUBIKEY-", 9)).code, Code::kUnsupported);
}

// What is sealed to such a key opens for nobody, or for everybody.
TEST(AgeKey, refuses_a_recipient_that_no_identity_has) {
  for (std::string_view text :
       {"age17mlllllllllllllllllllllllllllllllllllllllllllllllalsxajvgg",  // p + 9: spells 9 again
        "age1lllllllllllllllllllllllllllllllllllllllllllllllllalsjzdrvv",  // 2^255 - 1
        "age1pyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqyr3apl",  // the unused top bit set
        "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",  // 0, of low order
        "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya",  // 1, of low order
        "age1anlllllllllllllllllllllllllllllllllllllllllllllllals4n2t7m"}) {  // p - 1, of low order
    const auto recipient = Recipient::parse(text);
    ASSERT_FALSE(recipient.has_value()) << text;
    EXPECT_EQ(recipient.error().context, "age recipient: a key that nobody can open with");
  }
  EXPECT_TRUE(Recipient::parse("age1pyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq8r66x")
                  .has_value());
}

TEST(IdentityFile, reads_what_age_keygen_writes) {
  const std::string file =
      "# created: 2026-11-23T10:00:00+01:00\n# public key: " + std::string(kRecipient) + "\n" +
      std::string(kIdentity) + "\n";
  const auto identities = parse_identity_file(file);
  ASSERT_TRUE(identities.has_value());
  ASSERT_EQ(identities->size(), 1U);
  EXPECT_EQ((*identities)[0].recipient().to_string(), kRecipient);
}

TEST(IdentityFile, holds_several_between_blank_lines_with_either_line_end) {
  const std::string second = text_of(Identity::generate(test_random(1)));
  const auto identities =
      parse_identity_file("\r\n\n" + second + "\r\n#\n\n" + std::string(kIdentity));
  ASSERT_TRUE(identities.has_value());
  ASSERT_EQ(identities->size(), 2U);
  EXPECT_EQ(text_of((*identities)[0]), second);
  EXPECT_EQ(text_of((*identities)[1]), kIdentity);
}

TEST(IdentityFile, names_the_bad_line_and_never_its_text) {
  const auto identities =
      parse_identity_file("# a comment\n\n" + std::string(kIdentity.substr(0, 60)) + "\n");
  ASSERT_FALSE(identities.has_value());
  EXPECT_EQ(identities.error().code, Code::kInvalid);
  EXPECT_NE(identities.error().context.find("line 3"), std::string::npos);
  EXPECT_EQ(identities.error().context.find("GFPYY"), std::string::npos);
}

TEST(IdentityFile, without_an_identity_is_refused) {
  for (std::string_view text : {"", "\n", "# nothing\n"}) {
    const auto identities = parse_identity_file(text);
    ASSERT_FALSE(identities.has_value());
    EXPECT_EQ(identities.error().code, Code::kInvalid);
  }
}

TEST(IdentityFile, that_is_itself_sealed_is_not_supported) {
  for (std::string_view text :
       {"age-encryption.org/v1\n-> scrypt", "-----BEGIN AGE ENCRYPTED FILE-----\n"}) {
    EXPECT_EQ(parse_identity_file(text).error().code, Code::kUnsupported);
  }
}

TEST(IdentityFile, has_a_bound) {
  const std::string line = std::string(kIdentity) + "\n";
  EXPECT_TRUE(parse_identity_file(std::string(kIdentityFileBytesMax - line.size(), '\n') + line)
                  .has_value());
  const auto over =
      parse_identity_file(std::string(kIdentityFileBytesMax + 1 - line.size(), '\n') + line);
  ASSERT_FALSE(over.has_value());
  EXPECT_EQ(over.error().code, Code::kLimit);
}

}  // namespace
}  // namespace stele::crypto
