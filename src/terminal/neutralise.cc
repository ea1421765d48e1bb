#include "terminal/neutralise.h"

#include <algorithm>

#include "codec/utf8.h"

namespace stele::terminal {
namespace {

// BEL BS HT LF VT FF CR SO SI. Not ENQ, which is answered, nor XON, XOFF.
bool is_safe_control(uint8_t c) { return c >= 0x07 && c <= 0x0f; }

// DECSC DECRC IND NEL HTS RI.
constexpr std::string_view kSafeEscapes = "78DEHM";

// Cursor, erasing, inserting, deleting, scrolling, tabs, REP, SGR, margins.
constexpr std::string_view kSafeControls = "@ABCDEFGHIJKLMPSTXZ`abdefgmrsu";

// DECSCNM DECOM DECAWM, cursor blink and visibility, alternate screen, saved cursor.
bool is_safe_private_mode(int mode) {
  static constexpr int kSafe[] = {5, 6, 7, 12, 25, 47, 1047, 1048, 1049};
  return std::find(std::begin(kSafe), std::end(kSafe), mode) != std::end(kSafe);
}

bool is_safe_mode(int mode) { return mode == 4; }  // IRM

bool is_safe_control_sequence(const Csi& csi) {
  const int first = csi.value(0, 0);
  if (csi.is("!", 'p') || csi.is(" ", 'q')) return csi.prefix == 0;  // DECSTR, DECSCUSR
  if (csi.intermediate_count > 0) return false;
  if (csi.prefix == '?') {
    if (csi.final == 'J' || csi.final == 'K') return first <= 2;  // DECSED, DECSEL
    return csi.final == 'W' && csi.count == 1 && first == 5;      // DECST8C
  }
  if (csi.prefix != 0 || kSafeControls.find(static_cast<char>(csi.final)) == std::string_view::npos)
    return false;
  switch (csi.final) {
    case 'J':
      return first <= 2;  // 3 would take the viewer's scrollback
    case 'T':
      return csi.count <= 1;  // with more: mouse highlighting
    case 's':
    case 'u':
      return csi.count == 0;
    default:
      return true;
  }
}

}  // namespace

void Neutraliser::filter(ByteSpan in, Bytes& out) {
  out_ = &out;
  parser_.parse(in, *this);
  out_ = nullptr;
}

void Neutraliser::append(std::string_view text) {
  const ByteSpan bytes = as_bytes(text);
  out_->insert(out_->end(), bytes.begin(), bytes.end());
}

void Neutraliser::print(char32_t c) {
  std::string text;
  codec::append_utf8(c, text);
  append(text);
}

void Neutraliser::execute(uint8_t control) {
  if (!is_safe_control(control)) return;
  out_->push_back(control);
  if (newline_ && control >= '\n' && control <= '\f') out_->push_back('\r');
}

void Neutraliser::escape(const Escape& e) {
  if (e.has_intermediates("(")) return append(e.final == '0' ? "\x1b(0" : "\x1b(B");
  if (e.has_intermediates(")")) return append(e.final == '0' ? "\x1b)0" : "\x1b)B");
  if (e.is("#", '8')) return append("\x1b#8");
  if (e.is("", 'c')) {
    newline_ = false;
    append(kRestoreTerminal);
    append(kClearTerminal);
  } else if (e.intermediate_count == 0 &&
             kSafeEscapes.find(static_cast<char>(e.final)) != std::string_view::npos) {
    const char text[] = {'\x1b', static_cast<char>(e.final)};
    append({text, sizeof text});
  }
}

void Neutraliser::control(const Csi& csi) {
  if (csi.colons != 0 && csi.final != 'm') return;
  const bool is_mode = csi.intermediate_count == 0 && (csi.prefix == 0 || csi.prefix == '?') &&
                       (csi.final == 'h' || csi.final == 'l');
  if (is_mode) return pass_modes(csi);
  if (is_safe_control_sequence(csi)) append_csi(csi);
}

// Of the modes in one sequence, those that are safe.
void Neutraliser::pass_modes(const Csi& csi) {
  Csi safe = csi;
  safe.count = 0;
  for (size_t i = 0; i < csi.count; ++i) {
    const int mode = csi.value(i, 0);
    if (csi.prefix == 0 && mode == 20) newline_ = csi.final == 'h';
    if (csi.prefix == '?' ? is_safe_private_mode(mode) : is_safe_mode(mode))
      safe.values[safe.count++] = mode;
  }
  if (safe.count > 0) append_csi(safe);
}

void Neutraliser::append_csi(const Csi& csi) {
  std::string text = "\x1b[";
  if (csi.prefix != 0) text += static_cast<char>(csi.prefix);
  for (size_t i = 0; i < csi.count; ++i) {
    if (i > 0) text += csi.is_sub(i) ? ':' : ';';
    if (csi.values[i] != Csi::kOmitted) text += std::to_string(csi.values[i]);
  }
  for (size_t i = 0; i < csi.intermediate_count; ++i)
    text += static_cast<char>(csi.intermediates[i]);
  text += static_cast<char>(csi.final);
  append(text);
}

}  // namespace stele::terminal
