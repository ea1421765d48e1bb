// Verdicts in DESIGN's words, and the faults that lead to them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace stele::ledger {

enum class Verdict {
  kIntact,
  kOpen,
  kCut,
  kUnsealed,
  kExpired,
  kUnknown,
  kMissing,
  kTampered
};  // ascending by weight
std::string_view verdict_name(Verdict verdict);

struct Fault {
  Verdict weight = Verdict::kTampered;  // kTampered, kMissing or kUnknown
  std::string what;   // one or two words: "altered", "missing", "reordered", "duplicate",
                      // "inserted", "bad signature" …
  std::string where;  // file, offset, leaf index, sequence number
  bool operator==(const Fault&) const = default;
};

/// A file or volume (`noun`) that could not be read: "missing …" where it is not there,
/// "unreadable …" and unknown where the device or the system refused (which convicts nobody),
/// "altered …" where it is not what it should be.
Fault unread(const Error& error, std::string_view noun, const std::string& where);

}  // namespace stele::ledger
