// How much may pass, and how fast (docs/formats/policy.md, "Quotas"): what is above is slowed,
// never dropped.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "policy/policy.h"

namespace stele::agent {

/// What a session is slowed to above a volume, in bytes per second.
inline constexpr uint64_t kSlowRate = 16384;

/// A rate: how far what was taken is paid for. An idle second is credit for a burst.
class Bucket {
 public:
  /// When the next bytes may be taken, these being taken now.
  BootTime take(BootTime now, uint64_t bytes, uint64_t bytes_per_second);

 private:
  BootTime paid_until_{};
};

class Quotas;

/// One session's. One thread.
class Meter {
 public:
  struct Charge {
    BootTime ready;                      // when the next may be taken; not after now: at once
    std::optional<std::string> finding;  // the first time it is slowed: by what
  };
  Charge take(uint64_t bytes);

 private:
  friend class Quotas;
  Meter(Quotas& all, std::string rule, uint32_t uid, const policy::Quotas& limits)
      : all_(all), rule_(std::move(rule)), uid_(uid), limits_(limits) {}

  Quotas& all_;
  const std::string rule_;
  const uint32_t uid_;
  const policy::Quotas limits_;
  Bucket rate_, slow_;
  uint64_t bytes_ = 0;
  bool was_slowed_ = false;
};

/// What the sessions of one person, and all of a host, share, by rule. Any thread. Outlives its
/// meters.
class Quotas {
 public:
  /// Persons whose day is remembered; beyond them those whose day is over are forgotten.
  static constexpr size_t kPersonsMax = 65536;

  explicit Quotas(Clock& clock) : clock_(clock) {}

  /// nullptr where nothing is bounded.
  std::unique_ptr<Meter> meter(const std::string& rule, uint32_t uid, const policy::Quotas& limits);

 private:
  friend class Meter;
  struct Shared {
    Bucket rate;
    BootTime day_began{};
    uint64_t bytes = 0;  // of that day
  };
  /// How long whoever takes these bytes has to wait, and whether the day's volume is over.
  struct Taken {
    BootTime ready;
    bool over = false;
  };
  static Taken take(Shared& shared, BootTime now, uint64_t bytes, const policy::Quota& limit);
  Shared& person(const std::string& rule, uint32_t uid, BootTime now);

  Clock& clock_;
  std::mutex mutex_;
  std::map<std::pair<std::string, uint32_t>, Shared> persons_;
  std::map<std::string, Shared> hosts_;
};

}  // namespace stele::agent
