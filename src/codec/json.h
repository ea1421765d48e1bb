// JSON (RFC 8259) as it is written for --json and asciicast: always valid, and harmless on a
// terminal.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"

namespace stele::codec {

/// Appends one value to a string it does not own. Puts commas and colons where they belong; that
/// what was begun is ended, and that each key has its value, is the caller's.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  /// Text; what is not UTF-8 in it is replaced by U+FFFD. Where the very bytes count, write them
  /// with base64() as well.
  JsonWriter& text(std::string_view text);
  JsonWriter& base64(ByteSpan bytes);
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  JsonWriter& number(T value) {
    return word(std::to_string(value));
  }
  /// Seconds with all six decimals: exact.
  JsonWriter& seconds(Micros time);
  JsonWriter& boolean(bool value) { return word(value ? "true" : "false"); }
  JsonWriter& null() { return word("null"); }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  JsonWriter& word(std::string_view word);
  void separate();
  void quote(std::string_view utf8);

  std::string& out_;
  bool is_first_ = true, is_value_ = false;
};

}  // namespace stele::codec
