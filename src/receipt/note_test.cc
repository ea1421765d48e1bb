#include "receipt/note.h"

#include <gtest/gtest.h>

#include <map>

#include "receipt/test_keys.h"

namespace stele::receipt {
namespace {

const std::string kDash = "\xE2\x80\x94 ";

// signed-note, "Example" and the opening example.
constexpr std::string_view kExampleKey =
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const std::string kExample = "This is an example message.\n\n" + kDash +
                             "example.com/foo "
                             "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3m"
                             "FXmRKuwHjG1Yu72IneyaQM=\n";
const std::string kPoem =
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\n\xC3\xA8"
    "d \xC3\xA8 subito sera.\n\n" +
    kDash +
    "quasimodo.example/salvatore "
    "NnugSzTjtVAewIS+Z/iJhUPeFDkO/"
    "5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

Result<OpenedNote> open(std::string_view note, const std::vector<VerifierKey>& known) {
  return open_note(as_bytes(note), known);
}
std::string sign(const std::string& text, const NoteSigner& signer) {
  const auto note = signer.sign(text);
  CHECK(note);
  return *note;
}
/// The signature lines of a note.
std::string lines_of(const std::string& note) { return note.substr(note.rfind("\n\n") + 2); }

TEST(Note, of_the_standard_opens_with_its_key) {
  const auto key = VerifierKey::parse(kExampleKey);
  const auto opened = open(kExample, {*key});
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->text, "This is an example message.\n");
  ASSERT_EQ(opened->verified.size(), 1U);
  EXPECT_EQ(opened->verified[0].key, *key);
  EXPECT_FALSE(opened->verified[0].time);
}

TEST(Note, may_have_empty_lines_in_its_text) {
  const auto note = parse_note(as_bytes(kPoem));
  ASSERT_TRUE(note);
  EXPECT_EQ(note->text, kPoem.substr(0, kPoem.rfind("\n\n") + 1));
  ASSERT_EQ(note->signatures.size(), 1U);
  EXPECT_EQ(note->signatures[0].name, "quasimodo.example/salvatore");
  EXPECT_EQ(note->signatures[0].key_id, 0x367ba04bU);
  EXPECT_EQ(note->signatures[0].bytes.size(), 64U);
  EXPECT_EQ(encode(*note), kPoem);
}

TEST(Note, signed_opens_with_the_signers_key) {
  const auto signer = log_signer();
  for (const std::string text :
       {"one line\n", "two\nlines\n", "\n", "\n\n", "gap\n\nin it\n", "sp\xC3\xA4t\n"}) {
    const std::string note = sign(text, signer);
    const auto opened = open(note, {signer.key()});
    ASSERT_TRUE(opened) << opened.error().message();
    EXPECT_EQ(opened->text, text);
    EXPECT_EQ(encode(*parse_note(as_bytes(note))), note);
  }
}

TEST(Note, is_not_signed_unless_it_can_be_read_back) {
  for (const char* text : {"", "no newline", "bell\a\n", "tab\t\n", "\r\n", "\xFF\n"}) {
    const auto note = log_signer().sign(text);
    ASSERT_FALSE(note);
    EXPECT_EQ(note.error().code, Code::kInvalid);
  }
}

TEST(Note, with_any_bit_flipped_does_not_open) {
  const auto key = *VerifierKey::parse(kExampleKey);
  for (size_t i = 0; i < kExample.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string note = kExample;
      note[i] = static_cast<char>(note[i] ^ (1 << bit));
      EXPECT_FALSE(open(note, {key})) << i << " " << bit;
    }
  }
}

TEST(Note, cut_anywhere_does_not_parse) {
  for (size_t size = 0; size < kExample.size(); ++size) {
    EXPECT_FALSE(parse_note(as_bytes(kExample.substr(0, size)))) << size;
  }
}

TEST(Note, signed_by_nobody_known_is_refused) {
  const auto opened = open(sign("text\n", log_signer()), {test_signer("example.com/log", 9).key()});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kUnauthentic);
  EXPECT_FALSE(open(sign("text\n", log_signer()), {}));
}

// "Verifiers MUST ignore signatures from unknown keys, even if they share a name or ID (but not
// both) with a known key."
TEST(Note, sets_aside_signatures_of_unknown_keys) {
  const auto log = log_signer(), stranger = test_signer("stranger.example", 3),
             namesake = test_signer("example.com/log", 4);
  Note note = *parse_note(as_bytes(sign("text\n", log)));
  const Note by_stranger = *parse_note(as_bytes(sign("other text\n", stranger)));
  const Note by_namesake = *parse_note(as_bytes(sign("other text\n", namesake)));
  note.signatures.insert(note.signatures.begin(), by_stranger.signatures[0]);
  note.signatures.push_back(by_namesake.signatures[0]);
  Signature same_id = by_stranger.signatures[0];
  same_id.key_id = log.key().id();
  note.signatures.push_back(same_id);
  const auto opened = open(encode(note), {log.key()});
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(opened->verified.size(), 1U);
  EXPECT_EQ(opened->unverified.size(), 3U);
}

