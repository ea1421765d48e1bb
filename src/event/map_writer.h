// Inside of lane_encoder.cc: writes the maps of `start` and `end`.
#pragma once

#include "codec/cbor.h"
#include "event/event.h"

namespace stele::event {

/// A duration as a `us` of docs/formats/event.md: a negative one is written as 0.
uint64_t unsigned_micros(Micros time);

void write_map(const Start& start, codec::CborWriter& out);
void write_map(const End& end, codec::CborWriter& out);

}  // namespace stele::event
