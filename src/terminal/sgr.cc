#include "terminal/sgr.h"

#include <optional>

namespace stele::terminal {
namespace {

std::optional<uint8_t> byte(const Csi& csi, size_t i) {
  const int v = csi.value(i, 0);
  if (i >= csi.count || v > 255) return std::nullopt;
  return static_cast<uint8_t>(v);
}

std::optional<Color> rgb(const Csi& csi, size_t at) {
  const auto r = byte(csi, at), g = byte(csi, at + 1), b = byte(csi, at + 2);
  if (!r || !g || !b) return std::nullopt;
  return Color::rgb(*r, *g, *b);
}

// 38 or 48 at `at`; moves `at` to the last parameter that belongs to it.
std::optional<Color> extended_color(const Csi& csi, size_t& at) {
  size_t end = at + 1;
  while (csi.is_sub(end)) ++end;
  const bool colons = end > at + 1;
  const size_t kind = at + 1, count = end - kind;
  switch (csi.value(kind, 0)) {
    case 5: {
      at = colons ? end - 1 : at + 2;
      const auto index = byte(csi, kind + 1);
      if (!index) return std::nullopt;
      return Color::indexed(*index);
    }
    case 2:
      at = colons ? end - 1 : at + 4;
      // ITU-T T.416 has a colour space before the red; many programs leave it out.
      if (colons && count < 4) return std::nullopt;
      return rgb(csi, colons && count > 4 ? kind + 2 : kind + 1);
    default:
      at = colons ? end - 1 : at + 1;
      return std::nullopt;
  }
}

void set(Style& style, uint8_t attributes, bool on = true) {
  style.attributes =
      static_cast<uint8_t>(on ? style.attributes | attributes : style.attributes & ~attributes);
}

void set_color(int code, Style& style) {
  if (code >= 30 && code <= 37) style.foreground = Color::indexed(static_cast<uint8_t>(code - 30));
  if (code >= 40 && code <= 47) style.background = Color::indexed(static_cast<uint8_t>(code - 40));
  if (code >= 90 && code <= 97) style.foreground = Color::indexed(static_cast<uint8_t>(code - 82));
  if (code >= 100 && code <= 107)
    style.background = Color::indexed(static_cast<uint8_t>(code - 92));
}

void apply(int code, Style& style) {
  switch (code) {
    case 0:
      style = {};
      return;
    case 1:
      return set(style, kBold);
    case 2:
      return set(style, kDim);
    case 3:
      return set(style, kItalic);
    case 4:
      style.underline = Underline::kSingle;
      return;
    case 5:
    case 6:
      return set(style, kBlink);
    case 7:
      return set(style, kInverse);
    case 8:
      return set(style, kConceal);
    case 9:
      return set(style, kStrike);
    case 21:
      style.underline = Underline::kDouble;
      return;
    case 22:
      return set(style, kBold | kDim, false);
    case 23:
      return set(style, kItalic, false);
    case 24:
      style.underline = Underline::kNone;
      return;
    case 25:
      return set(style, kBlink, false);
    case 27:
      return set(style, kInverse, false);
    case 28:
      return set(style, kConceal, false);
    case 29:
      return set(style, kStrike, false);
    case 39:
      style.foreground = {};
      return;
    case 49:
      style.background = {};
      return;
    case 53:
      return set(style, kOverline);
    case 55:
      return set(style, kOverline, false);
    default:
      return set_color(code, style);
  }
}

// `first` is the code of colour 0: 30 or 40. Codes of the first 16 are known to terminals of 16.
void append_color(const Color& color, int first, std::string& out) {
  if (color.is_default()) return;
  const std::string extended = std::to_string(first + 8);
  if (color.is_indexed() && color.index() < 8) {
    out += ';' + std::to_string(first + color.index());
  } else if (color.is_indexed() && color.index() < 16) {
    out += ';' + std::to_string(first + 60 + color.index() - 8);
  } else if (color.is_indexed()) {
    out += ';' + extended + ";5;" + std::to_string(color.index());
  } else {
    out += ';' + extended + ";2;" + std::to_string(color.red()) + ';' +
           std::to_string(color.green()) + ';' + std::to_string(color.blue());
  }
}

}  // namespace

void apply_sgr(const Csi& csi, Style& style) {
  if (csi.count == 0) style = {};
  for (size_t i = 0; i < csi.count; ++i) {
    if (csi.is_sub(i)) continue;  // of a code that has none, or whose own are not understood
    const int code = csi.value(i, 0);
    if (code == 38 || code == 48 || code == 58) {
      const auto color = extended_color(csi, i);
      if (color && code == 38) style.foreground = *color;
      if (color && code == 48) style.background = *color;
    } else if (code == 4 && csi.is_sub(i + 1)) {
      const int kind = csi.value(i + 1, 0);
      if (kind <= static_cast<int>(Underline::kDashed))
        style.underline = static_cast<Underline>(kind);
    } else {
      apply(code, style);
    }
  }
}

void append_sgr(const Style& style, std::string& out) {
  static constexpr struct {
    Attribute attribute;
    const char* code;
  } kCodes[] = {{kBold, ";1"},    {kDim, ";2"},     {kItalic, ";3"}, {kBlink, ";5"},
                {kInverse, ";7"}, {kConceal, ";8"}, {kStrike, ";9"}, {kOverline, ";53"}};
  static constexpr const char* kUnderlines[] = {"", ";4", ";21", ";4:3", ";4:4", ";4:5"};
  out += "\x1b[0";
  for (const auto& [attribute, code] : kCodes) {
    if (style.is(attribute)) out += code;
  }
  out += kUnderlines[static_cast<size_t>(style.underline)];
  append_color(style.foreground, 30, out);
  append_color(style.background, 40, out);
  out += 'm';
}

}  // namespace stele::terminal
