// Quotas: who may still put how much into the spool.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "base/check.h"
#include "base/result.h"
#include "spool/record.h"

namespace stele::spool {

struct Quota {
  uint64_t bytes_max = uint64_t{1} << 30;          // of all ordinary records
  uint64_t owner_bytes_max = uint64_t{256} << 20;  // of one owner's
  uint64_t reserve_bytes = uint64_t{16} << 20;     // beyond bytes_max, for the reserve only
  uint64_t low_water_bytes = uint64_t{128} << 20;  // less ordinary room than this is told of
};

/// kReserve: break-glass sessions and the host's own stream; they count against no owner.
enum class Room { kOrdinary, kReserve };

/// What one record weighs.
struct Charge {
  uint32_t owner = 0;
  Room room = Room::kOrdinary;
  uint64_t bytes = 0;  // of the record

  /// Small records cost memory more than disk.
  uint64_t cost() const { return std::max<uint64_t>(bytes, 1024); }
};

inline Charge charge_of(const Front& front) {
  return {front.owner, front.from_reserve ? Room::kReserve : Room::kOrdinary, front.record_bytes()};
}

class Account {
 public:
  explicit Account(const Quota& quota) : quota_(quota) {}

  /// kLimit: the owner's share is full; kNoSpace: the spool is, for that room.
  Status check(const Charge& charge) const {
    const bool ordinary = charge.room == Room::kOrdinary;
    if (ordinary && of_owner(charge.owner) + charge.cost() > quota_.owner_bytes_max) {
      return fail(Code::kLimit, "spool: the share of uid " + std::to_string(charge.owner) +
                                    " is full (" + std::to_string(quota_.owner_bytes_max) +
                                    " bytes)");
    }
    const uint64_t max = quota_.bytes_max + (ordinary ? 0 : quota_.reserve_bytes);
    if (total_ + charge.cost() > max)
      return fail(Code::kNoSpace, "spool: full (" + std::to_string(max) + " bytes)");
    return {};
  }
  void take(const Charge& charge) {
    total_ += charge.cost();
    if (charge.room == Room::kOrdinary) owners_[charge.owner] += charge.cost();
  }
  void give_back(const Charge& charge) {
    CHECK(total_ >= charge.cost());
    total_ -= charge.cost();
    if (charge.room != Room::kOrdinary) return;
    const auto at = owners_.find(charge.owner);
    CHECK(at != owners_.end() && at->second >= charge.cost());
    at->second -= charge.cost();
    if (at->second == 0) owners_.erase(at);
  }

  uint64_t total() const { return total_; }
  uint64_t of_owner(uint32_t owner) const {
    const auto at = owners_.find(owner);
    return at == owners_.end() ? 0 : at->second;
  }
  uint64_t ordinary_left() const {
    return total_ < quota_.bytes_max ? quota_.bytes_max - total_ : 0;
  }

 private:
  const Quota quota_;
  uint64_t total_ = 0;
  std::map<uint32_t, uint64_t> owners_;
};

}  // namespace stele::spool
