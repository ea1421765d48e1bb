// Inside of lane_encoder.cc: writes the events that are maps.
#pragma once

#include "codec/cbor.h"
#include "event/event.h"

namespace stele::event {

/// A duration as a `us` of docs/formats/event.md: a negative one is written as 0.
uint64_t unsigned_micros(Micros time);

void write_map(const Start& start, codec::CborWriter& out);
void write_map(const End& end, codec::CborWriter& out);
void write_map(const Exec& exec, codec::CborWriter& out);
void write_map(const Exit& exit, codec::CborWriter& out);
void write_map(const Privilege& privilege, codec::CborWriter& out);
void write_map(const Finding& finding, codec::CborWriter& out);
void write_map(const Terms& terms, codec::CborWriter& out);
void write_map(const Person& person, codec::CborWriter& out);
void write_map(const Sudo& sudo, codec::CborWriter& out);
void write_map(const Transfer& transfer, codec::CborWriter& out);
void write_map(const HostStart& start, codec::CborWriter& out);
void write_map(const HostSummary& summary, codec::CborWriter& out);
void write_map(const ServerStart& start, codec::CborWriter& out);
void write_map(const Asked& asked, codec::CborWriter& out);

}  // namespace stele::event
