// What is typed, on its way into the record: all but what may be a secret (docs/secrets.md).
#pragma once

#include <cstdint>
#include <optional>

#include "capture/line_reader.h"
#include "capture/secret_filter.h"
#include "event/sink.h"

namespace stele::capture {

/// The mode of the session's terminal, which its master tells. If it does not, the session is
/// ending; then nothing typed is shown.
InputMode input_mode(int master);

/// A secret filter, and the sink that gets what it lets through. Errors are the sink's.
class TypedLane {
 public:
  /// `lines_in_facts`: lines that were submitted go there, and not, as bytes do, into input.
  TypedLane(event::InputPolicy policy, bool lines_in_facts, const event::WindowSize& size,
            event::Sink& sink)
      : policy_(policy),
        lines_in_facts_(lines_in_facts),
        filter_(policy, size.rows, size.columns),
        lines_(size.rows, size.columns),
        sink_(sink) {}

  void resize(const event::WindowSize& size) {
    filter_.resize(size.rows, size.columns);
    lines_.resize(size.rows, size.columns);
  }

  /// As SecretFilter's.
  Status input(BootTime at, ByteSpan bytes, InputMode mode);
  bool wants_second_look() const { return filter_.wants_second_look(); }
  Status written(InputMode mode);
  Status output(BootTime at, ByteSpan bytes);
  Status tick(BootTime now);
  std::optional<BootTime> deadline() const { return filter_.deadline(); }
  Status finish(BootTime now);

  /// Redacted bytes count as their rounded number: else the total would tell a password's length.
  uint64_t bytes() const { return bytes_; }

 private:
  bool reads_lines() const { return lines_in_facts_ || policy_ != event::InputPolicy::kNone; }
  Status record_lines(BootTime at);
  Status record_decided();

  const event::InputPolicy policy_;
  const bool lines_in_facts_;
  SecretFilter filter_;
  LineReader lines_;
  event::Sink& sink_;
  uint64_t bytes_ = 0;
};

}  // namespace stele::capture
