#include "receipt/checkpoint.h"

#include <gtest/gtest.h>

#include "merkle/hash.h"
#include "merkle/test_vectors.h"
#include "receipt/test_keys.h"

namespace stele::receipt {
namespace {

const std::string kRoot = "Gkzfy2Y3SgwNy+9JrL1JdtE+6GT7PLJB/JQ8rQTwL34=";
const std::string kText = "example.com/log\n70000\n" + kRoot + "\n";

TEST(Checkpoint, is_three_lines) {
  const auto checkpoint = parse_checkpoint(kText);
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->origin, "example.com/log");
  EXPECT_EQ(checkpoint->size, 70000U);
  EXPECT_EQ(to_base64(checkpoint->root), kRoot);
  EXPECT_EQ(encode(*checkpoint), kText);
}

TEST(Checkpoint, signed_and_cosigned_is_byte_for_byte_what_the_go_library_makes) {
  const auto vectors = merkle::load_tlog_vectors();
  const auto log = log_signer();
  const Checkpoint checkpoint{"example.com/log", 70000, vectors.roots.at(70000)};
  auto note = sign_checkpoint(checkpoint, log);
  ASSERT_TRUE(note);
  auto parts = *parse_note(as_bytes(*note));
  parts.signatures.push_back(*witness().sign(parts.text, kCosignedAt));
  EXPECT_EQ(encode(parts), vectors.checkpoint);
}

TEST(Checkpoint, of_the_go_library_opens_with_the_logs_key) {
  const auto vectors = merkle::load_tlog_vectors();
  const auto opened =
      open_checkpoint(as_bytes(vectors.checkpoint), *VerifierKey::parse(vectors.log_vkey));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(*opened, (Checkpoint{"example.com/log", 70000, vectors.roots.at(70000)}));
}

TEST(Checkpoint, of_tesseras_test_log_opens_with_its_key) {
  std::ifstream file(STELE_TESTDATA "/vectors/tlog_tessera.txt");
  std::string note, vkey;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("vkey ")) vkey = line.substr(5);
    if (line == "example.com/log/testdata" || !note.empty()) note += line + "\n";
  }
  const auto opened = open_checkpoint(as_bytes(note), *VerifierKey::parse(vkey));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(opened->size, 15U);
  EXPECT_EQ(to_base64(opened->root), "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=");
}

TEST(Checkpoint, is_believed_of_the_logs_own_key_alone) {
  const auto log = log_signer();
  const std::string note = *sign_checkpoint({"example.com/log", 1, Hash{}}, log);
  EXPECT_TRUE(open_checkpoint(as_bytes(note), log.key()));
  for (const auto& key :
       {test_signer("example.com/log", 9).key(), test_signer("example.com/other", 1).key()}) {
    const auto opened = open_checkpoint(as_bytes(note), key);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::kUnauthentic);
  }
}

TEST(Checkpoint, of_one_log_signed_by_another_is_refused) {
  const auto other = test_signer("example.com/other", 3);
  EXPECT_EQ(sign_checkpoint({"example.com/log", 1, Hash{}}, other).error().code, Code::kInvalid);
  const std::string note = *other.sign(kText);
  EXPECT_EQ(open_checkpoint(as_bytes(note), other.key()).error().code, Code::kUnauthentic);
}

TEST(Checkpoint, is_not_opened_with_a_cosigners_key) {
  const auto cosigner = test_cosigner("example.com/log", 1);
  Note note{kText, {*cosigner.sign(kText, kCosignedAt)}};
  EXPECT_EQ(open_checkpoint(as_bytes(encode(note)), cosigner.key()).error().code, Code::kInvalid);
}

TEST(Checkpoint, that_is_signed_but_no_checkpoint_is_refused) {
  const auto log = log_signer();
  EXPECT_EQ(open_checkpoint(as_bytes(*log.sign("hello\n")), log.key()).error().code,
            Code::kCorrupt);
}

TEST(Checkpoint, may_have_extension_lines_that_we_leave_out) {
  const auto checkpoint = parse_checkpoint(kText + "extension\nanother one\n");
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(encode(*checkpoint), kText);
  EXPECT_FALSE(parse_checkpoint(kText + "\n"));
  EXPECT_FALSE(parse_checkpoint(kText + "extension\n\n"));
  EXPECT_FALSE(parse_checkpoint(kText + "extension"));
}

TEST(Checkpoint, of_another_form_is_refused) {
  const std::vector<std::string> others = {std::string(),
                                           "\n70000\n" + kRoot + "\n",
                                           "o\n\n" + kRoot + "\n",
                                           "o\n070000\n" + kRoot + "\n",
                                           "o\n+7\n" + kRoot + "\n",
                                           "o\n-7\n" + kRoot + "\n",
                                           "o\n7 \n" + kRoot + "\n",
                                           "o\n0x7\n" + kRoot + "\n",
                                           "o\n9223372036854775808\n" + kRoot + "\n",
                                           "o\n7\n\n",
                                           "o\n7\n" + kRoot.substr(1) + "\n",
                                           "o\n7\n" + kRoot.substr(0, 43) + "\n",
                                           "o\n7\nA" + kRoot + "\n",
                                           "o\n7\n" + kRoot + "=\n",
                                           "o\n7\n" + kRoot.substr(0, 42) + "5=\n",
                                           "o\n7\n " + kRoot + "\n",
                                           "o\n7\n" + kRoot,
                                           "o\n7\n",
                                           "o\n7",
                                           "o\n",
                                           "o\r\n7\r\n" + kRoot + "\r\n",
                                           "\xFF\n7\n" + kRoot + "\n",
                                           std::string(256, 'o') + "\n7\n" + kRoot + "\n"};
  for (const std::string& bad : others) {
    EXPECT_FALSE(parse_checkpoint(bad)) << bad;
  }
  EXPECT_TRUE(parse_checkpoint("o\n9223372036854775807\n" + kRoot + "\n"));
  EXPECT_TRUE(parse_checkpoint(std::string(255, 'o') + "\n7\n" + kRoot + "\n"));
}

TEST(Checkpoint, of_an_empty_log_has_the_empty_trees_root) {
  EXPECT_TRUE(parse_checkpoint(encode(Checkpoint{"o", 0, merkle::empty_root()})));
  EXPECT_FALSE(parse_checkpoint("o\n0\n" + kRoot + "\n"));
}

}  // namespace
}  // namespace stele::receipt
