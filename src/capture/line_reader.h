// The lines that a person submits, as the screen shows them: docs/lines.md has the rules and their
// errors.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "capture/key_reader.h"
#include "capture/prompt_screen.h"
#include "capture/unseen_output.h"
#include "event/event.h"

namespace stele::capture {

/// What was typed since Enter.
struct LineEntry {
  std::optional<PromptScreen::Place> anchor;  // where its first key was typed; none: ahead
  std::u32string prompt;                      // what stood left of it
  std::u32string behind;                      // and right of it
  std::u32string keys;                        // the text that was typed, without what was erased
  bool is_edited = false;                     // by keys whose effect only the screen tells
  bool is_hidden = false;                     // by the kernel; its keys are not held here
  BootTime entered_at;
  uint64_t from = 0, upto = 0;  // the typed bytes: its first key, and behind its Enter
};

/// A line, and which of all the typed bytes submitted it: from its entry's first key on, up to and
/// with its Enter. No two lines end at the same byte.
struct ReadLine {
  event::Line line;
  uint64_t from = 0, upto = 0;
};

/// Remembers where the first key of an entry was typed, and reads what stands from there on when
/// Enter has been answered: when the cursor leaves the line. What a shell completed, recalled or
/// edited is read as it was submitted. Pure; hostile bytes can mislead it, and not grow it.
class LineReader {
 public:
  /// How long a line that was typed ahead may take to show.
  static constexpr Micros kAheadMax{5'000'000};
  /// And how much may be shown meanwhile: all of it is followed.
  static constexpr size_t kAheadBytesMax = 256 << 10;

  /// Where between lines it is: what a reader has to know that goes on from there.
  enum class Place : uint8_t { kBetween, kWithin, kInPaste };

  LineReader(size_t rows, size_t columns) : screen_(rows, columns) {}
  /// One that goes on behind so many typed bytes, at such a place, with a screen that is not known:
  /// what is typed on a row that stood there already is no line, nor is the rest of what was being
  /// typed. Until a program says otherwise, one may have the whole screen.
  LineReader(size_t rows, size_t columns, Place place, uint64_t typed);

  void resize(size_t rows, size_t columns);
  /// Bytes about to be sent to the session; `is_hidden`: the kernel does not show them.
  void typed(BootTime at, ByteSpan bytes, bool is_hidden);
  /// What was typed last turned out to be hidden.
  void hide_last();
  void output(BootTime at, ByteSpan bytes);

  bool has_lines() const { return !lines_.empty(); }
  std::vector<ReadLine> take();
  Place place() const;

 private:
  void follow();
  void hide(ByteSpan bytes);
  void press(BootTime at, const Key& key, uint8_t first);
  bool is_of_sequence(uint8_t byte);
  void take_sequence(std::string_view sequence);
  LineEntry& opened();
  void open();
  void set_anchor(size_t left);
  void move_entry();
  void find_again(LineEntry& entry, const PromptScreen::Place& cursor) const;
  bool leads_to(const LineEntry& entry, const PromptScreen::Place& cursor) const;
  void enter(BootTime at, uint64_t upto);
  void answered(const PromptScreen::Place& cursor, std::u32string_view row);
  bool reads(const LineEntry& entry, uint64_t row_id, std::u32string_view row);
  bool stands_at_end(const LineEntry& entry, std::u32string_view row);
  std::u32string row_of(const PromptScreen::Place& cursor) const;
  bool fits(const LineEntry& entry, std::u32string_view text) const;
  bool keep(const LineEntry& entry, std::u32string_view prompt, std::u32string_view text);

  KeyReader keys_;
  std::string sequence_;        // the escape sequence that is being typed, bounded
  bool in_answer_ = false;      // of the terminal's, a string
  uint8_t last_ = 0;            // in there
  bool in_paste_ = false;       // Enter is text there
  bool awaits_answer_ = false;  // the cursor has not left a line since Enter
  bool skips_ = false;          // what is typed up to the next Enter is no line
  uint64_t typed_ = 0;          // bytes
  PromptScreen screen_;
  uint64_t known_from_ = 0;  // row id: of those before it only what was written since is known
  UnseenOutput unseen_;
  std::optional<LineEntry> entry_;
  std::deque<LineEntry> entered_;  // and not answered yet
  size_t shown_since_enter_ = 0;   // bytes
  std::vector<ReadLine> lines_;
};

}  // namespace stele::capture
