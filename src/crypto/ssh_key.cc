#include "crypto/ssh_key.h"

#include <algorithm>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "crypto/ssh_signature.h"

namespace stele::crypto {
namespace {

constexpr std::string_view kBlank = " \t\r";

/// The words of a line; a blank within double quotes parts none (options may have them).
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (size_t at = 0; at < line.size() && words.size() < 8;) {
    at = line.find_first_not_of(kBlank, at);
    if (at == line.npos) break;
    bool is_quoted = false;
    size_t end = at;
    for (; end < line.size(); ++end) {
      if (line[end] == '"' && (end == at || line[end - 1] != '\\')) is_quoted = !is_quoted;
      if (!is_quoted && kBlank.find(line[end]) != kBlank.npos) break;
    }
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

bool is_key_type(std::string_view word) {
  constexpr std::string_view kCertificate = "-cert-v01@openssh.com";
  if (!word.ends_with(kCertificate)) return ssh_key_fields(word).has_value();
  std::string plain(word.substr(0, word.size() - kCertificate.size()));
  if (plain.starts_with("sk-")) plain += "@openssh.com";
  return ssh_key_fields(plain).has_value();
}

}  // namespace

ByteSpan take_ssh_string(ByteReader& in) { return in.bytes(in.u32()); }

std::string ssh_fingerprint(ByteSpan key_blob) {
  return "SHA256:" + to_base64(sha256(key_blob), Padding::kForbidden);
}

std::optional<size_t> ssh_key_fields(std::string_view type) {
  if (type == "ssh-ed25519") return 1;
  if (type == "ssh-rsa") return 2;
  if (type == "sk-ssh-ed25519@openssh.com") return 2;
  if (type == "sk-ecdsa-sha2-nistp256@openssh.com") return 3;
  for (const char* curve : {"nistp256", "nistp384", "nistp521"}) {
    if (type == std::string("ecdsa-sha2-") + curve) return 2;
  }
  return std::nullopt;
}

Result<Bytes> parse_ssh_key_line(std::string_view line) {
  const auto words = words_of(line);
  const auto type = std::find_if(words.begin(), words.end(), is_key_type);
  if (type == words.end() || type + 1 == words.end())
    return fail(Code::kCorrupt, "not a line with an SSH key");
  if (type[1].size() > kSshBlobBytesMax * 4 / 3 + 4) return fail(Code::kLimit, "an SSH key");
  auto blob = from_base64(type[1]);
  if (!blob) return fail(Code::kCorrupt, "an SSH key that is not base64");
  ByteReader in(*blob);
  if (as_text(take_ssh_string(in)) != *type)
    return fail(Code::kCorrupt, "an SSH key of another type than its line says");
  return blob;
}

Result<std::vector<Bytes>> parse_ssh_authorities(std::string_view text) {
  std::vector<Bytes> keys;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t first = line.find_first_not_of(" \t\r");
    if (first == line.npos || line[first] == '#') continue;
    auto blob = parse_ssh_key_line(line);
    const Status usable = blob ? check_ssh_signer(*blob) : Status(fail(blob.error()));
    if (!usable)
      return fail(Code::kInvalid,
                  "line " + std::to_string(number) + ": " + usable.error().message());
    if (keys.size() == kSshAuthoritiesMax) return fail(Code::kLimit, "over 256 authorities");
    keys.push_back(*std::move(blob));
  }
  return keys;
}

}  // namespace stele::crypto
