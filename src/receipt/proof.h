// Receipts: all that is needed to show, offline, that an entry stands in a log (C2SP tlog-proof;
// file ending .tlog-proof).
#pragma once

#include "merkle/proof.h"
#include "receipt/checkpoint.h"

namespace stele::receipt {

inline constexpr size_t kExtraBytesMax = size_t{64} << 10;

struct Receipt {
  Bytes extra;  // authenticated by nothing; empty: none
  uint64_t index = 0;
  merkle::Proof proof;
  std::string checkpoint;  // the log's note, with whatever cosignatures
  bool operator==(const Receipt&) const = default;
};

std::string encode(const Receipt& receipt);
/// The form alone. kCorrupt: not a receipt; kLimit: over the bounds of its parts.
Result<Receipt> parse_receipt(ByteSpan bytes);

/// The checkpoint under which the entry stands at the receipt's index. kUnauthentic: not shown.
Result<Checkpoint> verify_receipt(const Receipt& receipt, ByteSpan entry,
                                  const VerifierKey& log_key);

}  // namespace stele::receipt
