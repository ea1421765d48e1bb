// A server as a Source. Linked into stele-reader only: it brings TLS and HTTP.
#pragma once

#include "cli/source.h"

namespace stele::cli {

/// What context.remote names. Every byte from there is held against the log's key, the tree and the
/// leaves, as from a directory that somebody else keeps.
Result<std::unique_ptr<Source>> open_remote(Context& context, const std::string& purpose);

/// The same server, asked for something that is not the ledger.
Result<Bytes> ask_server(Context& context, const std::string& method, const std::string& target,
                         ByteSpan body);

}  // namespace stele::cli
