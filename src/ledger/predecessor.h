// Predecessor: what a successor log says of the log before (docs/formats/ledger.md, "Successor").
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/verify.h"

namespace stele::ledger {

class TreeCheck;

struct Predecessor {
  receipt::VerifierKey log;     // the successor's
  receipt::VerifierKey before;  // the log before
  uint64_t size = 0;            // of the log before, as proven last
  Hash root{};
  uint64_t kept = 0;  // its first leaves that the successor begins with

  bool has_loss() const { return kept < size; }
};
std::string encode(const Predecessor& predecessor);
Result<Predecessor> parse_predecessor(std::string_view text);
/// kUnauthentic: the policy key did not sign it.
Result<Predecessor> open_predecessor(ByteSpan note, const receipt::VerifierKey& policy_key);

/// The ledger's own, if it has one; nullopt: it is no successor.
Result<std::optional<Predecessor>> load_predecessor(os::FileSystem& files, const Layout& layout);

/// Rules 1 to 3 of a reader. `memory`: of the log before. A loss that is said goes to `notes`.
std::vector<Fault> check_predecessor(const Predecessor& predecessor,
                                     const std::optional<Remembered>& memory, const Trust& trust,
                                     const std::optional<receipt::Checkpoint>& checkpoint,
                                     const TreeCheck* tree, std::vector<std::string>& notes);

}  // namespace stele::ledger
