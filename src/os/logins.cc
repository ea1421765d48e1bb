#include "os/logins.h"

#include <fcntl.h>
#include <unistd.h>
#include <utmpx.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "os/error.h"
#include "os/fd.h"

namespace stele::os {
namespace {

constexpr size_t kLoginsMax = 4096;

// A field that is full is not ended by a 0.
template <size_t N>
std::string text_of(const char (&field)[N]) {
  return {field, std::find(field, field + N, '\0')};
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool names_a_terminal(std::string_view line) {
  return !line.empty() && is_printable(line) && line.find("..") == line.npos;
}

}  // namespace

Result<std::vector<Login>> logins(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file && errno == ENOENT) return std::vector<Login>();
  if (!file) return fail_errno("open", path);
  std::vector<Login> found;
  utmpx entry{};
  for (off_t at = 0; found.size() < kLoginsMax; at += static_cast<off_t>(sizeof entry)) {
    const ssize_t got = retry([&] { return ::pread(file.get(), &entry, sizeof entry, at); });
    if (got < 0) return fail_errno("read", path);
    if (static_cast<size_t>(got) < sizeof entry) break;
    if (entry.ut_type != USER_PROCESS) continue;
    const std::string line = text_of(entry.ut_line);
    std::string user = text_of(entry.ut_user);
    if (!names_a_terminal(line) || user.empty() || !is_printable(user)) continue;
    found.push_back({std::move(user), "/dev/" + line, static_cast<uint32_t>(entry.ut_pid),
                     int64_t{entry.ut_tv.tv_sec} * 1'000'000 + entry.ut_tv.tv_usec});
  }
  return found;
}

}  // namespace stele::os
