#include "server/posture.h"

#include <algorithm>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "receipt/text.h"
#include "server/people.h"
#include "server/registry.h"

namespace stele::server {
namespace {

constexpr std::string_view kPostureFile = "stele-posture-v1";
constexpr size_t kFileBytesMax = size_t{64} << 10, kPostureBytesMax = size_t{32} << 20,
                 kTokenNameDigits = 64, kTokenShownDigits = 8;

std::string path(const ledger::Layout& layout) { return layout.state() + "/posture"; }

std::string text_of(const std::optional<WallTime>& time) {
  return time ? std::to_string(micros(*time)) : "-";
}

Status add_file(os::FileSystem& files, const std::string& file, const std::string& name,
                Lines& lines) {
  const auto bytes = files.read(file, kFileBytesMax);
  if (!bytes && bytes.error().code == Code::kNotFound) return {};
  if (!bytes) return fail(bytes.error());
  lines.push_back(name + " " + to_hex(crypto::sha256(*bytes)));
  return {};
}

void add(const Host& host, Lines& lines) {
  lines.push_back("host " + host.name + " key=" + host.key.to_string() +
                  " machine=" + to_hex(host.machine) + " enrolled=" + text_of(host.enrolled) +
                  " revoked=" + text_of(host.revoked));
}

void add(const Person& person, Lines& lines) {
  lines.push_back("person " + person.name + " roles=" + encode(person.roles) +
                  " created=" + text_of(person.created) + " disabled=" + text_of(person.disabled));
  for (const ApiToken& token : person.tokens) {
    lines.push_back("api-token " + person.name + " " + token.id() +
                    " expires=" + text_of(token.expires) + " revoked=" + text_of(token.revoked));
  }
}

Status add_tokens(os::FileSystem& files, const std::string& folder, Lines& lines) {
  const auto names = files.list(folder);
  if (!names && names.error().code == Code::kNotFound) return {};
  if (!names) return fail(names.error());
  for (const std::string& name : *names) {
    if (name.size() == kTokenNameDigits)
      lines.push_back("token " + name.substr(0, kTokenShownDigits));
  }
  return {};
}

}  // namespace

Result<Lines> read_posture(os::FileSystem& files, const ledger::Layout& layout,
                           const std::string& server) {
  Lines lines = {"server " + server};
  TRY_VOID(add_file(files, layout.log_vkey(), "key log.vkey", lines));
  TRY_VOID(add_file(files, layout.policy_vkey(), "key policy.vkey", lines));
  TRY_VOID(
      add_file(files, layout.directory + "/tls-authority.pem", "key tls-authority.pem", lines));
  TRY_VOID(add_file(files, layout.recipients(), "recipients", lines));
  TRY_VOID(add_file(files, layout.policy(), "policy", lines));
  TRY_VOID(add_file(files, layout.predecessor(), "predecessor", lines));
  TRY(const auto hosts, all_hosts(files, layout));
  for (const Host& host : hosts) add(host, lines);
  TRY(const auto people, all_people(files, layout));
  for (const Person& person : people) add(person, lines);
  TRY_VOID(add_tokens(files, layout.directory + "/tokens", lines));
  std::sort(lines.begin(), lines.end());
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  return lines;
}

Lines changes(const Lines& before, const Lines& after) {
  Lines out;
  auto b = before.begin();
  auto a = after.begin();
  while (b != before.end() || a != after.end()) {
    if (a == after.end() || (b != before.end() && *b < *a)) {
      out.push_back("- " + *b++);
    } else if (b == before.end() || *a < *b) {
      out.push_back("+ " + *a++);
    } else {
      ++a, ++b;
    }
  }
  return out;
}

std::string encode_posture(const Lines& lines) {
  std::string text(kPostureFile);
  text += '\n';
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

Result<Lines> parse_posture(std::string_view text) {
  TRY(const std::string_view first, receipt::take_line(text));
  if (first != kPostureFile) return fail(Code::kCorrupt, "not a " + std::string(kPostureFile));
  Lines lines;
  while (!text.empty()) {
    TRY(const std::string_view line, receipt::take_line(text));
    if (!lines.empty() && lines.back() >= line)
      return fail(Code::kCorrupt, "posture: lines out of order");
    lines.emplace_back(line);
  }
  return lines;
}

Result<Lines> load_posture(os::FileSystem& files, const ledger::Layout& layout) {
  const auto text = files.read(path(layout), kPostureBytesMax);
  if (!text && text.error().code == Code::kNotFound) return Lines();
  if (!text) return fail(text.error());
  auto lines = parse_posture(as_text(*text));
  if (!lines) return fail(std::move(lines).error().within(path(layout)));
  return lines;
}

Status store_posture(os::FileSystem& files, const ledger::Layout& layout, const Lines& lines) {
  return files.replace(path(layout), as_bytes(encode_posture(lines)));
}

}  // namespace stele::server
