// One place on the screen: a character with its marks, its width and its looks.
#pragma once

#include <cstdint>
#include <string>

namespace stele::terminal {

/// The terminal's default, one of its 256 colours, or 24 bits of RGB.
class Color {
 public:
  constexpr Color() = default;
  static constexpr Color indexed(uint8_t index) { return Color(kIndexed | index); }
  static constexpr Color rgb(uint8_t r, uint8_t g, uint8_t b) {
    return Color(kRgb | static_cast<uint32_t>(r) << 16 | static_cast<uint32_t>(g) << 8 | b);
  }

  bool is_default() const { return value_ == 0; }
  bool is_indexed() const { return (value_ & kKind) == kIndexed; }
  uint8_t index() const { return static_cast<uint8_t>(value_); }
  uint8_t red() const { return static_cast<uint8_t>(value_ >> 16); }
  uint8_t green() const { return static_cast<uint8_t>(value_ >> 8); }
  uint8_t blue() const { return static_cast<uint8_t>(value_); }
  bool operator==(const Color&) const = default;

 private:
  static constexpr uint32_t kKind = 0xff000000, kIndexed = 0x01000000, kRgb = 0x02000000;
  explicit constexpr Color(uint32_t value) : value_(value) {}
  uint32_t value_ = 0;
};

/// Bits of Style::attributes.
enum Attribute : uint8_t {
  kBold = 1,
  kDim = 2,
  kItalic = 4,
  kBlink = 8,
  kInverse = 16,
  kConceal = 32,
  kStrike = 64,
  kOverline = 128,
};

/// As the sub-parameter of SGR 4 counts them.
enum class Underline : uint8_t { kNone, kSingle, kDouble, kCurly, kDotted, kDashed };

/// What SGR sets (the colour of an underline is not kept).
struct Style {
  Color foreground, background;
  uint8_t attributes = 0;
  Underline underline = Underline::kNone;

  bool is(Attribute a) const { return (attributes & a) != 0; }
  bool operator==(const Style&) const = default;
};

/// Invariants: base is a character that takes columns (never a control); a cell of width 2 is
/// followed in its line by one of width 0, its right half, which has the same style, a blank base
/// and no marks; no other cell has width 0.
struct Cell {
  static constexpr size_t kMarksMax = 3;  // further combining characters are forgotten

  char32_t base : 24 = U' ';
  uint8_t width : 8 = 1;
  Style style;
  uint64_t marks = 0;  // 21 bits each, the first lowest; 0: none

  void add_mark(char32_t mark) {
    for (size_t shift = 0; shift < kMarksMax * 21; shift += 21) {
      if ((marks >> shift & 0x1fffff) == 0) {
        marks |= static_cast<uint64_t>(mark) << shift;
        return;
      }
    }
  }
  /// Nothing to see but, perhaps, the style.
  bool is_blank() const { return base == U' ' && marks == 0 && width == 1; }
  /// Keeps the style.
  void make_blank() {
    base = U' ';
    width = 1;
    marks = 0;
  }
  void set_base(char32_t c) { base = c & 0xffffff; }
  bool operator==(const Cell&) const = default;
};
static_assert(sizeof(Cell) == 24);  // Screen states its memory by this

/// Appends the cell's characters as UTF-8 (nothing for a right half).
void append_text(const Cell& cell, std::string& out);

}  // namespace stele::terminal
