#include "codec/utf8.h"

#include <algorithm>

namespace stele::codec {
namespace {

// RFC 3629 §4: how long a character is by its first byte (0: none begins so), and what its second
// byte may be.
struct Lead {
  size_t size = 0;
  uint8_t second_min = 0x80, second_max = 0xbf;
};
constexpr Lead lead(uint8_t first) {
  if (first < 0x80) return {1};
  if (first < 0xc2 || first > 0xf4) return {};
  switch (first) {
    case 0xe0:
      return {3, 0xa0, 0xbf};  // no longer form than needed
    case 0xed:
      return {3, 0x80, 0x9f};  // no surrogates
    case 0xf0:
      return {4, 0x90, 0xbf};
    case 0xf4:
      return {4, 0x80, 0x8f};  // nothing above U+10FFFF
    default:
      return {first < 0xe0 ? size_t{2} : first < 0xf0 ? size_t{3} : size_t{4}};
  }
}

// What a text begins with: `there` bytes, 1 or more, that are a character, the beginning of one, or
// neither.
struct Run {
  size_t there = 1, wanted = 0;
  bool is_character() const { return there == wanted; }
};
Run run_at(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const Lead l = lead(byte(0));
  Run run{1, l.size};
  if (l.size > 1 && text.size() > 1 && byte(1) >= l.second_min && byte(1) <= l.second_max) {
    run.there = 2;
    while (run.there < std::min(l.size, text.size()) && (byte(run.there) & 0xc0) == 0x80)
      ++run.there;
  }
  return run;
}

size_t ascii_prefix(std::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  size_t i = 0;
  for (uint64_t eight = 0; i + sizeof eight <= text.size(); i += sizeof eight) {
    std::memcpy(&eight, text.data() + i, sizeof eight);
    if ((eight & kHighBits) != 0) break;
  }
  while (i < text.size() && static_cast<uint8_t>(text[i]) < 0x80) ++i;
  return i;
}

size_t valid_prefix(std::string_view text) {
  size_t valid = 0;
  for (;;) {
    valid += ascii_prefix(text.substr(valid));
    if (valid == text.size()) return valid;
    const Run run = run_at(text.substr(valid));
    if (!run.is_character()) return valid;
    valid += run.there;
  }
}

}  // namespace

size_t utf8_sequence(std::string_view text) {
  if (text.empty()) return 0;
  const Run run = run_at(text);
  return run.is_character() ? run.there : 0;
}

bool is_utf8(std::string_view text) { return valid_prefix(text) == text.size(); }

std::string to_utf8(std::string_view text) {
  std::string out;
  Utf8Decoder decoder;
  decoder.decode(as_bytes(text), out);
  decoder.finish(out);
  return out;
}

// Goes on with the partial character; returns how many bytes of `text` that took.
size_t Utf8Decoder::complete(std::string_view text, std::string& out) {
  size_t taken = 0;
  while (taken < text.size()) {
    partial_[partial_size_] = text[taken];
    const std::string_view longer(partial_.data(), partial_size_ + 1);
    const Run run = run_at(longer);
    if (run.there < longer.size()) {  // this byte is not its next: it begins something of its own
      finish(out);
      return taken;
    }
    ++taken;
    ++partial_size_;
    if (run.is_character()) {
      out.append(longer);
      partial_size_ = 0;
      return taken;
    }
  }
  return taken;
}

void Utf8Decoder::decode(ByteSpan bytes, std::string& out) {
  std::string_view text = as_text(bytes);
  if (has_partial()) text.remove_prefix(complete(text, out));
  while (!text.empty()) {
    const size_t valid = valid_prefix(text);
    out.append(text.substr(0, valid));
    text.remove_prefix(valid);
    if (text.empty()) return;
    const Run run = run_at(text);
    if (run.there == text.size() && run.wanted > run.there) {
      partial_size_ = text.copy(partial_.data(), run.there);
      return;
    }
    out.append(kReplacement);
    text.remove_prefix(run.there);
  }
}

void Utf8Decoder::finish(std::string& out) {
  if (has_partial()) out.append(kReplacement);
  partial_size_ = 0;
}

void append_utf8(char32_t c, std::string& out) {
  const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  const auto tail = [&](int shift) { put(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    tail(0);
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    tail(6);
    tail(0);
  } else {
    put(0xf0 | c >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace stele::codec
