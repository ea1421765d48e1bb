#include "sudolog/progress.h"

#include <algorithm>
#include <charconv>

namespace stele::sudolog {
namespace {

constexpr std::string_view kMagic = "stele-agent-sudo-v1\n";

tl::unexpected<Error> no_standing() {
  return fail(Code::kCorrupt, "the agent's memory of a session of sudo's log protocol");
}

std::string line(uint64_t a, uint64_t b) {
  return std::to_string(a) + " " + std::to_string(b) + "\n";
}

/// A decimal number, and `end` behind it.
bool take_number(std::string_view& text, char end, uint64_t& number) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto size = static_cast<size_t>(stop - text.data());
  if (error != std::errc() || size == text.size() || *stop != end) return false;
  text.remove_prefix(size + 1);
  return true;
}

bool take_line(std::string_view& text, uint64_t& a, uint64_t& b) {
  return take_number(text, ' ', a) && take_number(text, '\n', b);
}

}  // namespace

std::string encode(const Standing& standing) {
  std::string text(kMagic);
  text += line(standing.records, standing.messages);
  for (const CommitPoint& each : standing.points)
    text += line(static_cast<uint64_t>(each.elapsed.count()), each.records);
  return text;
}

Result<Standing> parse_standing(std::string_view text) {
  const std::string_view whole = text;
  if (!text.starts_with(kMagic)) return no_standing();
  text.remove_prefix(kMagic.size());
  Standing standing;
  if (!take_line(text, standing.records, standing.messages)) return no_standing();
  while (!text.empty()) {
    uint64_t elapsed = 0, records = 0;
    if (standing.points.size() == kPointsMax || !take_line(text, elapsed, records) ||
        elapsed > INT64_MAX || records > standing.records)
      return no_standing();
    standing.points.push_back({Nanos(static_cast<int64_t>(elapsed)), records});
  }
  if (encode(standing) != whole) return no_standing();  // another spelling
  return standing;
}

void Progress::take(Nanos delay) {
  ++records_;
  // A client that counts beyond all time gets no further.
  constexpr Nanos kMost{int64_t{kSecondsMax} * 1'000'000'000};
  const Nanos after = std::min(elapsed_ + delay, kMost);
  if (after != elapsed_ || records_ == 1) first_at_elapsed_ = records_;
  elapsed_ = after;
}

void Progress::settle(uint64_t messages) {
  if (records_ == 0) return;
  if (!pending_.empty() && pending_.back().messages == messages) pending_.pop_back();
  if (pending_.size() == kPendingMax) pending_.pop_back();  // the one after it is good for both
  pending_.push_back({messages, now()});
}

std::optional<CommitPoint> Progress::commit(uint64_t messages) {
  std::optional<CommitPoint> point;
  for (; !pending_.empty() && pending_.front().messages <= messages; pending_.pop_front())
    point = pending_.front().point;
  if (!point || point->elapsed <= told_) return std::nullopt;
  told_ = point->elapsed;
  return point;
}

uint64_t Progress::resume(const CommitPoint& from, uint64_t records) {
  elapsed_ = told_ = from.elapsed;
  records_ = from.records;
  first_at_elapsed_ = from.records;
  return records - from.records;
}

}  // namespace stele::sudolog
