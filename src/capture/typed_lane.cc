#include "capture/typed_lane.h"

#include "os/terminal_mode.h"

namespace stele::capture {

InputMode input_mode(int master) {
  const auto mode = os::terminal_mode(master);
  if (!mode) return InputMode::kHidden;
  if (!mode->is_canonical()) return InputMode::kRaw;
  return mode->echoes() ? InputMode::kEchoed : InputMode::kHidden;
}

Status TypedLane::input(BootTime at, ByteSpan bytes, InputMode mode) {
  if (reads_lines()) lines_.typed(at, bytes, mode == InputMode::kHidden);
  filter_.input(at, bytes, mode);
  if (reads_lines()) TRY_VOID(record_lines(at));
  return record_decided();
}

Status TypedLane::written(InputMode mode) {
  if (mode == InputMode::kHidden) lines_.hide_last();
  filter_.written(mode);
  return record_decided();
}

Status TypedLane::output(BootTime at, ByteSpan bytes) {
  filter_.output(at, bytes);
  if (reads_lines()) {
    lines_.output(at, bytes);
    TRY_VOID(record_lines(at));
  }
  return record_decided();
}

Status TypedLane::tick(BootTime now) {
  filter_.tick(now);
  return record_decided();
}

Status TypedLane::finish(BootTime now) {
  filter_.finish(now);
  return record_decided();
}

Status TypedLane::record_lines(BootTime at) {
  if (!lines_.has_lines()) return {};
  for (ReadLine& each : lines_.take()) {
    if (lines_in_facts_) {
      TRY_VOID(sink_.event(at, event::Lane::kFacts, each.line));
    } else {
      filter_.line(at, std::move(each.line));
    }
  }
  return {};
}

Status TypedLane::record_decided() {
  if (!filter_.has_decided()) return {};
  for (const Decided& decided : filter_.take()) {
    if (const auto* redaction = std::get_if<event::Redaction>(&decided.what)) {
      bytes_ += redaction->bytes_rounded;
      TRY_VOID(sink_.event(decided.at, event::Lane::kInput, *redaction));
    } else if (const auto* line = std::get_if<event::Line>(&decided.what)) {
      TRY_VOID(sink_.event(decided.at, event::Lane::kInput, *line));
    } else {
      const Bytes& bytes = std::get<Bytes>(decided.what);
      bytes_ += bytes.size();
      TRY_VOID(sink_.input(decided.at, bytes));
    }
  }
  return {};
}

}  // namespace stele::capture