// "If a signature from a known key fails to verify, clients SHOULD reject the whole note."
TEST(Note, with_a_wrong_signature_of_a_known_key_is_refused_though_another_is_right) {
  const auto log = log_signer(), other = test_signer("other.example", 3);
  const std::string right = sign("text\n", log), wrong = sign("another text\n", other);
  EXPECT_TRUE(open(right + lines_of(wrong), {log.key()}));
  EXPECT_EQ(open(right + lines_of(wrong), {log.key(), other.key()}).error().code,
            Code::kUnauthentic);
  // Also behind a right one of the same key.
  const std::string wrong_again = sign("another text\n", log);
  EXPECT_FALSE(open(right + lines_of(wrong_again), {log.key()}));
}

TEST(Note, counts_a_key_once_that_signed_twice) {
  const auto log = log_signer();
  const std::string note = sign("text\n", log);
  const auto opened = open(note + lines_of(note), {log.key(), log.key()});
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->verified.size(), 1U);
}

TEST(Note, tells_who_of_several_has_signed) {
  const auto a = test_signer("a", 1), b = test_signer("b", 2), c = test_signer("c", 3);
  const auto opened =
      open(sign("text\n", c) + lines_of(sign("text\n", a)), {a.key(), b.key(), c.key()});
  ASSERT_TRUE(opened);
  ASSERT_EQ(opened->verified.size(), 2U);
  EXPECT_EQ(opened->verified[0].key, c.key());
  EXPECT_EQ(opened->verified[1].key, a.key());
}

TEST(Note, takes_at_least_the_16_large_signatures_of_the_standard) {
  const auto log = log_signer();
  Note note = *parse_note(as_bytes(sign("text\n", log)));
  for (int i = 0; i < 16; ++i) note.signatures.push_back({"w" + std::to_string(i), 7, Bytes(5000)});
  EXPECT_TRUE(open(encode(note), {log.key()}));
  while (note.signatures.size() < kSignaturesMax) note.signatures.push_back({"w", 7, Bytes(1)});
  EXPECT_TRUE(open(encode(note), {log.key()}));
  note.signatures.push_back({"w", 7, Bytes(1)});
  EXPECT_EQ(open(encode(note), {log.key()}).error().code, Code::kLimit);
}

TEST(Note, over_its_bound_is_refused) {
  const std::string note = sign(std::string(kNoteBytesMax - 95, 'a') + "\n", log_signer());
  ASSERT_GT(note.size(), kNoteBytesMax);
  EXPECT_EQ(parse_note(as_bytes(note)).error().code, Code::kLimit);
}

TEST(Note, of_another_form_is_refused) {
  const std::string line = lines_of(kExample);  // "— example.com/foo Uw2Q…=\n"
  ASSERT_TRUE(parse_note(as_bytes("t\n\n" + line)));
  const std::string base64 = line.substr(kDash.size() + 16);
  const std::vector<std::string> others = {std::string(),
                                           std::string("\n"),
                                           std::string("\n\n"),
                                           line,
                                           "\n" + line,
                                           "t\n" + line,
                                           "t\n\n",
                                           "t\n\n\n",
                                           "t\n\n" + line + "\n",
                                           "t\n\n" + line + "more\n",
                                           "t\n\n" + line + "\n\n",
                                           "t\r\n\r\n" + line,
                                           "t\n\n " + line,
                                           "t\n\n- example.com/foo " + base64,
                                           "t\n\n\xE2\x80\x94" + ("example.com/foo " + base64),
                                           "t\n\n" + kDash + " " + base64,
                                           "t\n\n" + kDash + base64,
                                           "t\n\n" + kDash + "example.com/foo  " + base64,
                                           "t\n\n" + kDash + "example.com/foo \n",
                                           "t\n\n" + kDash + "example.com/foo\n",
                                           "t\n\n" + kDash + "a+b " + base64,
                                           "t\n\n" + kDash + "a\xC2\xA0" + "b " + base64,
                                           "t\n\n" + kDash + "example.com/foo AAAAAA==\n",
                                           "t\n\n" + kDash + "example.com/foo AAAAAAB=\n",
                                           "t\n\n" + kDash + "example.com/foo AAAAAAA\n",
                                           "t\n\n" + kDash + "example.com/foo AAAAAAA= \n",
                                           "t\x7F\x01\n\n" + line,
                                           "\xFF\n\n" + line};
  for (const std::string& bad : others) {
    EXPECT_FALSE(parse_note(as_bytes(bad))) << bad;
  }
  EXPECT_TRUE(parse_note(
      as_bytes("t\n\n" + kDash + "example.com/foo AAAAAAA=\n")));  // one byte of signature
}

TEST(Note, is_not_opened_with_two_keys_of_one_name_and_id) {
  // An id has 32 bits, so that two of some hundred thousand keys share one.
  std::vector<VerifierKey> keys;
  std::map<uint32_t, VerifierKey> seen;
  for (uint32_t i = 0; keys.empty(); ++i) {
    VerifierKey key{"k", KeyType::kNote, {}};
    std::memcpy(key.key.bytes.data(), &i, sizeof i);
    const auto [other, is_new] = seen.emplace(key.id(), key);
    if (!is_new) keys = {other->second, key};
  }
  Note note{"text\n", {{"k", keys[0].id(), Bytes(64)}}};
  EXPECT_EQ(open(encode(note), keys).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace stele::receipt
