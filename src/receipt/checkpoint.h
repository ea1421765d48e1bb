// Checkpoints: the signed statement of a log's size and root (C2SP tlog-checkpoint).
#pragma once

#include <string>
#include <string_view>

#include "receipt/note.h"

namespace stele::receipt {

struct Checkpoint {
  std::string origin;  // of one log, for good; the name of its key
  uint64_t size = 0;   // leaves; at most merkle::kSizeMax
  Hash root{};
  bool operator==(const Checkpoint&) const = default;
};

/// The text of the note: three lines. We never write extension lines: nobody can audit them.
std::string encode(const Checkpoint& checkpoint);

/// Of a note's text. Extension lines are let pass and left out, as the standard has it. kCorrupt:
/// not a checkpoint, or an empty tree with another root than the empty tree's.
Result<Checkpoint> parse_checkpoint(std::string_view text);

/// The whole note. kInvalid: the origin is not the signer's name. A log must never sign two that
/// are not consistent.
Result<std::string> sign_checkpoint(const Checkpoint& checkpoint, const NoteSigner& signer);

/// What the log has signed. kUnauthentic: it has not, or its name is not the origin. kInvalid: not
/// a log's key.
Result<Checkpoint> open_checkpoint(ByteSpan note, const VerifierKey& log_key);

}  // namespace stele::receipt
