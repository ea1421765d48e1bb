// Reads testdata/vectors/tlog.txt: facts about the log whose entry i is the decimal text of i, made
// with Go's x/mod.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "base/hex.h"

namespace stele::merkle {

struct TlogVectors {
  std::string log_vkey, witness_vkey;
  std::map<uint64_t, Hash> roots;               // by size
  std::map<std::string, std::string> tile_sha;  // path as tlog-tiles has it -> SHA-256 in hex
  std::string inclusion_sha, consistency_sha;   // of the proofs' hashes one after the other, in hex
  std::string checkpoint;  // the note of size 70000, with log's and witness's signature
};

inline TlogVectors load_tlog_vectors() {
  std::ifstream file(STELE_TESTDATA "/vectors/tlog.txt");
  TlogVectors v;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string kind, a, b, c, d, e;
    words >> kind >> a >> b >> c >> d >> e;
    if (kind == "log") v.log_vkey = b;
    if (kind == "witness") v.witness_vkey = b;
    if (kind == "root") {
      const auto root = from_base64(b);
      if (root && root->size() == 32)
        std::copy(root->begin(), root->end(), v.roots[std::stoull(a)].begin());
    }
    if (kind == "inclusion") v.inclusion_sha = e;
    if (kind == "consistency") v.consistency_sha = e;
    // Go's paths name the tiles' height, 8: tile/8/0/000.
    if (kind.starts_with("tile/8/")) v.tile_sha["tile/" + kind.substr(7)] = d;
    if (kind == "example.com/log") {
      v.checkpoint = line + "\n" + std::string(std::istreambuf_iterator<char>(file), {});
    }
  }
  EXPECT_EQ(v.roots.size(), 10U);
  EXPECT_EQ(v.tile_sha.size(), 5U);
  EXPECT_FALSE(v.inclusion_sha.empty() || v.consistency_sha.empty() || v.checkpoint.empty());
  return v;
}

}  // namespace stele::merkle
