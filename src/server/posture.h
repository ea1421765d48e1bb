// Posture: what a server is set up to be, in lines of text, so that each change of it can be told
// in its stream, whoever made it (docs/formats/server-stream.md).
#pragma once

#include <string>
#include <vector>

#include "ledger/layout.h"
#include "os/file_system.h"

namespace stele::server {

using Lines = std::vector<std::string>;  // ascending, each once

/// As it is now. `server`: what its configuration file says, in one line.
Result<Lines> read_posture(os::FileSystem& files, const ledger::Layout& layout,
                           const std::string& server);

/// "- " what was, "+ " what is.
Lines changes(const Lines& before, const Lines& after);

std::string encode_posture(const Lines& lines);
Result<Lines> parse_posture(std::string_view text);

/// What the stream has been told; none: nothing yet.
Result<Lines> load_posture(os::FileSystem& files, const ledger::Layout& layout);
Status store_posture(os::FileSystem& files, const ledger::Layout& layout, const Lines& lines);

}  // namespace stele::server
