#include "ledger/recipients_list.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "crypto/sha256.h"
#include "segment/manifest.h"

namespace stele::ledger {
namespace {

constexpr std::string_view kFirstLine = "stele-recipients-v1";
constexpr std::array kLanes = {event::Lane::kFacts, event::Lane::kOutput, event::Lane::kInput};
constexpr std::array kRoles = {Role::kAuditor, Role::kRecovery, Role::kServer};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

Result<ListedRecipient> parse_entry(std::string_view line) {
  const auto words = split(line, ' ');
  if (words.size() != 3)
    return fail(Code::kCorrupt, "recipients list: a line has lane, recipient and role");
  const auto lane =
      std::find_if(kLanes.begin(), kLanes.end(), [&](auto l) { return lane_name(l) == words[0]; });
  const auto role =
      std::find_if(kRoles.begin(), kRoles.end(), [&](auto r) { return role_name(r) == words[2]; });
  if (lane == kLanes.end())
    return fail(Code::kCorrupt, "recipients list: no lane " + std::string(words[0]));
  if (role == kRoles.end())
    return fail(Code::kCorrupt, "recipients list: no role " + std::string(words[2]));
  TRY(auto recipient, crypto::Recipient::parse(words[1]));
  return ListedRecipient{*lane, recipient, *role};
}

}  // namespace

std::string_view role_name(Role role) {
  switch (role) {
    case Role::kAuditor:
      return "auditor";
    case Role::kRecovery:
      return "recovery";
    case Role::kServer:
      return "server";
  }
  return "";
}

bool RecipientsList::has_recovery() const {
  return std::any_of(entries.begin(), entries.end(),
                     [](const auto& e) { return e.role == Role::kRecovery; });
}

Status RecipientsList::add(const crypto::Recipient& recipient, Role role) {
  bool added = false;
  for (event::Lane lane : kLanes) {
    const auto same = [&](const ListedRecipient& e) {
      return e.lane == lane && e.recipient == recipient;
    };
    if (std::any_of(entries.begin(), entries.end(), same)) continue;
    const auto in_lane = std::count_if(entries.begin(), entries.end(),
                                       [&](const auto& e) { return e.lane == lane; });
    if (static_cast<size_t>(in_lane) == segment::kRecipientsMax) {
      return fail(Code::kLimit, "recipients list: 64 recipients a lane are the most");
    }
    entries.push_back({lane, recipient, role});
    added = true;
  }
  if (!added)
    return fail(Code::kExists,
                "recipients list: " + recipient.to_string() + " stands in it already");
  return {};
}

std::string encode(const RecipientsList& list) {
  std::string text(kFirstLine);
  text += "\n" + list.origin + "\n" + std::to_string(list.serial) + "\n";
  for (const ListedRecipient& e : list.entries) {
    text += std::string(lane_name(e.lane)) + " " + e.recipient.to_string() + " " +
            std::string(role_name(e.role)) + "\n";
  }
  return text;
}

Result<RecipientsList> parse_recipients_list(std::string_view text) {
  const std::string_view whole = text;
  if (!text.ends_with('\n')) return fail(Code::kCorrupt, "recipients list: no newline at its end");
  text.remove_suffix(1);
  const auto lines = split(text, '\n');
  if (lines.size() < 4 || lines[0] != kFirstLine)
    return fail(Code::kCorrupt, "recipients list: not one, or empty");
  RecipientsList list;
  list.origin = lines[1];
  const auto [end, error] =
      std::from_chars(lines[2].data(), lines[2].data() + lines[2].size(), list.serial);
  if (error != std::errc() || end != lines[2].data() + lines[2].size()) {
    return fail(Code::kCorrupt, "recipients list: serial is no number");
  }
  for (size_t i = 3; i < lines.size(); ++i) {
    TRY(const ListedRecipient entry, parse_entry(lines[i]));
    list.entries.push_back(entry);
  }
  if (encode(list) != whole)
    return fail(Code::kCorrupt, "recipients list: not in its one spelling");
  return list;
}

Result<RecipientsList> open_recipients_list(ByteSpan note, const receipt::VerifierKey& policy) {
  TRY(const auto opened, receipt::open_note(note, {&policy, 1}));
  return parse_recipients_list(opened.text);
}

segment::Recipients sealing_recipients(const RecipientsList& list, ByteSpan note) {
  segment::Recipients out;
  for (const ListedRecipient& e : list.entries)
    out.lanes[static_cast<size_t>(e.lane)].push_back(e.recipient);
  out.list_hash = crypto::sha256(note);
  return out;
}

Result<SignedRecipients> open_signed_recipients(Bytes note, const receipt::VerifierKey& policy) {
  if (note.size() > kRecipientsListBytesMax)
    return fail(Code::kLimit, "recipients list: more than 64 KiB");
  TRY(auto list, open_recipients_list(note, policy));
  auto sealing = sealing_recipients(list, note);
  return SignedRecipients{std::move(note), std::move(list), std::move(sealing)};
}

std::shared_ptr<const segment::Recipients> sealing_of(std::shared_ptr<const SignedRecipients> all) {
  const segment::Recipients* const sealing = &all->sealing;
  return {std::move(all), sealing};
}

Status check_succession(const SignedRecipients& believed, const SignedRecipients& offered) {
  const uint64_t before = believed.list.serial, now = offered.list.serial;
  if (offered.list.origin != believed.list.origin) {
    return fail(Code::kInvalid, "recipients list: it is for the log " + offered.list.origin +
                                    ", and this one is " + believed.list.origin);
  }
  if (now < before) {
    return fail(Code::kConflict, "recipients list: serial " + std::to_string(now) +
                                     " is older than serial " + std::to_string(before) +
                                     ", which is in force");
  }
  if (now == before && offered.hash() != believed.hash()) {
    return fail(Code::kConflict, "recipients list: another one with serial " + std::to_string(now) +
                                     " is in force; give a change a new serial");
  }
  return {};
}

}  // namespace stele::ledger
