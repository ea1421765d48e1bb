#include "ledger/expiry.h"

#include <algorithm>

namespace stele::ledger {
namespace {

WallTime end_of(const segment::Leaf& leaf) { return leaf.wall_first + Micros(leaf.duration_us); }

bool is_in(const std::vector<segment::LeafRange>& ranges, uint64_t index) {
  const auto behind = std::upper_bound(
      ranges.begin(), ranges.end(), index,
      [](uint64_t value, const segment::LeafRange& range) { return value < range.first; });
  return behind != ranges.begin() && index < std::prev(behind)->next;
}

}  // namespace

void Expiry::take(uint64_t index, const segment::Leaf& leaf) {
  last_ = leaf;
  last_index_ = index;
  if (!records_.empty()) records_.back().after = std::min(records_.back().after, leaf.received);
  if (leaf.kind == segment::Kind::kSession || leaf.kind == segment::Kind::kHost)
    hosts_ = std::max(hosts_, end_of(leaf));
  const auto [at, is_new] = lives_.try_emplace(leaf.stream, StreamLife::of(index, leaf));
  if (!is_new) at->second.add(leaf);
}

void Expiry::take_expired(const segment::Manifest& manifest) {
  if (manifest.expired.empty()) return;
  Record record{.index = last_index_,
                .key = last_.host_key,
                .received = last_.received,
                .before = std::min({last_.received, end_of(last_), hosts_}),
                .ranges = manifest.expired,
                .holds = std::make_shared<const HoldMarks>(holds_)};
  records_.push_back(std::move(record));
}

uint32_t Expiry::proven_day() const {
  const WallTime seen = std::min(last_.received, hosts_);
  return day_of(now_ ? std::min(seen, *now_) : seen);
}

std::optional<std::string> Expiry::why_kept(const StreamId& stream, uint32_t day) const {
  return why_kept(stream, day, holds_);
}

std::optional<std::string> Expiry::why_kept(const StreamId& stream, uint32_t day,
                                            const HoldMarks& holds) const {
  const auto found = lives_.find(stream);
  if (found == lives_.end()) return "nothing is known of it";
  const StreamLife& life = found->second;
  if (life.kind != segment::Kind::kSession)
    return "a " + std::string(segment::kind_name(life.kind)) + " stream is kept for ever";
  if (life.is_for_ever) return "kept for ever";
  const auto days = policies_.days(life.retention_class, day);
  if (!days)
    return "no policy of that day has its class " + std::to_string(life.retention_class) +
           ", so it is kept for ever";
  if (const uint32_t until = std::max(life.until_day, life.received_day + *days); until >= day)
    return "kept until " + day_text(until);
  if (const auto hold = holds.on(stream, life)) return "on hold " + to_string(*hold);
  return std::nullopt;
}

// It happened no later than any of these: when it was received, what its own clock and the hosts'
// said before, when what stands behind it was received, and now.
uint32_t Expiry::day_of_record(size_t record) const {
  WallTime at = records_[record].before;
  for (size_t i = record; i < records_.size(); ++i) at = std::min(at, records_[i].after);
  return day_of(now_ ? std::min(at, *now_) : at);
}

Expiry::Judged Expiry::judge_by(const Record& record, uint32_t day, const StreamId& stream) const {
  Judged judged{.record = record.index, .at = record.received};
  const std::string said = "leaf " + std::to_string(record.index) + " says that it expired, ";
  if (policies_.empty()) {
    judged.weight = Verdict::kUnknown;
    judged.why = said + "and no policy is here to hold that against";
  } else if (!policies_.may_prune(record.key, day)) {
    judged.why = said + "by a key that no policy of " + day_text(day) + " names for that";
  } else if (const auto kept = why_kept(stream, day, *record.holds)) {
    judged.why = said + "on " + day_text(day) + "; but " + *kept;
  } else {
    judged.weight = Verdict::kExpired;
  }
  return judged;
}

// Any record that holds is enough; otherwise the last one's fault is told.
Expiry::Judged Expiry::judge(uint64_t index, const StreamId& stream) const {
  Judged judged{.why = "no record says that it expired"};
  for (size_t i = 0; i < records_.size(); ++i) {
    const Record& record = records_[i];
    if (record.index <= index || !is_in(record.ranges, index)) continue;
    judged = judge_by(record, day_of_record(i), stream);
    if (judged.weight == Verdict::kExpired) return judged;
  }
  return judged;
}

}  // namespace stele::ledger
