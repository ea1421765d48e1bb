#include "capture/raw_judge.h"

#include <algorithm>
#include <utility>

#include "capture/prompt.h"

namespace stele::capture {
namespace {

/// tmux leaves the cursor's line to draw its status and comes back: a prompt is only gone when its
/// line stays left for this long.
constexpr Micros kAwayMin{500'000};
constexpr size_t kLinesAbove = 3;
constexpr size_t kTypedCellsMax = 256;
/// So much of what was typed does not stand at the prompt by chance.
constexpr size_t kSureCells = 8;

/// Spaces and the frames of dialogs.
bool is_blank(std::u32string_view line) {
  return std::all_of(line.begin(), line.end(), [](char32_t c) {
    return c == U' ' || c == U'|' || (c >= 0x2500 && c <= 0x257F);
  });
}

/// Masks repeat one character, and some people's secrets contain it: only a character that no
/// program masks with, or two different ones, show that a program echoes.
bool proves_echo(std::u32string_view shown) {
  const auto tells = [&](char32_t c) {
    return c != kWideRest && (!is_mask(c) || (c != U' ' && c != shown[0] && shown[0] != U' '));
  };
  return std::any_of(shown.begin(), shown.end(), tells);
}

void append_cells(std::u32string& cells, char32_t c) {
  cells.push_back(c);
  if (columns_of(c) == 2) cells.push_back(kWideRest);
}

void erase_last(std::u32string& cells) {
  if (!cells.empty() && cells.back() == kWideRest) cells.pop_back();
  if (!cells.empty()) cells.pop_back();
}

std::u32string characters(std::u32string cells) {
  std::erase(cells, kWideRest);
  return cells;
}

bool is_letter(char32_t c) {
  return c >= 0x80 || (c >= U'0' && c <= U'9') || (c >= U'A' && c <= U'Z') ||
         (c >= U'a' && c <= U'z');
}

/// How much of the line's end is whole words, and what follows them, that were typed.
size_t echoed_size(std::u32string_view line, std::u32string_view typed) {
  for (size_t size = std::min(line.size(), kTypedCellsMax); size > 0; --size) {
    const std::u32string_view end = line.substr(line.size() - size);
    const bool cuts_word =
        size < line.size() && is_letter(end[0]) && is_letter(line[line.size() - size - 1]);
    if (!cuts_word && typed.find(end) != std::u32string_view::npos) return size;
  }
  return 0;
}

}  // namespace

void RawJudge::resize(size_t rows, size_t columns) {
  follow_screen();
  screen_.resize(rows, columns);
}

void RawJudge::type(BootTime at, ByteSpan bytes) {
  follow_screen();
  settle(at);
  for (const Key& key : keys_.read(bytes)) {
    press(at, key, bytes.first(key.size));
    bytes = bytes.subspan(key.size);
  }
}

void RawJudge::press(BootTime at, const Key& key, ByteSpan bytes) {
  if (!entry_ && key.text != 0) {
    if (const Promise kind = kind_here(); kind != Promise::kNone) open(kind, at);
  }
  if (entry_) {
    add(key, bytes, at);
  } else {
    queue_.push({.at = at, .bytes = {bytes.begin(), bytes.end()}, .verdict = Verdict::kKeep});
  }
  if (!key.ends_line) return;
  end_entry();
  awaits_output_ = true;
}

Promise RawJudge::kind_here() const {
  if (awaits_output_) return Promise::kUnknown;
  return kind_of(screen_.left_of_cursor());
}

Promise RawJudge::kind_of(std::u32string_view line) const {
  if (is_blank(line)) {
    const bool asked_above = names_secret(screen_.text_above(kLinesAbove));
    return asked_above ? Promise::kWeak : Promise::kUnknown;
  }
  switch (classify_prompt(line)) {
    case Prompt::kStrong:
      return Promise::kStrong;
    case Prompt::kWeak:
      return Promise::kWeak;
    case Prompt::kNone:
      return Promise::kNone;
  }
  return Promise::kNone;
}

void RawJudge::open(Promise kind, BootTime at) {
  entry_.emplace();
  entry_->id = next_id_++;
  entry_->first_at = at;
  set_anchor(kind);
}

void RawJudge::set_anchor(Promise kind) {
  entry_->kind = kind;
  entry_->anchor = screen_.cursor();
  entry_->prompt = screen_.left_of_cursor();
  entry_->behind = screen_.text_at(entry_->anchor, kSureCells);
  entry_->typed.clear();
  entry_->away_since.reset();
  screen_.watch(entry_->anchor);
}

void RawJudge::add(const Key& key, ByteSpan bytes, BootTime at) {
  TypedEntry& entry = *entry_;
  entry.last_at = at;
  constexpr Verdict kVerdicts[] = {Verdict::kWaiting, Verdict::kKeep, Verdict::kHeuristic};
  queue_.push({.at = at,
               .bytes = {bytes.begin(), bytes.end()},
               .verdict = kVerdicts[static_cast<size_t>(entry.state)],
               .ends_line = key.ends_line,
               .field = entry.id});
  if (entry.state == Standing::kSafe) return;
  if (key.text != 0 && entry.typed.size() < kTypedCellsMax) append_cells(entry.typed, key.text);
  if (key.erases) erase_last(entry.typed);
  if (key.kills) entry.typed.clear();
  entry.held_bytes += bytes.size();
  if (entry.state == Standing::kHeld && entry.held_bytes > kHeldBytesMax) make_secret();
}

/// Enter, or the end of raw mode: the entry is whole. It may still be echoed, on a slow line.
void RawJudge::end_entry() {
  if (!entry_) return;
  if (entry_->state == Standing::kHeld) ended_.push_back(std::move(*entry_));
  entry_.reset();
}

void RawJudge::leave() { end_entry(); }

void RawJudge::doubt(BootTime typed_at) {
  if (entry_ && entry_->state == Standing::kHeld && entry_->last_at == typed_at)
    entry_->kind = Promise::kStrong;
  for (TypedEntry& ended : ended_) {
    if (ended.last_at == typed_at) ended.kind = Promise::kStrong;
  }
}

void RawJudge::decide(uint64_t id, Verdict verdict) {
  queue_.decide([id](const auto& entry) { return entry.field == id; }, verdict);
}

void RawJudge::close(Verdict verdict) {
  decide(entry_->id, verdict);
  entry_.reset();
}

void RawJudge::make_safe() {
  decide(entry_->id, Verdict::kKeep);
  entry_->state = Standing::kSafe;
}

/// Nothing echoed in time. Of a key that nothing had asked for, silence says nothing.
void RawJudge::make_secret() {
  if (entry_->kind == Promise::kUnknown) return close(Verdict::kKeep);
  decide(entry_->id, Verdict::kHeuristic);
  entry_->state = Standing::kSecret;
}

void RawJudge::output(BootTime at, ByteSpan bytes) {
  if (bytes.empty()) return;
  awaits_output_ = false;
  unseen_.add(bytes);
  if (!is_watching()) return unseen_.bound();
  follow_screen();
  note_away(at);
}

/// Only while something depends on it: following the screen costs more than relaying it does.
bool RawJudge::is_watching() const {
  return !ended_.empty() || (entry_ && entry_->state != Standing::kSafe);
}

/// The cursor's line is not the prompt's any more; tmux leaves it for a moment only.
void RawJudge::note_away(BootTime now) {
  if (!entry_ || entry_->state == Standing::kSafe) return;
  if (!is_away()) {
    entry_->away_since.reset();
  } else if (!entry_->away_since) {
    entry_->away_since = now;
  } else if (has_stayed_away(now) &&
             (entry_->state == Standing::kSecret || entry_->kind == Promise::kStrong)) {
    close(Verdict::kHeuristic);
  }
}

void RawJudge::follow_screen() {
  unseen_.take([this](ByteSpan step) {
    screen_.write(step);
    check_echoes();
  });
}

void RawJudge::check_echoes() {
  if (entry_ && entry_->state != Standing::kSafe && has_echoed()) make_safe();
  std::erase_if(ended_, [this](const TypedEntry& ended) {
    const bool is_shown = has_echoed_whole(ended) || was_answered(ended);
    if (is_shown) decide(ended.id, Verdict::kKeep);
    return is_shown;
  });
  if (ended_.empty() || ended_.front().kind != Promise::kUnknown) return;
  // Typed ahead, and then the program asked for a secret after all: with other words than those
  // that were typed, then or since, and are now echoed.
  TypedEntry& ahead = ended_.front();
  std::u32string line = screen_.left_of_cursor();
  line.resize(line.size() - echoed_size(line, typed_since_ahead()));
  if (kind_of(line) == Promise::kStrong) ahead.kind = Promise::kStrong;
}

/// What was typed from the first ended entry on.
std::u32string RawJudge::typed_since_ahead() const {
  std::u32string typed;
  for (const TypedEntry& ended : ended_) {
    if (typed.size() < kTypedCellsMax) typed += ended.typed + U'\r';
  }
  if (entry_ && typed.size() < kTypedCellsMax) typed += entry_->typed;
  return characters(std::move(typed));
}

/// What was typed so far, or its beginning on a slow line, stands at the prompt, and the cursor
/// right behind it; or so much of it that the cursor does not matter (a paste that wrapped).
bool RawJudge::has_echoed() const {
  const TypedEntry& entry = *entry_;
  if (entry.typed.empty()) return false;
  if (entry.kind == Promise::kUnknown) {
    const std::u32string text = characters(entry.typed);
    return screen_.left_of_cursor().ends_with(text) && proves_echo(text);
  }
  const std::u32string_view start = std::u32string_view(entry.typed).substr(0, kSureCells);
  if (start.size() == kSureCells && proves_echo(start) &&
      screen_.text_at(entry.anchor, kSureCells) == start) {
    return true;
  }
  const PromptScreen::Place cursor = screen_.cursor();
  if (cursor.row_id != entry.anchor.row_id || cursor.column <= entry.anchor.column) return false;
  const size_t shown = cursor.column - entry.anchor.column;
  if (shown > entry.typed.size()) return false;
  const std::u32string_view expected = std::u32string_view(entry.typed).substr(0, shown);
  return screen_.text_at(entry.anchor, shown) == expected && proves_echo(expected);
}

bool RawJudge::has_echoed_whole(const TypedEntry& ended) const {
  if (ended.typed.empty()) return false;
  // Nobody had asked for a secret there: an editor shows its command line elsewhere, and a shell
  // what was typed ahead of its prompt.
  if (ended.kind != Promise::kStrong && proves_echo(ended.typed) &&
      screen_.left_of_cursor().ends_with(characters(ended.typed))) {
    return true;
  }
  if (ended.kind == Promise::kUnknown) return false;
  const bool proves = proves_echo(ended.typed) || ended.typed.size() == 1;
  return proves && screen_.text_at(ended.anchor, ended.typed.size()) == ended.typed;
}

/// The program wrote something else behind its question: it edits a line.
bool RawJudge::was_answered(const TypedEntry& ended) const {
  if (ended.kind != Promise::kWeak) return false;
  const std::u32string now = screen_.text_at(ended.anchor, kSureCells);
  for (size_t i = 0; i < now.size() && i < ended.behind.size(); ++i) {
    if (now[i] != ended.behind[i] && !is_mask(now[i]) && now[i] != kWideRest) return true;
  }
  return false;
}

bool RawJudge::shows_only_masks() const {
  const std::u32string line = screen_.left_of_cursor();
  return line.starts_with(entry_->prompt) &&
         std::all_of(line.begin() + static_cast<ptrdiff_t>(entry_->prompt.size()), line.end(),
                     is_mask);
}

bool RawJudge::is_away() const { return !screen_.left_of_cursor().starts_with(entry_->prompt); }

bool RawJudge::has_stayed_away(BootTime now) const {
  return is_away() && entry_->away_since && now - *entry_->away_since >= kAwayMin;
}

/// Looks at the screen with fresh eyes: at each key, and when time is over.
void RawJudge::settle(BootTime now) {
  settle_ended(now);
  if (!entry_) return;
  if (entry_->state == Standing::kHeld) return settle_held(now);
  if (entry_->state == Standing::kSafe ? is_away() : has_stayed_away(now)) entry_.reset();
}

void RawJudge::settle_held(BootTime now) {
  TypedEntry& entry = *entry_;
  const Promise here = kind_here();
  const bool asks = here == Promise::kWeak || here == Promise::kStrong;
  switch (entry.kind) {
    case Promise::kUnknown:
      if (asks) return set_anchor(here);
      if (here == Promise::kNone || screen_.is_disturbed()) close(Verdict::kKeep);
      return;
    case Promise::kWeak:
      if (here == Promise::kStrong) return set_anchor(here);
      if (!screen_.is_disturbed() && shows_only_masks()) return;
      if (is_away()) return close(Verdict::kKeep);
      return make_safe();  // it answers each key: less at its ':'
    case Promise::kStrong:
      if (has_stayed_away(now)) return close(Verdict::kHeuristic);
      // Drawn anew, the prompt stands on a row that is new to us.
      if (!is_away()) entry.anchor.row_id = screen_.cursor().row_id;
      return;
    case Promise::kNone:
      return;
  }
}

void RawJudge::settle_ended(BootTime now) {
  while (!ended_.empty() && now - ended_.front().last_at >= kHold) {
    const bool asked = ended_.front().kind != Promise::kUnknown;
    decide(ended_.front().id, asked ? Verdict::kHeuristic : Verdict::kKeep);
    ended_.pop_front();
  }
}

void RawJudge::tick(BootTime now) {
  follow_screen();
  const bool is_due = entry_ && entry_->state == Standing::kHeld && now - entry_->first_at >= kHold;
  if (!is_due) return settle_ended(now);
  settle(now);
  if (entry_ && entry_->state == Standing::kHeld) make_secret();
}

std::optional<BootTime> RawJudge::deadline() const {
  std::optional<BootTime> first;
  if (entry_ && entry_->state == Standing::kHeld) first = entry_->first_at + kHold;
  if (!ended_.empty()) {
    const BootTime other = ended_.front().last_at + kHold;
    if (!first || other < *first) first = other;
  }
  return first;
}

void RawJudge::finish(BootTime now) {
  follow_screen();
  if (entry_) settle(now);
  end_entry();
  settle_ended(now + kHold);
}

}  // namespace stele::capture
