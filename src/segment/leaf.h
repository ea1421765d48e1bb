// The leaf: the ledger's entry, 92 bytes that commit to one segment (docs/formats/volume.md).
#pragma once

#include "segment/header.h"

namespace stele::segment {

inline constexpr size_t kLeafBytes = 92;

struct Leaf {
  Kind kind = Kind::kSession;
  uint8_t flags = 0;
  uint8_t retention_class = 0;
  StreamId stream{};
  uint32_t sequence = 0;
  uint32_t segment_bytes = 0;
  Hash segment_hash{};
  WallTime wall_first;
  uint32_t duration_us = 0;
  WallTime received;
  HostKeyId host_key{};
  uint32_t retain_until_day = 0;  // days since 1970-01-01; 0: for ever

  bool has(uint8_t flag) const { return (flags & flag) != 0; }
  bool operator==(const Leaf&) const = default;
};

/// The leaf of a segment taken at `received`.
Leaf make_leaf(const Header& header, const Hash& segment_hash, WallTime received,
               uint32_t retain_until_day);

/// True where the leaf says of the segment what the segment says of itself.
bool agrees(const Leaf& leaf, const Header& header, const Hash& segment_hash);

std::array<uint8_t, kLeafBytes> encode(const Leaf& leaf);
/// kCorrupt: not a leaf, or a segment size that no segment has.
Result<Leaf> parse_leaf(ByteSpan bytes);

}  // namespace stele::segment
