#include "crypto/age_header.h"

#include <algorithm>

#include "base/hex.h"

namespace stele::crypto {
namespace {

constexpr std::string_view kVersionLine = "age-encryption.org/v1";
constexpr std::string_view kAnyVersion = "age-encryption.org/";
constexpr std::string_view kArmor = "-----BEGIN AGE ENCRYPTED FILE-----";
constexpr std::string_view kStanzaStart = "-> ";
constexpr std::string_view kMacMark = "---";  // the MAC covers it, and not the space behind it
constexpr std::string_view kMacStart = "--- ";
constexpr size_t kColumns = 64;

bool is_visible(char c) { return c >= '!' && c <= '~'; }

Error corrupt(std::string_view what) {
  return {Code::kCorrupt, "age header: " + std::string(what)};
}

/// Takes lines off the front of a file, as far as a header may reach.
class Lines {
 public:
  explicit Lines(std::string_view file) : file_(file) {}

  Result<std::string_view> take() {
    const std::string_view rest = file_.substr(taken_, kAgeHeaderBytesMax - taken_);
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) {
      if (file_.size() > kAgeHeaderBytesMax) return fail(Code::kLimit, "age header over 64 KiB");
      return fail(corrupt("cut short"));
    }
    taken_ += end + 1;
    return rest.substr(0, end);
  }
  size_t taken() const { return taken_; }

 private:
  std::string_view file_;
  size_t taken_ = 0;
};

Status check_version(std::string_view line) {
  if (line == kVersionLine) return {};
  const bool other_version = line.starts_with(kAnyVersion) && line.size() > kAnyVersion.size() &&
                             std::all_of(line.begin(), line.end(), is_visible);
  return other_version ? fail(Code::kUnsupported, "age header: another version than v1")
                       : fail(corrupt("does not begin with a version line"));
}

/// argument *(SP argument), each of visible characters.
Result<std::vector<std::string>> parse_arguments(std::string_view text) {
  std::vector<std::string> arguments;
  while (true) {
    const size_t end = text.find(' ');
    const std::string_view argument = text.substr(0, end);
    if (argument.empty() || !std::all_of(argument.begin(), argument.end(), is_visible)) {
      return fail(corrupt("an empty or unprintable stanza argument"));
    }
    arguments.emplace_back(argument);
    if (end == std::string_view::npos) return arguments;
    text.remove_prefix(end + 1);
  }
}

/// Full lines of 64 columns, then a shorter one, which may be empty.
Result<Bytes> parse_body(Lines& lines) {
  Bytes body;
  while (true) {
    TRY(const std::string_view line, lines.take());
    if (line.size() > kColumns) return fail(corrupt("a stanza body line over 64 columns"));
    auto bytes = from_base64(line, Padding::kForbidden);
    if (!bytes) return fail(corrupt("a stanza body that is not canonical base64"));
    body.insert(body.end(), bytes->begin(), bytes->end());
    if (line.size() < kColumns) return body;
  }
}

Result<Hash> parse_mac(std::string_view line) {
  auto bytes = from_base64(line.substr(kMacStart.size()), Padding::kForbidden);
  Hash mac;
  if (!bytes || bytes->size() != mac.size()) {
    return fail(corrupt("a MAC that is not 32 bytes of canonical base64"));
  }
  std::copy(bytes->begin(), bytes->end(), mac.begin());
  return mac;
}

bool is_armored(std::string_view file) {
  const size_t start = file.substr(0, kAgeHeaderBytesMax).find_first_not_of(" \t\r\n");
  return start != std::string_view::npos && file.substr(start).starts_with(kArmor);
}

}  // namespace

Result<AgeFile> parse_age_file(ByteSpan file) {
  if (is_armored(as_text(file))) return fail(Code::kUnsupported, "age file: ASCII armor");
  Lines lines(as_text(file));
  TRY(const std::string_view version, lines.take());
  TRY_VOID(check_version(version));
  AgeFile parsed;
  while (true) {
    const size_t line_start = lines.taken();
    TRY(const std::string_view line, lines.take());
    if (line.starts_with(kStanzaStart)) {
      TRY(auto arguments, parse_arguments(line.substr(kStanzaStart.size())));
      TRY(Bytes body, parse_body(lines));
      parsed.stanzas.push_back({std::move(arguments), std::move(body)});
    } else if (line.starts_with(kMacStart) && !parsed.stanzas.empty()) {
      TRY(parsed.mac, parse_mac(line));
      parsed.authenticated = file.first(line_start + kMacMark.size());
      break;
    } else {
      return fail(corrupt("a line that begins neither a stanza nor the MAC"));
    }
  }
  ByteReader payload(file.subspan(lines.taken()));
  parsed.nonce = payload.array<16>();
  if (!payload.ok()) return fail(corrupt("the file ends before the payload's nonce does"));
  parsed.chunks = payload.rest();
  return parsed;
}

std::string encode_age_stanzas(const std::vector<AgeStanza>& stanzas) {
  std::string out(kVersionLine);
  for (const AgeStanza& stanza : stanzas) {
    out += "\n->";
    for (const std::string& argument : stanza.arguments) out += ' ' + argument;
    const std::string body = to_base64(stanza.body, Padding::kForbidden);
    // One line too many for a body that fills its last line: the empty one that ends it.
    for (size_t at = 0; at <= body.size(); at += kColumns) out += '\n' + body.substr(at, kColumns);
  }
  return out + '\n' + std::string(kMacMark);
}

std::string encode_age_mac(const Hash& mac) {
  return ' ' + to_base64(mac, Padding::kForbidden) + '\n';
}

}  // namespace stele::crypto
