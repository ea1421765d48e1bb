// Typed bytes waiting for a verdict, given on in the order they were typed.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "event/event.h"

namespace stele::capture {

enum class Verdict : uint8_t { kWaiting, kKeep, kNoEcho, kHeuristic };

/// What may be recorded, and the time it was typed. Times never go backwards.
struct Decided {
  BootTime at;
  std::variant<Bytes, event::Redaction, event::Line> what;
  uint64_t redacted = 0;  // bytes, exactly: not for the record
};

/// A first-in first-out queue: a waiting entry holds back those behind it. Bytes that must not be
/// kept are wiped at once; what is left of them is a count, one redaction a line.
class HoldQueue {
 public:
  struct Entry {
    BootTime at;
    Bytes bytes = {};
    size_t size = 0;
    Verdict verdict = Verdict::kWaiting;
    bool ends_line = false;
    uint64_t field = 0;                    // whose verdict it shares; 0: its own
    uint64_t output_from = 0;              // where in the output its echo may begin
    std::optional<event::Line> line = {};  // in the place of bytes
    uint64_t number = 0;                   // given by push()
  };

  /// A redaction whose line goes on is given out this long after its last byte.
  static constexpr Micros kRedactionPause{10'000'000};

  void push(Entry entry);
  /// Gives a verdict to each waiting entry that `matches`, asked in order.
  void decide(const std::function<bool(const Entry&)>& matches, Verdict verdict);
  /// How many entries were ever pushed: the number of the next one.
  uint64_t pushed() const { return pushed_; }
  bool has_waiting() const { return waiting_ > 0; }
  size_t waiting_bytes() const { return waiting_bytes_; }
  /// When the first waiting entry of a field was typed.
  std::optional<BootTime> first_waiting(uint64_t field) const;

  /// Gives out what is decided and held back by nothing.
  void release();
  void tick(BootTime now);
  std::optional<BootTime> deadline() const;
  /// Gives out a redaction whose line has not ended.
  void flush_redaction();
  std::vector<Decided> take();
  bool has_decided() const { return !out_.empty(); }

 private:
  void give(Entry& entry);

  std::deque<Entry> entries_;
  uint64_t pushed_ = 0;
  size_t waiting_ = 0, waiting_bytes_ = 0;
  std::optional<event::Redaction> redaction_;  // bytes_rounded: not yet rounded
  BootTime redaction_at_;
  std::vector<Decided> out_;
};

/// Overwrites what must not linger in memory (a compiler may not leave this out).
void wipe(MutableByteSpan bytes);

}  // namespace stele::capture
