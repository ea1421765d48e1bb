// Entry bundles: the entries under one tile of level 0, each behind its length as u16 (C2SP
// tlog-tiles, "Log entries").
#pragma once

#include <vector>

#include "base/result.h"
#include "merkle/tile.h"

namespace stele::merkle {

inline constexpr size_t kEntryBytesMax = 65'535;
inline constexpr size_t kBundleBytesMax = kTileWidth * (2 + kEntryBytesMax);

/// Puts one more entry at the end of a bundle. kLimit: the entry is over kEntryBytesMax.
Status append_entry(Bytes& bundle, ByteSpan entry);

/// The entries, as spans into `bytes`. kCorrupt: not exactly `width` entries.
Result<std::vector<ByteSpan>> parse_bundle(ByteSpan bytes, uint16_t width);

}  // namespace stele::merkle
