// The age test kit (C2SP/CCTV): every vector, held to the outcome it demands itself.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "base/hex.h"
#include "crypto/age.h"
#include "crypto/age_payload.h"
#include "crypto/sha256.h"

namespace stele::crypto {
namespace {

struct Vector {
  std::string name, expect, payload_hash;
  std::vector<std::string> identities;
  bool armored = false, passphrase = false, compressed = false;
  Bytes file;
};

Bytes inflate(ByteSpan compressed) {
  static Bytes space(20 << 20);  // the largest holds 258 chunks of 64 KiB
  uLongf size = space.size();
  EXPECT_EQ(uncompress(space.data(), &size, compressed.data(), compressed.size()), Z_OK);
  return {space.begin(), space.begin() + static_cast<ptrdiff_t>(size)};
}

// Lines of "key: value", an empty line, the file.
Vector read_vector(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  Vector v;
  v.name = path.filename();
  for (std::string line; std::getline(in, line) && !line.empty();) {
    const size_t colon = line.find(": ");
    const std::string key = line.substr(0, colon), value = line.substr(colon + 2);
    if (key == "expect") {
      v.expect = value;
    } else if (key == "payload") {
      v.payload_hash = value;
    } else if (key == "identity") {
      v.identities.push_back(value);
    } else if (key == "armored") {
      v.armored = value == "yes";
    } else if (key == "passphrase") {
      v.passphrase = true;
    } else if (key == "compressed") {
      v.compressed = value == "zlib";
    } else {
      EXPECT_TRUE(key == "comment" || key == "file key") << v.name << ": unknown key " << key;
    }
  }
  v.file.assign(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  if (v.compressed) v.file = inflate(v.file);
  return v;
}

std::string outcome_of(Code code, std::string_view unauthentic) {
  switch (code) {
    case Code::kCorrupt:
      return "header failure";
    case Code::kNotFound:
      return "no match";
    case Code::kUnauthentic:
      return std::string(unauthentic);
    case Code::kUnsupported:
      return "unsupported";
    default:
      return std::string("unexpected code ") + std::string(code_name(code));
  }
}

// In age_decrypt's two steps, so that the failing step is known and not read from a message.
std::string open_in_steps(const Vector& v, std::span<const Identity> identities) {
  const auto parsed = parse_age_file(v.file);
  if (!parsed) return outcome_of(parsed.error().code, "");
  const auto file_key = unwrap_age_header(*parsed, identities);
  if (!file_key) return outcome_of(file_key.error().code, "HMAC failure");
  const auto plaintext = open_payload(*file_key, parsed->nonce, parsed->chunks);
  if (!plaintext) return outcome_of(plaintext.error().code, "payload failure");
  EXPECT_EQ(to_hex(sha256(plaintext->span())), v.payload_hash) << v.name;
  return "success";
}

// The same from age_decrypt itself.
std::string open_whole(const Vector& v, std::span<const Identity> identities) {
  const auto plaintext = age_decrypt(v.file, identities);
  if (!plaintext) {
    const bool header = plaintext.error().context.starts_with("age header");
    return outcome_of(plaintext.error().code, header ? "HMAC failure" : "payload failure");
  }
  EXPECT_EQ(to_hex(sha256(plaintext->span())), v.payload_hash) << v.name;
  return "success";
}

std::string run(const Vector& v) {
  std::vector<Identity> identities;
  bool other_identities = false;
  for (const std::string& text : v.identities) {
    auto identity = Identity::parse(text);
    if (identity) {
      identities.push_back(*std::move(identity));
    } else {
      EXPECT_EQ(identity.error().code, Code::kUnsupported) << v.name;
      EXPECT_TRUE(text.starts_with("AGE-SECRET-KEY-PQ-1")) << v.name;
      other_identities = true;
    }
  }
  const std::string outcome = open_in_steps(v, identities);
  EXPECT_EQ(open_whole(v, identities), outcome) << v.name;
  return outcome == "no match" && other_identities ? "unsupported" : outcome;
}

const std::vector<Vector>& kit() {
  static const std::vector<Vector> vectors = [] {
    std::vector<Vector> read;
    for (const auto& entry :
         std::filesystem::directory_iterator(STELE_TESTDATA "/vectors/age/testkit")) {
      read.push_back(read_vector(entry.path()));
    }
    return read;
  }();
  return vectors;
}

// What the vector needs that stele does not do.
std::string need_of(const Vector& v) {
  // Their first line is not the one that marks armor, so to a reader without armor they are no age
  // file at all.
  static const std::set<std::string> not_even_armor = {
      "armor_garbage_leading", "armor_lowercase", "armor_whitespace_begin", "armor_wrong_type"};
  if (not_even_armor.contains(v.name)) return "armor, unrecognized";
  if (v.armored) return "armor";
  if (v.passphrase) return "passphrase";
  if (v.identities.size() == 1 && v.identities[0].starts_with("AGE-SECRET-KEY-PQ-1")) {
    return "post-quantum";
  }
  if (v.name == "version_unsupported") return "another version";
  return "";
}

TEST(AgeKit, every_vector_has_the_outcome_it_demands) {
  std::map<std::string, int> as_demanded, unsupported;
  for (const Vector& v : kit()) {
    const std::string outcome = run(v), need = need_of(v);
    if (outcome == v.expect) {
      ++as_demanded[outcome];
    } else {
      EXPECT_NE(need, "") << v.name << " demands " << v.expect << ", got " << outcome;
      EXPECT_EQ(outcome, need == "armor, unrecognized" ? "header failure" : "unsupported")
          << v.name;
      ++unsupported[need];
    }
  }
  // All 143 are accounted for. A vector whose need is not met but that fails before it matters is
  // as demanded.
  EXPECT_EQ(as_demanded, (std::map<std::string, int>{{"success", 14},
                                                     {"no match", 4},
                                                     {"HMAC failure", 1},
                                                     {"header failure", 35},
                                                     {"payload failure", 18}}));
  EXPECT_EQ(unsupported, (std::map<std::string, int>{{"armor", 29},
                                                     {"armor, unrecognized", 4},
                                                     {"passphrase", 21},
                                                     {"post-quantum", 16},
                                                     {"another version", 1}}));
}

// "Any vector that's not a header failure can be used to test round-trips" (the kit's README).
TEST(AgeKit, every_header_that_parses_has_no_other_spelling) {
  int parsed_count = 0;
  for (const Vector& v : kit()) {
    const auto parsed = parse_age_file(v.file);
    if (!parsed) continue;
    ++parsed_count;
    EXPECT_EQ(encode_age_stanzas(parsed->stanzas), as_text(parsed->authenticated)) << v.name;
    EXPECT_TRUE(as_text(v.file)
                    .substr(parsed->authenticated.size())
                    .starts_with(encode_age_mac(parsed->mac)))
        << v.name;
  }
  EXPECT_EQ(parsed_count, 84);
}

}  // namespace
}  // namespace stele::crypto
