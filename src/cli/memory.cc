#include "cli/memory.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/hex.h"
#include "crypto/sha256.h"

namespace stele::cli {
namespace {

constexpr std::string_view kFirstLine = "stele-memory-v1";
constexpr std::string_view kNone = "-";
constexpr size_t kMemoryBytesMax = size_t{4} << 20;

// Origins hold '/' and whatever else: the file is named by hash, the origin stands inside.
std::string path_of(const std::string& directory, const std::string& origin) {
  return directory + "/" + to_hex(crypto::sha256(as_bytes(origin))).substr(0, 32);
}

}  // namespace

std::string memory_directory() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state != '\0')
    return std::string(state) + "/stele";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    return std::string(home) + "/.local/state/stele";
  return {};
}

std::string encode(const ledger::Remembered& what) {
  std::string text(kFirstLine);
  text += "\n" + what.log_vkey + "\n" + std::to_string(what.size) + "\n" + to_base64(what.root) +
          "\n" + (what.policy_vkey.empty() ? std::string(kNone) : what.policy_vkey) + "\n";
  for (const std::string& host : what.host_vkeys) text += host + "\n";
  return text;
}

Result<ledger::Remembered> parse_memory(std::string_view text) {
  const std::string_view whole = text;
  std::vector<std::string_view> lines;
  for (size_t end; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1))
    lines.push_back(text.substr(0, end));
  if (lines.size() < 5 || lines[0] != kFirstLine)
    return fail(Code::kCorrupt, "not a memory of checkpoints");
  ledger::Remembered what;
  what.log_vkey = lines[1];
  std::from_chars(lines[2].data(), lines[2].data() + lines[2].size(), what.size);
  TRY(const Bytes root, from_base64(lines[3]));
  if (root.size() != what.root.size()) return fail(Code::kCorrupt, "not a root");
  std::copy(root.begin(), root.end(), what.root.begin());
  if (lines[4] != kNone) what.policy_vkey = lines[4];
  what.host_vkeys.assign(lines.begin() + 5, lines.end());
  if (encode(what) != whole) return fail(Code::kCorrupt, "malformed");
  return what;
}

Result<std::optional<ledger::Remembered>> recall(os::FileSystem& files,
                                                 const std::string& directory,
                                                 const std::string& origin) {
  if (directory.empty()) return std::nullopt;
  const std::string path = path_of(directory, origin);
  auto text = files.read(path, kMemoryBytesMax);
  if (!text && text.error().code == Code::kNotFound) return std::nullopt;
  if (!text) return fail(std::move(text).error());
  auto what = parse_memory(as_text(*text));
  if (!what) return fail(std::move(what).error().within(path));
  return *what;
}

Status remember(os::FileSystem& files, const std::string& directory, const std::string& origin,
                const ledger::Remembered& what) {
  if (directory.empty()) return {};
  TRY_VOID(files.make_directories(directory));
  return files.replace(path_of(directory, origin), as_bytes(encode(what)));
}

}  // namespace stele::cli
