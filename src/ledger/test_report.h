// For tests only: what a report says.
#pragma once

#include <algorithm>

#include "ledger/verify.h"

namespace stele::ledger {

inline std::string describe(const Report& report) {
  std::string text(verdict_name(report.verdict));
  for (const Fault& f : report.faults) text += "\n  " + f.what + ": " + f.where;
  for (const StreamReport& s : report.streams) {
    for (const Fault& f : s.faults)
      text += "\n  " + to_string(s.stream) + " " + f.what + ": " + f.where;
  }
  return text;
}

inline std::vector<Fault> all_faults(const Report& report) {
  std::vector<Fault> faults = report.faults;
  for (const StreamReport& s : report.streams)
    faults.insert(faults.end(), s.faults.begin(), s.faults.end());
  return faults;
}

inline bool names(const Report& report, std::string_view what, std::string_view where = "") {
  const auto faults = all_faults(report);
  return std::any_of(faults.begin(), faults.end(), [&](const Fault& f) {
    return f.what == what && f.where.find(where) != std::string::npos;
  });
}

}  // namespace stele::ledger
