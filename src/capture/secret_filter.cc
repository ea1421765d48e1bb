#include "capture/secret_filter.h"

#include <algorithm>
#include <utility>

namespace stele::capture {
namespace {

bool is_printable(uint8_t byte) { return byte >= 0x20 && byte != 0x7F; }

Bytes copy(ByteSpan bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

void SecretFilter::input(BootTime at, ByteSpan bytes, InputMode mode) {
  if (policy_ == event::InputPolicy::kNone || bytes.empty()) return;
  last_input_from_ = queue_.pushed();
  last_input_at_ = at;
  if (mode != InputMode::kRaw) raw_.leave();
  if (mode == InputMode::kHidden) {
    hide(at, bytes);
  } else if (mode == InputMode::kEchoed) {
    hold_until_echoed(at, bytes);
  } else if (policy_ == event::InputPolicy::kAll) {
    queue_.push({.at = at, .bytes = copy(bytes), .verdict = Verdict::kKeep});
  } else {
    raw_.type(at, bytes);
  }
  queue_.release();
}

void SecretFilter::hide(BootTime at, ByteSpan bytes) {
  while (!bytes.empty()) {
    const auto end = std::find_if(bytes.begin(), bytes.end(), ends_line);
    const bool ends = end != bytes.end();
    const size_t size = static_cast<size_t>(end - bytes.begin()) + (ends ? 1 : 0);
    queue_.push({.at = at,
                 .bytes = copy(bytes.first(size)),
                 .verdict = Verdict::kNoEcho,
                 .ends_line = ends});
    bytes = bytes.subspan(size);
  }
}

/// Control keys have no echo of their own and say nothing secret.
void SecretFilter::hold_until_echoed(BootTime at, ByteSpan bytes) {
  while (!bytes.empty()) {
    const bool is_text = is_printable(bytes[0]);
    const auto changes = [is_text](uint8_t byte) { return is_printable(byte) != is_text; };
    const auto end = std::find_if(bytes.begin(), bytes.end(), changes);
    const size_t run = static_cast<size_t>(end - bytes.begin());
    const size_t size = is_text ? std::min(run, EchoMatcher::kRunMax) : run;
    queue_.push({.at = at,
                 .bytes = copy(bytes.first(size)),
                 .verdict = is_text ? Verdict::kWaiting : Verdict::kKeep,
                 .output_from = echo_.position()});
    bytes = bytes.subspan(size);
  }
  if (queue_.waiting_bytes() > kWaitingBytesMax) {
    queue_.decide([](const auto&) { return true; }, Verdict::kNoEcho);
  }
}

void SecretFilter::written(InputMode mode) {
  if (mode != InputMode::kHidden) return;
  const auto is_line = [this](const auto& entry) {
    return entry.number >= last_input_from_ && entry.field == 0;
  };
  queue_.decide(is_line, Verdict::kNoEcho);
  // A shell may have taken the line and begun the command that hides the next one; or this is the
  // next one. The screen tells.
  raw_.doubt(last_input_at_);
  queue_.release();
}

void SecretFilter::output(BootTime at, ByteSpan bytes) {
  echo_.output(bytes, queue_);
  if (policy_ == event::InputPolicy::kRedact) raw_.output(at, bytes);
  queue_.release();
}

void SecretFilter::line(BootTime at, event::Line line) {
  queue_.push({.at = at, .verdict = Verdict::kKeep, .line = std::move(line)});
  queue_.release();
}

void SecretFilter::tick(BootTime now) {
  raw_.tick(now);
  queue_.decide([now](const auto& entry) { return entry.field == 0 && now - entry.at >= kHold; },
                Verdict::kNoEcho);
  queue_.release();
  queue_.tick(now);
}

std::optional<BootTime> SecretFilter::deadline() const {
  std::optional<BootTime> first = queue_.deadline();
  const auto consider = [&first](std::optional<BootTime> other) {
    if (other && (!first || *other < *first)) first = other;
  };
  consider(raw_.deadline());
  if (const auto waiting = queue_.first_waiting(0)) consider(*waiting + kHold);
  return first;
}

void SecretFilter::finish(BootTime now) {
  raw_.finish(now);
  queue_.decide([](const auto&) { return true; }, Verdict::kNoEcho);
  queue_.release();
  queue_.flush_redaction();
}

}  // namespace stele::capture
