// Which typed bytes may be recorded, and when that is known. docs/secrets.md has the rules, their
// reasons and their errors.
//
// Pure: the same calls in, the same events out. What is typed is never delayed on its way to the
// program, only its recording is, at most kHold.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "capture/echo_matcher.h"
#include "capture/hold_queue.h"
#include "capture/raw_judge.h"
#include "event/event.h"

namespace stele::capture {

/// How the session's terminal treats what is typed, as its termios said just then.
enum class InputMode : uint8_t {
  kEchoed,  // line by line, shown by the kernel
  kHidden,  // line by line, not shown
  kRaw,     // key by key: the program decides what shows
};

class SecretFilter {
 public:
  /// How long typed bytes wait for their echo before they count as not shown.
  static constexpr Micros kHold = RawJudge::kHold;
  /// More than this waiting for the kernel's echo counts as not shown: a terminal's input queue
  /// holds 4 KiB, a pty's buffer 64.
  static constexpr size_t kWaitingBytesMax = 64 << 10;

  SecretFilter(event::InputPolicy policy, size_t rows, size_t columns)
      : policy_(policy), raw_(queue_, rows, columns) {}
  SecretFilter(const SecretFilter&) = delete;
  SecretFilter& operator=(const SecretFilter&) = delete;

  void resize(size_t rows, size_t columns) { raw_.resize(rows, columns); }

  /// Bytes about to be sent to the session, and the mode seen just before.
  void input(BootTime at, ByteSpan bytes, InputMode mode);
  /// Whether some of the last input's bytes wait for a verdict, so that written() matters.
  bool wants_second_look() const { return queue_.has_waiting(); }
  /// The mode seen just after those bytes were sent.
  void written(InputMode mode);
  /// Bytes that the session showed, and when.
  void output(BootTime at, ByteSpan bytes);
  /// A line that was read off the screen, in its place among what was typed.
  void line(BootTime at, event::Line line);
  /// Decides what has waited long enough. Call it only when all that the session has shown was
  /// given to output(): an echo that is still in a buffer has not been missing.
  void tick(BootTime now);
  /// When tick() would next do something.
  std::optional<BootTime> deadline() const;
  /// The session is over: decides everything.
  void finish(BootTime now);

  /// What may be recorded by now, in the order it was typed.
  std::vector<Decided> take() { return queue_.take(); }
  bool has_decided() const { return queue_.has_decided(); }

 private:
  void hide(BootTime at, ByteSpan bytes);
  void hold_until_echoed(BootTime at, ByteSpan bytes);

  const event::InputPolicy policy_;
  HoldQueue queue_;
  EchoMatcher echo_;
  RawJudge raw_;
  uint64_t last_input_from_ = 0;  // the number of the last input's first entry
  BootTime last_input_at_;
};

}  // namespace stele::capture
