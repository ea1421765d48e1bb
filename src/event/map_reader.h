// Inside of lane_decoder.cc: reads the events that are maps, and the values in them.
#pragma once

#include <algorithm>
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

/// These append the entries that they do not know to `extra`, encoded. kCorrupt: an entry that must
/// be there is not, one that is there has no business to be, being empty, or has a value that it
/// can not have; kLimit: too many arguments or groups.
Result<Start> read_start(codec::CborReader& in, Bytes& extra);
Result<End> read_end(codec::CborReader& in, Bytes& extra);
Result<Exec> read_exec(codec::CborReader& in, Bytes& extra);
Result<Exit> read_exit(codec::CborReader& in, Bytes& extra);
Result<Privilege> read_privilege(codec::CborReader& in, Bytes& extra);
Result<Finding> read_finding(codec::CborReader& in, Bytes& extra);
Result<Terms> read_terms(codec::CborReader& in, Bytes& extra);
Result<Person> read_person(codec::CborReader& in, Bytes& extra);
Result<Sudo> read_sudo(codec::CborReader& in, Bytes& extra);
Result<Transfer> read_transfer(codec::CborReader& in, Bytes& extra);
Result<HostStart> read_host_start(codec::CborReader& in, Bytes& extra);
Result<HostSummary> read_host_summary(codec::CborReader& in, Bytes& extra);
Result<ServerStart> read_server_start(codec::CborReader& in, Bytes& extra);
Result<Asked> read_asked(codec::CborReader& in, Bytes& extra);

/// Exactly N bytes.
template <size_t N>
Result<std::array<uint8_t, N>> read_array(codec::CborReader& in) {
  TRY(const ByteSpan bytes, in.bytes());
  if (bytes.size() != N) return fail(Code::kCorrupt, "not " + std::to_string(N) + " bytes");
  std::array<uint8_t, N> out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

}  // namespace stele::event
