// Typed bytes, told apart as keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace stele::capture {

struct Key {
  size_t size = 0;         // bytes
  char32_t text = 0;       // the character it stands for; 0: a control key or part of a sequence
  bool ends_line = false;  // Enter, or a key that ends the entry otherwise: ^C ^D ^Z ^\.
  bool erases = false;     // Backspace: the last character
  bool kills = false;      // ^U: the whole line
};

/// Splits what a terminal sends in raw mode: UTF-8 text, control characters, and the escape
/// sequences of function keys and pastes (ECMA-48 §5.4), which may continue in the next call.
class KeyReader {
 public:
  /// The keys of `bytes`, in order; their sizes add up to bytes.size().
  std::vector<Key> read(ByteSpan bytes);

 private:
  enum class State { kGround, kEscape, kSequence };
  Key control(uint8_t byte);

  State state_ = State::kGround;
};

/// Whether a byte sent to a canonical terminal ends a line or the entry.
bool ends_line(uint8_t byte);

}  // namespace stele::capture
