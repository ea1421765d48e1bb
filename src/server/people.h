// People: who may ask the server for what, and the tokens they show (docs/formats/people.md).
#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "ledger/layout.h"
#include "os/file_system.h"

namespace stele::server {

enum class Role { kViewer, kAuditor, kInvestigator, kApprover, kVerifier, kAdmin };
inline constexpr size_t kRoleCount = 6;
std::string_view role_name(Role role);

class RoleSet {
 public:
  RoleSet() = default;
  RoleSet(std::initializer_list<Role> roles) {
    for (const Role role : roles) add(role);
  }
  void add(Role role) { bits_ |= bit(role); }
  bool has(Role role) const { return (bits_ & bit(role)) != 0; }
  bool empty() const { return bits_ == 0; }
  bool operator==(const RoleSet&) const = default;

 private:
  static unsigned bit(Role role) { return 1U << static_cast<unsigned>(role); }
  unsigned bits_ = 0;
};

/// "auditor,investigator": in the order of the roles, with commas.
std::string encode(const RoleSet& roles);
/// In any order. kInvalid: a name that is no role's, none at all, or admin beside investigator.
Result<RoleSet> parse_roles(std::string_view text);

enum class Action {
  kReadOwnFacts,
  kListSessions,
  kReadFacts,
  kRequestPlayback,
  kReadSegments,  // playback material
  kApprove,
  kAskHold,  // and for its release
  kSeeHolds,
  kReadProofs,  // keys and tails too
  kListHosts,
  kConfigure,
  kDelete,
};
inline constexpr size_t kActionCount = 12;

/// The table of docs/formats/people.md.
bool may(const RoleSet& roles, Action action);

struct ApiToken {
  Hash hash{};  // of its text
  WallTime created, expires;
  std::optional<WallTime> revoked;
  /// 8 hex digits.
  std::string id() const;
  bool operator==(const ApiToken&) const = default;
};

struct Person {
  std::string name, who;
  RoleSet roles;
  WallTime created;
  std::optional<WallTime> disabled;
  std::vector<ApiToken> tokens = {};
  bool operator==(const Person&) const = default;
};

std::string encode(const Person& person);
Result<Person> parse_person(std::string_view text);

/// What a request showed, and whose it is.
struct Caller {
  std::string name;
  std::string token_id;
  RoleSet roles;
};

/// Who holds this token at that time; nullopt: nobody. Looks at all of them, whichever it is.
std::optional<Caller> find_caller(const std::vector<Person>& people, std::string_view token,
                                  WallTime now);

/// By name.
Result<std::vector<Person>> all_people(os::FileSystem& files, const ledger::Layout& layout);

/// The people on disk. Each change is durable when it returns, and safe beside other processes.
class People {
 public:
  People(os::FileSystem& files, ledger::Layout layout, Clock& clock, RandomSource random);

  /// kExists: the name is taken. kInvalid: no name, or words that are none.
  Status add(const std::string& name, const std::string& who, const RoleSet& roles);
  /// A new token, to be shown once. kInvalid: a life that is not 1 hour to 366 days; kLimit: there
  /// are 16; kPermission: the person is disabled.
  Result<std::string> create_token(const std::string& name, Micros life);
  /// kNotFound: the person has no token of that id. Revoking again changes nothing.
  Status revoke_token(const std::string& name, const std::string& id);
  Status set_roles(const std::string& name, const RoleSet& roles);
  /// For good.
  Status disable(const std::string& name);

  Result<Person> find(const std::string& name) const;
  /// By name.
  Result<std::vector<Person>> all() const;

 private:
  template <typename Change>
  Status change(const std::string& name, Change&& change);
  std::string path(const std::string& name) const;
  Result<std::unique_ptr<os::Lock>> lock() const;

  os::FileSystem& files_;
  const ledger::Layout layout_;
  Clock& clock_;
  const RandomSource random_;
};

}  // namespace stele::server
