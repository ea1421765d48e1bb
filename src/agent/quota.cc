#include "agent/quota.h"

#include <algorithm>

#include "policy/text.h"

namespace stele::agent {
namespace {

constexpr Micros kBurst = std::chrono::seconds(1);
constexpr Micros kDay = std::chrono::hours(24);

std::string rate_text(std::string_view scope, const policy::Quota& quota) {
  return "the " + std::string(scope) + "'s " + policy::size_text(quota.bytes_per_second) +
         " per second";
}
std::string volume_text(std::string_view scope, const policy::Quota& quota,
                        std::string_view period) {
  return "the " + std::string(scope) + "'s " + policy::size_text(quota.bytes) + " " +
         std::string(period);
}

}  // namespace

BootTime Bucket::take(BootTime now, uint64_t bytes, uint64_t bytes_per_second) {
  constexpr uint64_t kSecond = 1'000'000;  // µs; bytes are one message's: no overflow
  paid_until_ = std::max(paid_until_, now - kBurst) + Micros(bytes * kSecond / bytes_per_second);
  return paid_until_;
}

Meter::Charge Meter::take(uint64_t bytes) {
  const BootTime now = all_.clock_.boot();
  Charge charge{now, std::nullopt};
  std::string why;
  const auto wait = [&](BootTime ready, const std::string& by) {
    if (ready <= charge.ready) return;
    charge.ready = ready;
    why = by;
  };
  bytes_ += bytes;
  const policy::Quota& mine = limits_.session;
  if (mine.bytes_per_second > 0)
    wait(rate_.take(now, bytes, mine.bytes_per_second), rate_text("session", mine));
  std::string over;
  if (mine.bytes > 0 && bytes_ > mine.bytes) over = volume_text("session", mine, "in all");
  {
    const std::lock_guard lock(all_.mutex_);
    const auto share = [&](std::string_view scope, const policy::Quota& limit,
                           Quotas::Shared& shared) {
      const Quotas::Taken taken = Quotas::take(shared, now, bytes, limit);
      wait(taken.ready, rate_text(scope, limit));
      if (taken.over) over = volume_text(scope, limit, "per day");
    };
    if (limits_.person != policy::Quota{})
      share("person", limits_.person, all_.person(rule_, uid_, now));
    if (limits_.host != policy::Quota{}) share("host", limits_.host, all_.hosts_[rule_]);
  }
  if (!over.empty()) wait(slow_.take(now, bytes, kSlowRate), over);
  if (charge.ready > now && !was_slowed_) {
    was_slowed_ = true;
    charge.finding = "slowed, being above " + why;
  }
  return charge;
}

std::unique_ptr<Meter> Quotas::meter(const std::string& rule, uint32_t uid,
                                     const policy::Quotas& limits) {
  if (limits == policy::Quotas{}) return nullptr;
  return std::unique_ptr<Meter>(new Meter(*this, rule, uid, limits));
}

Quotas::Taken Quotas::take(Shared& shared, BootTime now, uint64_t bytes,
                           const policy::Quota& limit) {
  if (shared.bytes == 0 || now - shared.day_began >= kDay) {
    shared.day_began = now;
    shared.bytes = 0;
  }
  shared.bytes += bytes;
  Taken taken{now, limit.bytes > 0 && shared.bytes > limit.bytes};
  if (limit.bytes_per_second > 0)
    taken.ready = shared.rate.take(now, bytes, limit.bytes_per_second);
  return taken;
}

Quotas::Shared& Quotas::person(const std::string& rule, uint32_t uid, BootTime now) {
  if (persons_.size() >= kPersonsMax) {
    std::erase_if(persons_, [&](const auto& each) { return now - each.second.day_began >= kDay; });
  }
  return persons_[{rule, uid}];
}

}  // namespace stele::agent
