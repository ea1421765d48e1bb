// LowWater: tells early that a host's spool fills, once at each mark until it has recovered.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "spool/spool.h"

namespace stele::agent {

/// One thread.
class LowWater {
 public:
  /// The first mark is half of the room for sessions, the second what is configured as low.
  explicit LowWater(const spool::Quota& quota)
      : marks_{{{quota.bytes_max / 2}, {quota.low_water_bytes}}} {}

  /// What there is to tell of so much room left.
  std::optional<std::string> look(uint64_t bytes_left);

 private:
  struct Mark {
    uint64_t bytes;
    bool was_told = false;
  };
  std::array<Mark, 2> marks_;
};

}  // namespace stele::agent
