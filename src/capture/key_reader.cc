#include "capture/key_reader.h"

#include <algorithm>

namespace stele::capture {
namespace {

size_t utf8_size(uint8_t first) {
  if (first >= 0xF0 && first < 0xF8) return 4;
  if (first >= 0xE0) return 3;
  return first >= 0xC0 ? 2 : 1;
}

/// A broken sequence is a text key of its first byte: what it shows as is nobody's to say.
Key text_key(ByteSpan bytes) {
  const size_t size = utf8_size(bytes[0]);
  if (size == 1 || size > bytes.size()) return {.size = 1, .text = bytes[0]};
  char32_t c = bytes[0] & (0xFFU >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if ((bytes[i] & 0xC0) != 0x80) return {.size = 1, .text = bytes[0]};
    c = c << 6 | (bytes[i] & 0x3F);
  }
  return {.size = size, .text = c};
}

}  // namespace

bool ends_line(uint8_t byte) {
  constexpr uint8_t kEnders[] = {'\r', '\n', 0x03, 0x04, 0x1A, 0x1C};
  return std::find(std::begin(kEnders), std::end(kEnders), byte) != std::end(kEnders);
}

std::vector<Key> KeyReader::read(ByteSpan bytes) {
  std::vector<Key> keys;
  for (size_t at = 0; at < bytes.size(); at += keys.back().size) {
    const uint8_t byte = bytes[at];
    const bool is_text = state_ == State::kGround && byte >= 0x20 && byte != 0x7F;
    keys.push_back(is_text ? text_key(bytes.subspan(at)) : control(byte));
  }
  // A lone ESC is a key; the next one typed is another.
  if (state_ == State::kEscape) state_ = State::kGround;
  return keys;
}

Key KeyReader::control(uint8_t byte) {
  Key key{.size = 1};
  if (byte == 0x1B) {
    state_ = State::kEscape;
  } else if (byte < 0x20 || byte == 0x7F) {
    state_ = State::kGround;
    key.ends_line = ends_line(byte);
    key.erases = byte == 0x08 || byte == 0x7F;
    key.kills = byte == 0x15;
  } else if (state_ == State::kEscape) {
    state_ = byte == '[' || byte == 'O' ? State::kSequence : State::kGround;
  } else if (byte >= 0x40) {
    state_ = State::kGround;
  }
  return key;
}

}  // namespace stele::capture
