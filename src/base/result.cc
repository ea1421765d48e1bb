#include "base/result.h"

#include <cstring>

namespace stele {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "invalid";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kNotFound:
      return "not-found";
    case Code::kExists:
      return "exists";
    case Code::kPermission:
      return "permission";
    case Code::kNoSpace:
      return "no-space";
    case Code::kIo:
      return "io";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kUnauthentic:
      return "unauthentic";
    case Code::kBusy:
      return "busy";
    case Code::kLimit:
      return "limit";
    case Code::kConflict:
      return "conflict";
    case Code::kOutcomeUnknown:
      return "outcome-unknown";
  }
  return "unknown";
}

std::string Error::message() const {
  if (sys_errno == 0) return context;
  return context + ": " + std::strerror(sys_errno);
}

Error Error::within(std::string_view outer) && {
  context.insert(0, ": ").insert(0, outer);
  return std::move(*this);
}

}  // namespace stele
