// The control sequences a Parser reports, as values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stele::terminal {

/// ESC, up to two intermediates (20–2F), a final byte (30–7E).
struct Escape {
  std::array<uint8_t, 2> intermediates{};
  size_t intermediate_count = 0;
  uint8_t final = 0;

  /// Has exactly these intermediates and this final byte: is("(", '0'), is("", '7').
  bool is(std::string_view wanted, char wanted_final) const {
    return final == static_cast<uint8_t>(wanted_final) && has_intermediates(wanted);
  }
  bool has_intermediates(std::string_view wanted) const {
    return intermediate_count == wanted.size() &&
           (wanted.empty() || intermediates[0] == static_cast<uint8_t>(wanted[0])) &&
           (wanted.size() < 2 || intermediates[1] == static_cast<uint8_t>(wanted[1]));
  }
};

/// CSI, a private prefix (one of < = > ?, or 0), parameters, intermediates, a final byte (40–7E).
/// ECMA-48 §5.4.
struct Csi : Escape {
  static constexpr size_t kParametersMax = 32;  // more are read and forgotten, as VT500 does
  static constexpr int kValueMax = 65535;       // larger values become this
  static constexpr int kOmitted = -1;

  uint8_t prefix = 0;
  size_t count = 0;                        // of parameters, sub-parameters included
  std::array<int, kParametersMax> values;  // the first `count`; kOmitted: left empty
  uint32_t colons = 0;  // bit i: parameter i follows a ':', so it is a sub-parameter

  bool is_sub(size_t i) const { return i < count && (colons >> i & 1U) != 0; }
  int value(size_t i, int otherwise) const {
    return i < count && values[i] != kOmitted ? values[i] : otherwise;
  }
  /// A count of rows, columns or repetitions: omitted and 0 both mean 1.
  size_t repeat(size_t i = 0) const {
    const int v = value(i, 1);
    return v == 0 ? 1 : static_cast<size_t>(v);
  }
};

}  // namespace stele::terminal
