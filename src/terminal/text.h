// What a terminal showed, as lines of text (`stele export --format text`).
#pragma once

#include <deque>
#include <functional>

#include "terminal/emulator.h"

namespace stele::terminal {

/// Rows that left the main screen, in order; then, at finish(), what is left on it. Rows are given
/// as they stood when they left: not joined where they wrapped, without the blanks at their end. A
/// screen cleared as a whole leaves as well. The alternate screen is given as it stood when it was
/// left, between kScreenBegin and kScreenEnd, at the row where its program was started. What was
/// overwritten in place is not in the text: the recording is the evidence, this is for reading.
///
/// Bounds: the emulator's, and kHeldSizeMax of text. A few bytes can have a terminal show a full
/// screen anew, so no more text is given than kGrowthMax bytes for each byte written plus
/// kAllowance; a line says how many lines were withheld.
class Transcript : private Watcher {
 public:
  static constexpr std::string_view kScreenBegin = "─── screen of a full-screen program ───";
  static constexpr std::string_view kScreenEnd = "─── end of that screen ───";
  static constexpr uint64_t kGrowthMax = 64, kAllowance = 1 << 20;
  static constexpr size_t kHeldSizeMax = 1 << 20, kHeldCountMax = 64;

  using Sink = std::function<void(std::string_view line)>;

  /// The sink gets lines as valid UTF-8 without controls and without a line feed.
  Transcript(size_t rows, size_t columns, Sink sink);
  ~Transcript() override = default;
  Transcript(const Transcript&) = delete;
  Transcript& operator=(const Transcript&) = delete;

  void write(ByteSpan bytes);
  void resize(size_t rows, size_t columns) { emulator_.resize(rows, columns); }
  /// Once, at the end.
  void finish();

 private:
  // A full-screen program's screen that waits for its place among the lines.
  struct Held {
    uint64_t before_line = 0;
    std::vector<std::string> lines;
    size_t size = 0;
  };

  void line_leaves(const Line& line, size_t columns) override;
  void alternate_leaves(const Grid& grid) override;
  bool render(const Line& line, size_t columns, std::string& text);
  void release_oldest();
  void tell_withheld();

  Sink sink_;
  Emulator emulator_;
  uint64_t credit_ = kAllowance;
  uint64_t withheld_ = 0;
  uint64_t line_count_ = 0;  // that left the main screen
  std::deque<Held> held_;
  size_t held_size_ = 0;
  std::string text_;
};

}  // namespace stele::terminal
