// What is typed, on its way into the record: all but what may be a secret (docs/secrets.md).
#pragma once

#include <cstdint>
#include <optional>

#include "capture/secret_filter.h"
#include "event/sink.h"

namespace stele::capture {

/// The mode of the session's terminal, which its master tells. If it does not, the session is
/// ending; then nothing typed is shown.
InputMode input_mode(int master);

/// A secret filter, and the sink that gets what it lets through. Errors are the sink's.
class TypedLane {
 public:
  TypedLane(event::InputPolicy policy, const event::WindowSize& size, event::Sink& sink)
      : filter_(policy, size.rows, size.columns), sink_(sink) {}

  void resize(const event::WindowSize& size) { filter_.resize(size.rows, size.columns); }

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
  Status record_decided();

  SecretFilter filter_;
  event::Sink& sink_;
  uint64_t bytes_ = 0;
};

}  // namespace stele::capture
