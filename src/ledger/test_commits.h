// For tests only: commits to make, one behind the other.
#pragma once

#include "crypto/sha256.h"
#include "ledger/commit_store.h"

namespace stele::ledger {

inline Hash hash_of(std::string_view text) { return crypto::sha256(as_bytes(text)); }

inline StreamId stream_of(uint8_t number) {
  StreamId id{};
  id[0] = 1;
  id[15] = number;
  return id;
}

/// The next commit of `count` leaves behind `head`; `what` tells it from others.
inline Commit commit_behind(const merkle::Frontier& head, uint32_t count, std::string_view what) {
  Commit commit{head, {head.size(), count, uint64_t{1000} * count, hash_of(what), "", "v1"}, {}};
  commit.volume.key = "volume/" + std::string(what);
  for (uint32_t i = 0; i < count; ++i)
    commit.next.append(hash_of(std::string(what) + "/" + std::to_string(i)));
  return commit;
}

inline segment::Tail tail_at(uint32_t next_sequence, bool closed = false) {
  return {{1, 2, 3, 4, 5, 6, 7, 8}, next_sequence, closed, hash_of(std::to_string(next_sequence))};
}

}  // namespace stele::ledger
