#include "agent/status_file.h"

#include <algorithm>
#include <array>

#include "receipt/text.h"

namespace stele::agent {
namespace {

constexpr std::string_view kHead = "stele-agent-status-v1";
constexpr size_t kBytesMax = 8192;

std::string path_in(const std::string& run) { return run + "/status"; }

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x20; }, ' ');
  return text.substr(0, 1024);
}

template <typename Counts, typename Visit>
void visit(Counts& counts, const Visit& each) {
  each("open", counts.open);
  each("sessions", counts.sessions);
  each("excluded", counts.excluded);
  each("lost", counts.lost);
  each("seen", counts.seen);
  each("covered", counts.covered);
  each("unrecorded", counts.unrecorded);
  each("waiting", counts.waiting);
  each("waiting-bytes", counts.waiting_bytes);
  each("proven", counts.checkpoint_size);
}

/// The value of the line that has this name.
Result<std::string_view> take(std::string_view& text, std::string_view name) {
  TRY(std::string_view line, receipt::take_line(text));
  if (!line.starts_with(name) || line.size() == name.size() || line[name.size()] != ' ')
    return fail(Code::kCorrupt, "no `" + std::string(name) + "` where it should be");
  return line.substr(name.size() + 1);
}

Result<Standing> parse(std::string_view text) {
  TRY(const std::string_view head, receipt::take_line(text));
  if (head != kHead) return fail(Code::kCorrupt, "no status of an agent");
  Standing standing;
  TRY(const std::string_view at, take(text, "at"));
  TRY(const uint64_t seconds, receipt::parse_decimal(at, INT64_MAX / 1'000'000));
  standing.at = WallTime(std::chrono::seconds(static_cast<int64_t>(seconds)));
  TRY(standing.host, take(text, "host"));
  TRY(standing.agent, take(text, "agent"));
  TRY(standing.commands, take(text, "commands"));
  TRY(standing.missing, take(text, "missing"));
  Status counted;
  visit(standing.counts, [&](std::string_view name, uint64_t& count) {
    const auto value = take(text, name);
    const auto number = value ? receipt::parse_decimal(*value, UINT64_MAX) : fail(value.error());
    if (!number && counted) counted = fail(number.error());
    count = number.value_or(0);
  });
  TRY_VOID(counted);
  if (!text.empty()) return fail(Code::kCorrupt, "more than a status");
  return standing;
}

}  // namespace

Status write_standing(os::FileSystem& files, const std::string& run, const Standing& standing) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(standing.at.time_since_epoch());
  std::string text = std::string(kHead) + "\nat " + std::to_string(seconds.count()) + "\nhost " +
                     one_line(standing.host) + "\nagent " + one_line(standing.agent) +
                     "\ncommands " + one_line(standing.commands) + "\nmissing " +
                     one_line(standing.missing) + "\n";
  visit(standing.counts, [&](std::string_view name, uint64_t count) {
    text += std::string(name) + " " + std::to_string(count) + "\n";
  });
  return files.replace_lazily(path_in(run), as_bytes(text));
}

Result<Standing> read_standing(os::FileSystem& files, const std::string& run) {
  TRY(const Bytes text, files.read(path_in(run), kBytesMax));
  auto standing = parse(as_text(text));
  if (!standing) return fail(std::move(standing).error().within(path_in(run)));
  return standing;
}

}  // namespace stele::agent
