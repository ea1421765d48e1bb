#include "ledger/verdict.h"

namespace stele::ledger {
namespace {

// Nobody's guilt: the device failed, or the system refused.
bool is_refusal(const Error& error) {
  switch (error.code) {
    case Code::kIo:
    case Code::kPermission:
    case Code::kBusy:
    case Code::kNoSpace:
      return true;
    case Code::kLimit:
      return error.sys_errno != 0;  // of open files, not of a file's size
    default:
      return false;
  }
}

}  // namespace

Fault unread(const Error& error, std::string_view noun, const std::string& where) {
  const auto fault = [&](Verdict weight, const char* what) {
    return Fault{weight, std::string(what).append(noun), where + ": " + error.message()};
  };
  if (error.code == Code::kNotFound) return fault(Verdict::kMissing, "missing ");
  return is_refusal(error) ? fault(Verdict::kUnknown, "unreadable ")
                           : fault(Verdict::kTampered, "altered ");
}

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kIntact:
      return "intact";
    case Verdict::kOpen:
      return "open";
    case Verdict::kCut:
      return "cut";
    case Verdict::kUnsealed:
      return "unsealed";
    case Verdict::kExpired:
      return "expired";
    case Verdict::kUnknown:
      return "unknown";
    case Verdict::kMissing:
      return "missing";
    case Verdict::kTampered:
      return "tampered";
  }
  return "unknown";
}

}  // namespace stele::ledger
