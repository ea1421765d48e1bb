// What goes wrong for a simulated process, and when.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace stele::sim {

/// Every change a process makes to the disk is a numbered step: an append several of them, a sync,
/// a file or directory made, a link, a rename, a removal, a flag. Reads, locks and stores to shared
/// words are not.
struct Plan {
  enum class Crash {
    kKill,      // this process ends; what it wrote stays, its locks are free
    kPowerCut,  // every process on the disk ends; Disk::restart() decides what was left
  };
  uint64_t crash_at =
      0;  // this step, counted from 1, does not happen, and nothing after it; 0: never
  Crash crash = Crash::kPowerCut;

  uint64_t fail_at = 0;        // this step fails; 0: never
  Code fail_code = Code::kIo;  // or kNoSpace
  bool fails_from_there =
      false;  // and so does every later one; kNoSpace then spares what needs no space
};

}  // namespace stele::sim
