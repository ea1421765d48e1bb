// Keys typed in raw mode: the kernel shows none of them, so the screen tells what the program did
// with them. docs/secrets.md, "Raw mode", has the rules and their errors.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "capture/hold_queue.h"
#include "capture/key_reader.h"
#include "capture/prompt_screen.h"
#include "capture/unseen_output.h"

namespace stele::capture {

/// What the cursor's line promises about a key typed there.
enum class Promise : uint8_t {
  kNone,     // nothing: it is kept
  kUnknown,  // nothing was shown yet: it may be typed ahead of a prompt
  kWeak,     // a question
  kStrong,   // a question that names a secret
};
enum class Standing : uint8_t { kHeld, kSafe, kSecret };

/// What a person types at one place of the screen, up to Enter.
struct TypedEntry {
  uint64_t id = 0;
  Promise kind = Promise::kNone;
  Standing state = Standing::kHeld;
  PromptScreen::Place anchor;  // where its first character would show
  std::u32string prompt;       // what stood left of that
  std::u32string behind;       // and right of it
  std::u32string typed;        // as cells, the first kTypedCellsMax
  size_t held_bytes = 0;
  BootTime first_at, last_at;
  std::optional<BootTime> away_since;  // since when the cursor's line is not the prompt's
};

/// Follows entries. Puts their keys into the queue, and gives the verdict of a whole entry once the
/// screen, or the lack of change there, has told.
class RawJudge {
 public:
  static constexpr Micros kHold{2'000'000};
  /// An entry that is held longer than this is decided as if its time were over.
  static constexpr size_t kHeldBytesMax = 4096;

  RawJudge(HoldQueue& queue, size_t rows, size_t columns) : queue_(queue), screen_(rows, columns) {}

  void resize(size_t rows, size_t columns);
  void type(BootTime at, ByteSpan bytes);
  void output(BootTime at, ByteSpan bytes);
  /// The terminal is not raw any more.
  void leave();
  /// What was typed then may have met a hidden line: only its echo saves it now.
  void doubt(BootTime typed_at);
  void tick(BootTime now);
  std::optional<BootTime> deadline() const;
  void finish(BootTime now);

 private:
  Promise kind_here() const;
  Promise kind_of(std::u32string_view line) const;
  void press(BootTime at, const Key& key, ByteSpan bytes);
  void add(const Key& key, ByteSpan bytes, BootTime at);
  void open(Promise kind, BootTime at);
  void set_anchor(Promise kind);
  void end_entry();
  void close(Verdict verdict);
  void make_safe();
  void make_secret();
  void decide(uint64_t id, Verdict verdict);

  bool is_watching() const;
  void note_away(BootTime now);
  void follow_screen();
  void check_echoes();
  std::u32string typed_since_ahead() const;
  bool has_echoed() const;
  bool has_echoed_whole(const TypedEntry& ended) const;
  bool was_answered(const TypedEntry& ended) const;
  bool shows_only_masks() const;
  bool is_away() const;
  bool has_stayed_away(BootTime now) const;
  void settle(BootTime now);
  void settle_held(BootTime now);
  void settle_ended(BootTime now);

  HoldQueue& queue_;
  KeyReader keys_;
  PromptScreen screen_;
  UnseenOutput unseen_;
  bool awaits_output_ = false;  // nothing was shown since Enter
  uint64_t next_id_ = 1;
  std::optional<TypedEntry> entry_;
  std::deque<TypedEntry> ended_;  // by Enter, and still waiting for an echo
};

}  // namespace stele::capture
