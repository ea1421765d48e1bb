// Inside of cbor.cc: heads, and what may follow them (RFC 8949 §3 and §4.2.1).
#pragma once

#include "codec/cbor.h"

namespace stele::codec {

struct CborItemHead {
  CborType type = CborType::kUnsigned;
  uint8_t info = 0;  // low five bits of the first byte
  uint64_t value = 0;
  bool is(CborType t) const { return type == t; }
};

/// Takes a head off the front of `in`; refuses indefinite lengths, reserved forms and longer forms
/// than needed.
Result<CborItemHead> take_cbor_head(ByteSpan& in);

/// Takes one item off the front of `in`, nested at most kCborDepthMax deep.
Status take_cbor_item(ByteSpan& in);

/// Whether a float (info 25, 26 or 27 and its bits) has no shorter form that keeps every bit.
bool is_shortest_float(uint8_t info, uint64_t bits);

}  // namespace stele::codec
