#include "capture/hold_queue.h"

#include <cstring>
#include <utility>

namespace stele::capture {
namespace {

constexpr uint64_t kRedactionUnit = 16;  // DESIGN §4: a count must not tell a password's length

event::Redaction::Why why_of(Verdict verdict) {
  return verdict == Verdict::kNoEcho ? event::Redaction::Why::kNoEcho
                                     : event::Redaction::Why::kHeuristic;
}

}  // namespace

void wipe(MutableByteSpan bytes) { ::explicit_bzero(bytes.data(), bytes.size()); }

void HoldQueue::push(Entry entry) {
  entry.size = entry.bytes.size();
  entry.number = pushed_++;
  if (entry.verdict == Verdict::kWaiting) {
    ++waiting_;
    waiting_bytes_ += entry.size;
  } else if (entry.verdict != Verdict::kKeep) {
    wipe(entry.bytes);
  }
  entries_.push_back(std::move(entry));
}

void HoldQueue::decide(const std::function<bool(const Entry&)>& matches, Verdict verdict) {
  for (Entry& entry : entries_) {
    if (entry.verdict != Verdict::kWaiting || !matches(entry)) continue;
    entry.verdict = verdict;
    --waiting_;
    waiting_bytes_ -= entry.size;
    if (verdict != Verdict::kKeep) wipe(entry.bytes);
  }
}

std::optional<BootTime> HoldQueue::first_waiting(uint64_t field) const {
  for (const Entry& entry : entries_) {
    if (entry.verdict == Verdict::kWaiting && entry.field == field) return entry.at;
  }
  return std::nullopt;
}

void HoldQueue::release() {
  while (!entries_.empty() && entries_.front().verdict != Verdict::kWaiting) {
    give(entries_.front());
    entries_.pop_front();
  }
}

void HoldQueue::give(Entry& entry) {
  if (entry.line) {
    flush_redaction();
    out_.push_back({entry.at, *std::move(entry.line)});
    return;
  }
  if (entry.verdict == Verdict::kKeep) {
    flush_redaction();
    Bytes* last = out_.empty() ? nullptr : std::get_if<Bytes>(&out_.back().what);
    if (last != nullptr && out_.back().at == entry.at) {
      last->insert(last->end(), entry.bytes.begin(), entry.bytes.end());
    } else {
      out_.push_back({.at = entry.at, .what = std::move(entry.bytes)});
    }
    return;
  }
  const event::Redaction::Why why = why_of(entry.verdict);
  if (redaction_ && redaction_->why != why) flush_redaction();
  if (!redaction_) redaction_ = event::Redaction{why, 0};
  redaction_->bytes_rounded += entry.size;
  redaction_at_ = entry.at;
  if (entry.ends_line) flush_redaction();
}

void HoldQueue::flush_redaction() {
  if (!redaction_) return;
  const uint64_t exactly = redaction_->bytes_rounded;
  redaction_->bytes_rounded =
      (redaction_->bytes_rounded + kRedactionUnit - 1) / kRedactionUnit * kRedactionUnit;
  out_.push_back({redaction_at_, *redaction_, exactly});
  redaction_.reset();
}

void HoldQueue::tick(BootTime now) {
  if (redaction_ && now - redaction_at_ >= kRedactionPause) flush_redaction();
}

std::optional<BootTime> HoldQueue::deadline() const {
  if (!redaction_) return std::nullopt;
  return redaction_at_ + kRedactionPause;
}

std::vector<Decided> HoldQueue::take() { return std::exchange(out_, {}); }

}  // namespace stele::capture
