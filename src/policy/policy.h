// The policy of a log's hosts, as values (docs/formats/policy.md): rules, of which the first that
// fits a session decides its terms.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "event/event.h"
#include "wire/session.h"

namespace stele::policy {

inline constexpr size_t kPolicyBytesMax = size_t{64} << 10;
inline constexpr size_t kRulesMax = 1024, kNamesMax = 256, kNameBytesMax = 255;
inline constexpr size_t kBannerBytesMax = wire::kBannerBytesMax;
inline constexpr uint32_t kPatienceSecondsMax = wire::kPatienceMsMax / 1000;
inline constexpr uint32_t kPatienceSeconds = 60;  // where no rule says another
inline constexpr uint32_t kOpeningWaitSecondsMax = 30, kOpeningWaitSeconds = 1;  // likewise
inline constexpr uint64_t kRateMin = 1024;                                       // bytes per second
inline constexpr uint64_t kSizeMax = (uint64_t{1} << 60) - 1;
inline constexpr uint32_t kRetentionDaysMax = 36'525;  // a hundred years

/// What a session is asked about. The first three are those a role's members may be.
enum class Kind : uint8_t { kUser, kLogin, kGroup, kRole, kHost, kService };
inline constexpr size_t kKindCount = 6, kMemberKindCount = 3;
std::string_view kind_name(Kind kind);

using Names = std::vector<std::string>;
/// By kind; empty where nothing is asked.
using Conditions = std::array<Names, kKindCount>;

struct Role {
  std::string name;
  Conditions members;  // of the first kMemberKindCount kinds
  bool operator==(const Role&) const = default;
};

/// How long a session of it is kept at least. The number stands in segments and leaves, where it
/// never gets another meaning.
struct RetentionClass {
  std::string name;
  uint8_t number = 1;  // 0 is no class: kept for ever
  uint32_t days = 1;   // behind the day on which its last segment was received
  bool operator==(const RetentionClass&) const = default;
};

/// A session whose title says `#name` is kept as long as this class says, if that is longer.
struct Tag {
  std::string name, retention;
  bool operator==(const Tag&) const = default;
};

/// Bytes; 0: no bound. `bytes`: a session's in all, a person's or host's in a day.
struct Quota {
  uint64_t bytes_per_second = 0, bytes = 0;
  bool operator==(const Quota&) const = default;
};
struct Quotas {
  Quota session, person, host;
  bool operator==(const Quotas&) const = default;
};

/// What a rule says; absent: it says nothing of that.
struct Rule {
  std::string name;
  Conditions conditions;
  bool is_recorded = true;
  std::optional<event::InputPolicy> input;
  bool is_input_fixed = false;
  bool keeps_output = true;
  bool lines_in_facts = false;
  std::optional<bool> open;
  std::optional<uint32_t> patience_seconds, opening_wait_seconds;
  Quotas quotas;
  std::optional<bool> transfers_whole;  // content of files that are copied
  bool allows_break_glass = false;
  std::optional<std::string> banner;  // its lines, with newlines between them
  std::string retention;              // a class's name; empty: kept for ever
  bool operator==(const Rule&) const = default;
};

struct Policy {
  std::string origin;
  uint64_t version = 1;
  std::chrono::year_month_day day{};
  std::optional<Hash> recipients;  // of the signed list it goes with
  std::string prune_key;           // a verifier key: who may write that something expired
  std::vector<RetentionClass> retention;
  std::vector<Tag> tags;
  std::vector<Role> roles;
  std::vector<Rule> rules;
  bool operator==(const Policy&) const = default;
};

/// nullptr: there is no such class.
const RetentionClass* find_class(const Policy& policy, std::string_view name);
const RetentionClass* find_class(const Policy& policy, uint8_t number);

}  // namespace stele::policy
