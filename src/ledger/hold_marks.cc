#include "ledger/hold_marks.h"

#include <algorithm>

namespace stele::ledger {
namespace {

bool covers(const segment::Hold& hold, const StreamId& stream, const StreamLife& life) {
  if (std::binary_search(hold.streams.begin(), hold.streams.end(), stream)) return true;
  if (hold.from_leaf && life.opened_at >= *hold.from_leaf) return true;
  return hold.span && life.until >= hold.span->first && life.from <= hold.span->second;
}

}  // namespace

uint32_t day_of(WallTime at) {
  const auto day = std::chrono::floor<std::chrono::days>(at).time_since_epoch().count();
  return static_cast<uint32_t>(std::clamp<int64_t>(day, 0, UINT32_MAX));
}

std::string day_text(uint32_t day) {
  return rfc3339(WallTime(std::chrono::days(day))).substr(0, 10);
}

StreamLife StreamLife::of(uint64_t index, const segment::Leaf& leaf) {
  StreamLife life{.kind = leaf.kind,
                  .retention_class = leaf.retention_class,
                  .opened_at = index,
                  .from = leaf.wall_first,
                  .until = leaf.wall_first};
  life.add(leaf);
  return life;
}

void StreamLife::add(const segment::Leaf& leaf) {
  is_for_ever = is_for_ever || leaf.retain_until_day == 0 || leaf.retention_class == 0 ||
                leaf.retention_class != retention_class;
  from = std::min({from, leaf.wall_first, leaf.received});
  until = std::max({until, leaf.wall_first + Micros(leaf.duration_us), leaf.received});
  until_day = std::max(until_day, leaf.retain_until_day);
  received_day = std::max(received_day, day_of(leaf.received));
}

void HoldMarks::take(const segment::Manifest& manifest) {
  for (const segment::Hold& hold : manifest.holds) holds_.insert_or_assign(hold.id, hold);
  for (const StreamId& id : manifest.released) holds_.erase(id);
}

std::optional<HoldMarks::Id> HoldMarks::on(const StreamId& stream, const StreamLife& life) const {
  for (const auto& [id, hold] : holds_)
    if (covers(hold, stream, life)) return id;
  return std::nullopt;
}

}  // namespace stele::ledger
