#include "codec/json.h"

#include "base/hex.h"
#include "codec/utf8.h"

namespace stele::codec {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

// What stands for a byte that may not stand for itself, or nothing.
std::string_view short_escape(char c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return {};
  }
}

void append_escaped(uint8_t control, std::string& out) {
  if (const std::string_view escape = short_escape(static_cast<char>(control)); !escape.empty()) {
    out += escape;
    return;
  }
  out += "\\u00";
  out += kDigits[control >> 4];
  out += kDigits[control & 15];
}

// U+0080 to U+009F are c2 80 to c2 9f: some terminals take them for the beginning of a sequence, as
// they do ESC.
bool is_high_control(std::string_view utf8, size_t at) {
  return utf8[at] == '\xc2' && static_cast<uint8_t>(utf8[at + 1]) < 0xa0;
}

bool stands_for_itself(char c) {
  return static_cast<uint8_t>(c) >= 0x20 && c != '"' && c != '\\' && c != '\x7f' && c != '\xc2';
}

}  // namespace

void JsonWriter::separate() {
  if (!is_first_ && !is_value_) out_ += ',';
  is_first_ = is_value_ = false;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  out_ += bracket;
  is_first_ = true;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  out_ += bracket;
  is_first_ = false;
  return *this;
}

JsonWriter& JsonWriter::word(std::string_view word) {
  separate();
  out_ += word;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  text(name);
  out_ += ':';
  is_value_ = true;
  return *this;
}

JsonWriter& JsonWriter::text(std::string_view text) {
  separate();
  if (is_utf8(text)) {
    quote(text);
  } else {
    quote(to_utf8(text));
  }
  return *this;
}

JsonWriter& JsonWriter::base64(ByteSpan bytes) {
  separate();
  quote(to_base64(bytes));
  return *this;
}

JsonWriter& JsonWriter::seconds(Micros time) {
  const auto us = static_cast<uint64_t>(time.count());
  const uint64_t size = time.count() < 0 ? 0 - us : us;
  const std::string decimals = std::to_string(size % 1'000'000);
  return word((time.count() < 0 ? "-" : "") + std::to_string(size / 1'000'000) + "." +
              std::string(6 - decimals.size(), '0') + decimals);
}

void JsonWriter::quote(std::string_view utf8) {
  out_ += '"';
  for (size_t i = 0; i < utf8.size();) {
    size_t plain = i;
    while (plain < utf8.size() && stands_for_itself(utf8[plain])) ++plain;
    out_.append(utf8.substr(i, plain - i));
    i = plain;
    if (i == utf8.size()) break;
    if (utf8[i] != '\xc2') {
      append_escaped(static_cast<uint8_t>(utf8[i]), out_);
      ++i;
    } else if (is_high_control(utf8, i)) {
      append_escaped(static_cast<uint8_t>(utf8[i + 1]), out_);
      i += 2;
    } else {
      out_.append(utf8.substr(i, 2));
      i += 2;
    }
  }
  out_ += '"';
}

}  // namespace stele::codec
