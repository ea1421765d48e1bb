// JSON (RFC 8259) as it is read from services: strict, bounded. The parser is Boost's, whose names
// stay in json_read.cc.
#pragma once

#include <map>
#include <string>

#include "base/bytes.h"

namespace stele::s3 {

/// The members of an object that are strings; others are passed over. kCorrupt: no object, and
/// where; kLimit: over 64 KiB, or nested more than 8 deep.
Result<std::map<std::string, std::string>> parse_json_strings(ByteSpan text);

}  // namespace stele::s3
