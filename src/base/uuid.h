// Stream ids: UUIDv7 (RFC 9562 §5.7), sortable by time of creation.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"

namespace stele {

using StreamId = std::array<uint8_t, 16>;

StreamId make_uuid_v7(WallTime now, const RandomSource& random);
/// "0197a3b2-…": 36 characters, lower case.
std::string to_string(const StreamId& id);
/// Exactly the spelling of to_string; kInvalid otherwise.
Result<StreamId> parse_stream_id(std::string_view text);

}  // namespace stele
