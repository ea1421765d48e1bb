// The numbers of event types: stable for ever (docs/formats/event.md, "Grammar").
#pragma once

#include <cstddef>
#include <cstdint>

namespace stele::event {

enum class Type : uint64_t {
  kStart = 1,
  kOutput = 2,
  kInput = 3,
  kResize = 4,
  kRedaction = 5,
  kGap = 6,
  kEnd = 7,
  kSuspend = 8,
  kGrant = 9,
  kExec = 10,
  kExit = 11,
  kPrivilege = 12,
  kFinding = 13,
  kLine = 14,
  kTerms = 15,
  kPerson = 16,
  kPipedInput = 17,
  kPipedOutput = 18,
  kPipedError = 19,
  kHostStart = 20,
  kHostStop = 21,
  kHostSummary = 22,
  kClockStep = 23,
  kSessionNumber = 24,
  kSudo = 25,
  kOpening = 26,
  kElided = 27,
  kTransfer = 28,
  kForward = 29,
  kServerStart = 30,
  kServerStop = 31,
  kLogin = 32,
  kAccess = 33,
  kRefusal = 34,
  kChange = 35,
  kScrub = 36,
  kProbe = 37,
};

/// A redaction's count is rounded up to a multiple of this: the length of a password is nobody's
/// business.
inline constexpr uint64_t kRedactionUnit = 16;

inline constexpr size_t kArgumentsMax = size_t{1} << 20;
inline constexpr size_t kGroupsMax = size_t{1} << 16;
inline constexpr size_t kMarksMax = 64, kRolesMax = 256;

}  // namespace stele::event
