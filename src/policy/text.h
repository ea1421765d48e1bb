// A policy as text (docs/formats/policy.md, "Grammar").
#pragma once

#include "policy/policy.h"

namespace stele::policy {

/// The one spelling.
std::string encode(const Policy& policy);

/// "1 MiB": the largest unit that leaves a whole number.
std::string size_text(uint64_t bytes);

/// What a person wrote: lines of a rule in any order, empty lines and `#` lines. kCorrupt or kLimit
/// name the line, and the word that is nearest to one that is unknown.
Result<Policy> parse_draft(std::string_view text);

/// kCorrupt: also another spelling; the line, and how it is spelled.
Result<Policy> parse_policy(std::string_view text);

}  // namespace stele::policy
