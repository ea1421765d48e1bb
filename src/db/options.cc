#include <algorithm>

#include "db/postgres.h"
#include "os/trusted_file.h"

namespace stele::db {
namespace {

constexpr size_t kOptionsBytesMax = size_t{64} << 10;
constexpr std::string_view kSpace = " \t\r";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool is_keyword(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || c == '_';
  });
}

}  // namespace

Result<PostgresOptions> PostgresOptions::parse(std::string_view text,
                                               const std::string& file_name) {
  PostgresOptions options;
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view whole = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(whole.size() + 1, text.size()));
    const std::string_view line = trimmed(whole);
    if (line.empty() || line.front() == '#') continue;
    const auto wrong = [&](std::string_view what) {
      return fail(Code::kInvalid,
                  file_name + ":" + std::to_string(number) + ": " + std::string(what));
    };
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) return wrong("no `keyword = value`");
    const std::string keyword(trimmed(line.substr(0, equals)));
    const std::string_view value = trimmed(line.substr(equals + 1));
    if (!is_keyword(keyword)) return wrong("no keyword before the =");
    if (value.find('\0') != std::string_view::npos) return wrong(keyword + ": has a zero byte");
    if (!options.keywords.emplace(keyword, value).second) return wrong(keyword + ": a second time");
  }
  return options;
}

Result<PostgresOptions> PostgresOptions::load(const std::string& path) {
  TRY(const std::string text, os::read_secret_file(path, kOptionsBytesMax));
  return parse(text, path);
}

}  // namespace stele::db
