// Roles: which person is behind a session, and what they are to do (docs/formats/roles.md).
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "event/event.h"

namespace stele::agent {

struct Roles {
  using Words = std::set<std::string>;
  struct Person {
    std::string rule, name;
    Words users, keys, principals, key_ids, extensions;  // any of them is enough
    Words roles;
  };
  struct Role {
    std::string name;
    Words people, groups, principals, extensions;  // likewise
  };
  uint64_t version = 0;
  Hash hash{};                 // SHA-256 of the file
  Words shared;                // accounts that are nobody's own
  std::vector<Person> people;  // the first that fits counts
  std::vector<Role> roles;
};

/// What an agent tells people by: whose certificates count, and the roles, if there are any.
struct PeopleRules {
  std::vector<Bytes> authorities;
  std::optional<Roles> roles;
};

inline constexpr size_t kRolesBytesMax = size_t{1} << 20;

/// kInvalid: what is wrong, and where.
Result<Roles> parse_roles(std::string_view text, const std::string& file_name);

/// Who a session is of. By what is surest first; claims of the environment count for a key of a
/// session that sshd began, and for nothing else.
event::Person who_is(const Roles& roles, const event::Start& start);

}  // namespace stele::agent
