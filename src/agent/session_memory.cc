#include "agent/session_memory.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/hex.h"
#include "event/codec.h"

namespace stele::agent {
namespace {

constexpr std::string_view kMagic = "stele-agent-session-v1";
constexpr size_t kFileBytesMax = size_t{4} << 20;

tl::unexpected<Error> not_a_session(const char* what) {
  return fail(Code::kCorrupt, std::string("an agent's session file: ") + what);
}

Bytes encode_start(const event::Start& start) {
  event::LaneEncoder encoder;
  encoder.begin(BootTime());
  encoder.event(BootTime(), start);
  return encoder.take();
}

/// Seven lines, each ended.
Result<std::array<std::string_view, 7>> lines_of(std::string_view text) {
  std::array<std::string_view, 7> lines;
  for (std::string_view& line : lines) {
    const size_t end = text.find('\n');
    if (end == text.npos) return not_a_session("a line is missing");
    line = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  if (!text.empty()) return not_a_session("more than its seven lines");
  return lines;
}

/// A decimal number in its one spelling, up to `blank`.
template <typename Integer>
bool take_number(std::string_view& text, char blank, Integer& number) {
  const std::string_view digits = text.substr(0, text.find(blank));
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() ||
      (digits.size() > 1 && digits[0] == '0'))
    return false;
  text.remove_prefix(std::min(text.size(), digits.size() + 1));
  return true;
}

Result<Owner> parse_owner(std::string_view line) {
  Owner owner;
  if (std::count(line.begin(), line.end(), ' ') != 2 ||
      !take_number(line, ' ', owner.process.pid) ||
      !take_number(line, ' ', owner.process.started) || !take_number(line, ' ', owner.uid))
    return not_a_session("whose it is");
  return owner;
}

Result<wire::Welcome> parse_welcome(std::string_view line) {
  const auto packet = from_hex(line);
  auto message = packet ? wire::parse_from_agent(*packet)
                        : Result<wire::FromAgent>(not_a_session("its welcome"));
  if (!message) return fail(std::move(message).error());
  auto* welcome = std::get_if<wire::Welcome>(&*message);
  if (welcome == nullptr) return not_a_session("its welcome is another message");
  return std::move(*welcome);
}

Result<event::Start> parse_start(std::string_view line) {
  const auto bytes = from_hex(line);
  if (!bytes) return not_a_session("its start");
  TRY(auto events, event::decode_lane(event::Lane::kFacts, BootTime(), *bytes));
  auto* start = events.size() == 1 ? std::get_if<event::Start>(&events[0].body) : nullptr;
  if (start == nullptr) return not_a_session("its start is none");
  return std::move(*start);
}

}  // namespace

std::string encode(const RememberedSession& session, std::string_view boot_id) {
  const os::ProcessKey& process = session.owner.process;
  std::string text(kMagic);
  text.append("\n").append(boot_id).append("\n");
  text += std::to_string(process.pid) + " " + std::to_string(process.started) + " " +
          std::to_string(session.owner.uid) + "\n";
  text += to_string(session.stream) + "\n";
  text += session.room == spool::Room::kReserve ? "reserve" : "ordinary";
  if (session.retention_class != 0) text += " " + std::to_string(session.retention_class);
  text += "\n";
  text += to_hex(wire::encode(wire::Welcome{session.id, wire::kOpeningNumber + 1, session.terms})) +
          "\n";
  return text + to_hex(encode_start(session.start)) + "\n";
}

Result<RememberedSession> parse_session(std::string_view text, std::string_view boot_id) {
  TRY(const auto lines, lines_of(text));
  if (lines[0] != kMagic) return not_a_session("another format");
  if (lines[1] != boot_id) return fail(Code::kNotFound, "a session of an earlier boot");
  RememberedSession session;
  TRY(session.owner, parse_owner(lines[2]));
  TRY(session.stream, parse_stream_id(lines[3]));
  std::string_view retention = lines[4];
  const std::string_view room = retention.substr(0, retention.find(' '));
  if (room != "ordinary" && room != "reserve") return not_a_session("its room");
  if (room == "reserve") session.room = spool::Room::kReserve;
  retention.remove_prefix(std::min(retention.size(), room.size() + 1));
  if (!retention.empty() && !take_number(retention, ' ', session.retention_class))
    return not_a_session("its retention class");
  TRY(auto welcome, parse_welcome(lines[5]));
  session.id = welcome.session;
  session.terms = std::move(welcome.terms);
  TRY(session.start, parse_start(lines[6]));
  if (encode(session, boot_id) != text) return not_a_session("another spelling of it");
  return session;
}

Status SessionMemory::remember(const RememberedSession& session) {
  return files_.replace_lazily(path(session.id), as_bytes(encode(session, boot_id_)));
}

Result<RememberedSession> SessionMemory::recall(const StreamId& id) const {
  TRY(const Bytes text, files_.read(path(id), kFileBytesMax));
  auto session = parse_session(as_text(text), boot_id_);
  if (!session) return fail(std::move(session).error().within(path(id)));
  if (session->id != id) return fail(Code::kCorrupt, path(id) + ": another session's");
  return session;
}

Status SessionMemory::forget(const StreamId& id) {
  TRY_VOID(files_.remove(sudo_notes(id)));
  return files_.remove(path(id));
}

Result<std::vector<StreamId>> SessionMemory::all() const {
  TRY(const auto names, files_.list(directory_));
  std::vector<StreamId> ids;
  for (const std::string& name : names) {
    if (const auto id = parse_stream_id(name)) ids.push_back(*id);
  }
  return ids;
}

}  // namespace stele::agent
