// Test oracle: RFC 6962 §2.1 word for word, slow and obvious; and the leaves of
// testdata/vectors/tlog.txt.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "merkle/proof.h"

namespace stele::merkle {

/// Entry i is the decimal text of i.
inline std::string entry_text(uint64_t i) { return std::to_string(i); }

inline std::vector<Hash> leaf_hashes(uint64_t count) {
  std::vector<Hash> out;
  for (uint64_t i = 0; i < count; ++i) out.push_back(leaf_hash(as_bytes(entry_text(i))));
  return out;
}

inline size_t rfc_split(size_t n) {
  size_t k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/// MTH(D[n])
inline Hash rfc_root(std::span<const Hash> d) {
  if (d.empty()) return empty_root();
  if (d.size() == 1) return d[0];
  const size_t k = rfc_split(d.size());
  return node_hash(rfc_root(d.first(k)), rfc_root(d.subspan(k)));
}

/// PATH(m, D[n])
inline Proof rfc_path(size_t m, std::span<const Hash> d) {
  if (d.size() <= 1) return {};
  const size_t k = rfc_split(d.size());
  Proof proof = m < k ? rfc_path(m, d.first(k)) : rfc_path(m - k, d.subspan(k));
  proof.push_back(rfc_root(m < k ? d.subspan(k) : d.first(k)));
  return proof;
}

/// SUBPROOF(m, D[n], b)
inline Proof rfc_subproof(size_t m, std::span<const Hash> d, bool b) {
  if (m == d.size()) return b ? Proof{} : Proof{rfc_root(d)};
  const size_t k = rfc_split(d.size());
  Proof proof = m <= k ? rfc_subproof(m, d.first(k), b) : rfc_subproof(m - k, d.subspan(k), false);
  proof.push_back(rfc_root(m <= k ? d.subspan(k) : d.first(k)));
  return proof;
}

/// PROOF(m, D[n]), 0 < m ≤ n
inline Proof rfc_proof(size_t m, std::span<const Hash> d) { return rfc_subproof(m, d, true); }

}  // namespace stele::merkle
