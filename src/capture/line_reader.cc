#include "capture/line_reader.h"

#include <algorithm>
#include <utility>

#include "capture/prompt.h"
#include "codec/utf8.h"

namespace stele::capture {
namespace {

constexpr size_t kEnteredMax = 16;
constexpr size_t kKeysMax = event::kLineBytesMax;
constexpr size_t kBehindCells = 256;
constexpr std::string_view kEditing = "ABCDFH~";  // arrows, Home, End, and those with a number
constexpr std::string_view kStrings = "]PX^_";    // OSC, DCS, SOS, PM, APC
constexpr size_t kSequenceMax = 32;
constexpr std::string_view kPasteBegins = "\x1b[200~", kPasteEnds = "\x1b[201~";

bool is_blank(std::u32string_view text) {
  return text.find_first_not_of(U" \n") == std::u32string_view::npos;
}

bool is_masked(std::u32string_view text) { return std::all_of(text.begin(), text.end(), is_mask); }

std::u32string_view trimmed(std::u32string_view text) {
  const size_t first = text.find_first_not_of(U" \n");
  if (first == std::u32string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(U" \n") + 1 - first);
}

/// No control character among them.
std::string utf8_of(std::u32string_view text) {
  std::string out;
  for (const char32_t c : text) {
    const bool is_control = (c < 0x20 && c != U'\n') || (c >= 0x7f && c < 0xa0);
    codec::append_utf8(is_control ? U'\uFFFD' : c, out);
  }
  return codec::to_utf8(out);
}

size_t cells_of(std::u32string_view text) {
  size_t cells = 0;
  for (const char32_t c : text) cells += columns_of(c);
  return cells;
}

/// Of the whole characters within so many bytes.
size_t size_up_to(std::string_view text, size_t bytes) {
  while (bytes > 0 && bytes < text.size() && (static_cast<uint8_t>(text[bytes]) & 0xC0) == 0x80)
    --bytes;
  return bytes;
}

/// As shells' prompts end: after `$`, `#`, `%`, `>` or an arrow, and a blank at most.
bool is_shell_prompt(std::u32string_view prompt) {
  const size_t last = prompt.find_last_not_of(U' ');
  constexpr std::u32string_view kEnds = U"$#%>\u276F\u279C\u00BB\u03BB";
  return last != std::u32string_view::npos && kEnds.find(prompt[last]) != kEnds.npos;
}

/// What stood right of the cursor before anything was typed, and still stands where it stood: a
/// prompt at the right margin, or another pane.
size_t size_before(std::u32string_view behind, std::u32string_view text) {
  const size_t first = behind.find_first_not_of(U' ');
  if (first == std::u32string_view::npos || first >= text.size()) return text.size();
  const size_t size = std::min(behind.find_last_not_of(U' ') + 1, text.size()) - first;
  return behind.substr(first, size) == text.substr(first, size) ? first : text.size();
}

}  // namespace

LineReader::LineReader(size_t rows, size_t columns, Place place, uint64_t typed)
    : in_paste_(place == Place::kInPaste),
      skips_(place != Place::kBetween),
      typed_(typed),
      screen_(rows, columns) {
  // At its end, so that each row to come is a new one.
  screen_.write(as_bytes("\x1b[?1049h\x1b[999H"));
  known_from_ = screen_.cursor().row_id + 1;
}

LineReader::Place LineReader::place() const {
  if (in_paste_) return Place::kInPaste;
  const bool is_within = entry_ || skips_ || in_answer_ || !sequence_.empty();
  return is_within ? Place::kWithin : Place::kBetween;
}

void LineReader::resize(size_t rows, size_t columns) {
  follow();
  screen_.resize(rows, columns);
}

void LineReader::typed(BootTime at, ByteSpan bytes, bool is_hidden) {
  follow();
  std::erase_if(entered_, [at](const LineEntry& e) { return at - e.entered_at >= kAheadMax; });
  if (is_hidden) return hide(bytes);
  for (const Key& key : keys_.read(bytes)) {
    press(at, key, bytes[0]);
    typed_ += key.size;
    bytes = bytes.subspan(key.size);
  }
  if (sequence_ == "\x1b") take_sequence(std::exchange(sequence_, {}));  // a key of its own
}

/// None of it is held here.
void LineReader::hide(ByteSpan bytes) {
  typed_ += bytes.size();
  entry_.emplace().is_hidden = true;
  const bool ends = std::any_of(bytes.begin(), bytes.end(), ends_line);
  if (ends) entry_.reset();
  awaits_answer_ = awaits_answer_ || ends;
}

void LineReader::hide_last() {
  if (entry_) {
    entry_.emplace().is_hidden = true;
  } else if (!entered_.empty()) {
    entered_.pop_back();
  }
}

void LineReader::press(BootTime at, const Key& key, uint8_t first) {
  if (is_of_sequence(first)) return;
  const bool is_enter = first == '\r' || first == '\n';
  if (is_enter && !in_paste_) return enter(at, typed_ + key.size);
  // ^C ^Z ^\ submit nothing; nor does ^D, which ends an empty line and deletes in another.
  const bool is_empty = !entry_ || (entry_->keys.empty() && !entry_->is_edited);
  const bool gives_up = key.ends_line && !is_enter && (first != 0x04 || is_empty);
  if (gives_up) {
    skips_ = false;
    return entry_.reset();
  }
  LineEntry& entry = opened();
  if (entry.is_hidden) return;
  const char32_t text = is_enter ? U'\n' : key.text;
  if (text != 0) {
    const bool has_room = entry.keys.size() < kKeysMax;
    if (has_room) entry.keys.push_back(text);
    // Of more only the place tells; and behind Enter a shell may put a second prompt.
    entry.is_edited = entry.is_edited || is_enter || !has_room;
  } else if (key.erases) {
    if (!entry.keys.empty()) entry.keys.pop_back();
  } else if (key.kills) {
    entry.keys.clear();
  } else {
    entry.is_edited = true;
  }
}

/// What a function key sends, a paste is bracketed by, or the terminal answers to a program.
bool LineReader::is_of_sequence(uint8_t byte) {
  if (in_answer_) {
    in_answer_ = byte != 0x07 && !(byte == '\\' && last_ == 0x1b);
    last_ = byte;
    return true;
  }
  if (byte != 0x1b && sequence_.empty()) return false;
  if (byte == 0x1b) sequence_.clear();
  sequence_.push_back(static_cast<char>(byte));
  const bool is_second = sequence_.size() == 2;
  if (is_second && kStrings.find(static_cast<char>(byte)) != kStrings.npos) {
    in_answer_ = true;
    sequence_.clear();
  } else if (is_second ? byte != '[' && byte != 'O' : sequence_.size() > 2 && byte >= 0x40) {
    take_sequence(std::exchange(sequence_, {}));
  } else if (sequence_.size() > kSequenceMax) {
    sequence_.clear();
  }
  return true;
}

void LineReader::take_sequence(std::string_view sequence) {
  if (sequence == kPasteBegins) in_paste_ = true;
  if (sequence == kPasteEnds) in_paste_ = false;
  if (sequence == kPasteBegins || sequence == kPasteEnds) return;
  // Another's last byte is a report: of the cursor, the mouse, the focus.
  const bool edits = sequence.size() == 2 || kEditing.find(sequence.back()) != kEditing.npos;
  if (edits) opened().is_edited = true;
}

LineEntry& LineReader::opened() {
  if (!entry_) open();
  find_again(*entry_, screen_.cursor());
  if (!entry_->anchor && !awaits_answer_) move_entry();
  return *entry_;
}

void LineReader::open() {
  entry_.emplace().from = typed_;
  if (awaits_answer_) return;
  set_anchor(screen_.left_of_cursor().size());
}

/// To where so many characters stand left of it.
void LineReader::set_anchor(size_t left) {
  const std::u32string line = screen_.left_of_cursor();
  const PromptScreen::Place cursor = screen_.cursor();
  skips_ = skips_ || cursor.row_id < known_from_;
  entry_->prompt = line.substr(0, left);
  const size_t cells = std::min(cursor.column, cells_of(line.substr(left)));
  entry_->anchor = PromptScreen::Place{cursor.row_id, cursor.column - cells};
  entry_->behind = screen_.text_at(*entry_->anchor, kBehindCells);
}

/// The line goes on elsewhere (an editor's command line), or what was typed was no part of one.
void LineReader::move_entry() {
  const std::u32string line = screen_.left_of_cursor();
  const bool is_moved = !entry_->keys.empty() && line.ends_with(entry_->keys);
  if (!is_moved) return open();
  set_anchor(line.size() - entry_->keys.size());
}

/// A shell may draw its prompt anew, on another row: after ^L, say, or a list of what completes it.
void LineReader::find_again(LineEntry& entry, const PromptScreen::Place& cursor) const {
  if (!entry.anchor) return;
  const size_t column = entry.anchor->column;
  const auto stands_in = [&](uint64_t row_id) {
    std::u32string left = screen_.text_at({row_id, 0}, column);
    std::erase(left, kWideRest);
    return screen_.has_row(row_id) && left == entry.prompt;
  };
  if (!is_blank(entry.prompt) && stands_in(cursor.row_id)) {
    entry.anchor->row_id = cursor.row_id;
  } else if (!stands_in(entry.anchor->row_id) || !leads_to(entry, cursor)) {
    entry.anchor.reset();
  }
}

/// On its row, or on one that it is wrapped onto; what is edited or pasted may have several.
bool LineReader::leads_to(const LineEntry& entry, const PromptScreen::Place& cursor) const {
  const PromptScreen::Place& anchor = *entry.anchor;
  if (cursor.row_id == anchor.row_id) return cursor.column >= anchor.column;
  if (entry.is_edited && !screen_.is_alternate()) return true;
  return screen_.is_wrapped(anchor.row_id, cursor.row_id);
}

void LineReader::enter(BootTime at, uint64_t upto) {
  const bool was_answered = !std::exchange(awaits_answer_, true);
  const bool is_skipped = std::exchange(skips_, false);
  shown_since_enter_ = 0;
  if (!entry_ || entry_->is_hidden || is_skipped) return entry_.reset();
  LineEntry entry = *std::exchange(entry_, std::nullopt);
  entry.upto = upto;
  const PromptScreen::Place cursor = screen_.cursor();
  find_again(entry, cursor);
  // An editor wipes its command line before the cursor leaves it.
  const bool may_be_wiped = !entry.anchor || screen_.is_alternate();
  if (may_be_wiped && was_answered && reads(entry, cursor.row_id, row_of(cursor))) return;
  entry.entered_at = at;
  entered_.push_back(std::move(entry));
  if (entered_.size() > kEnteredMax) entered_.pop_front();
}

void LineReader::output(BootTime at, ByteSpan bytes) {
  unseen_.add(bytes);
  shown_since_enter_ += bytes.size();
  if (shown_since_enter_ > kAheadBytesMax) {
    entered_.clear();
    awaits_answer_ = false;
  }
  while (!entered_.empty() && at - entered_.front().entered_at >= kAheadMax) entered_.pop_front();
  if (!awaits_answer_ && entered_.empty()) return unseen_.bound();
  follow();
}

/// Text alone leaves a row only when it is wrapped; what a control character leaves is answered.
void LineReader::follow() {
  unseen_.take([this](ByteSpan step) {
    if (!awaits_answer_ && entered_.empty()) return screen_.write(step);
    const PromptScreen::Place cursor = screen_.cursor();
    const std::u32string row = row_of(cursor);
    screen_.write(step);
    const bool wraps = step[0] >= 0x20;
    if (!wraps && screen_.cursor().row_id != cursor.row_id) answered(cursor, row);
  });
}

/// The cursor left a line. What was typed ahead of its prompt may be on any of those to come.
void LineReader::answered(const PromptScreen::Place& cursor, std::u32string_view row) {
  awaits_answer_ = false;
  const auto is_settled = [&](LineEntry& entry) {
    find_again(entry, cursor);
    const bool was_ahead = !entry.anchor;
    return reads(entry, cursor.row_id, row) || !was_ahead;
  };
  const auto settled = std::find_if(entered_.begin(), entered_.end(), is_settled);
  if (settled != entered_.end()) entered_.erase(settled);
}

bool LineReader::reads(const LineEntry& entry, uint64_t row_id, std::u32string_view row) {
  if (row_id < known_from_) return false;
  if (entry.anchor) {
    std::u32string text = screen_.text_from(*entry.anchor, row_id);
    text.resize(size_before(entry.behind, text));
    if (fits(entry, trimmed(text))) return keep(entry, entry.prompt, trimmed(text));
  }
  return stands_at_end(entry, row);
}

/// An editor shows its command line elsewhere; what is typed ahead shows where it may.
bool LineReader::stands_at_end(const LineEntry& entry, std::u32string_view row) {
  const std::u32string_view keys = trimmed(entry.keys);
  if (keys.empty() || !row.ends_with(keys)) return false;
  const std::u32string_view left = row.substr(0, row.size() - keys.size());
  // Else it may be anything that a program wrote.
  if (!is_blank(left) && !is_shell_prompt(left)) return false;
  return keep(entry, left, keys);
}

std::u32string LineReader::row_of(const PromptScreen::Place& cursor) const {
  return std::u32string(trimmed(screen_.text_from({cursor.row_id, 0}, cursor.row_id)));
}

/// Whether what stands there is what was typed. Where it was edited only the place tells, which a
/// program that draws the whole screen uses for other things as well, unless a shell asked there.
bool LineReader::fits(const LineEntry& entry, std::u32string_view text) const {
  if (text.empty()) return false;
  if (entry.is_edited) return !screen_.is_alternate() || is_shell_prompt(entry.prompt);
  return text == trimmed(entry.keys);
}

bool LineReader::keep(const LineEntry& entry, std::u32string_view prompt,
                      std::u32string_view text) {
  if (is_masked(text) || classify_prompt(prompt) == Prompt::kStrong) return true;
  event::Line line{utf8_of(text), utf8_of(trimmed(prompt))};
  line.is_cut = line.text.size() > event::kLineBytesMax;
  if (line.is_cut) line.text.resize(size_up_to(line.text, event::kLineBytesMax));
  if (line.prompt.size() > event::kLinePromptBytesMax) {
    const size_t rest = line.prompt.size() - event::kLinePromptBytesMax;
    line.prompt.erase(0, size_up_to(line.prompt, rest + 3));
  }
  lines_.push_back({std::move(line), entry.from, entry.upto});
  return true;
}

std::vector<ReadLine> LineReader::take() { return std::exchange(lines_, {}); }

}  // namespace stele::capture
