// Inside of lane_decoder.cc: reads the maps of `start` and `end`, and the values in them.
#pragma once

#include <limits>

#include "codec/cbor.h"
#include "event/event.h"

namespace stele::event {

/// An unsigned integer no larger than the type holds; kCorrupt otherwise.
template <typename Integer>
Result<Integer> read_integer(codec::CborReader& in) {
  TRY(const uint64_t value, in.unsigned_integer());
  if (value > static_cast<uint64_t>(std::numeric_limits<Integer>::max())) {
    return fail(Code::kCorrupt, "a number is out of its range");
  }
  return static_cast<Integer>(value);
}

Result<Micros> read_micros(codec::CborReader& in);
/// Four numbers, one after another.
Result<WindowSize> read_window_size(codec::CborReader& in);

/// Both append the entries that they do not know to `extra`, encoded. kCorrupt: an entry that must
/// be there is not, one that is there has no business to be, being empty, or has a value that it
/// can not have; kLimit: too many arguments or groups.
Result<Start> read_start(codec::CborReader& in, Bytes& extra);
Result<End> read_end(codec::CborReader& in, Bytes& extra);

}  // namespace stele::event
