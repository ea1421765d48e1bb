#include "agent/people_book.h"

#include "crypto/sha256.h"
#include "crypto/ssh_key.h"
#include "os/trusted_file.h"

namespace stele::agent {

std::shared_ptr<const PeopleRules> PeopleBook::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void PeopleBook::tell_once(std::string& told, const std::string& what) {
  if (std::exchange(told, what) != what && !what.empty()) tell_({"roles", what, {}, {}});
}

void PeopleBook::refresh_roles(PeopleRules& rules) {
  if (roles_path_.empty()) return;
  const auto text = os::read_trusted_file(roles_path_, kRolesBytesMax);
  if (!text && text.error().code == Code::kNotFound && !rules.roles) return;
  if (text && rules.roles && rules.roles->hash == crypto::sha256(as_bytes(*text)))
    return tell_once(told_of_roles_, "");
  auto read = text ? parse_roles(*text, roles_path_) : Result<Roles>(fail(text.error()));
  const std::string holds =
      rules.roles ? "; version " + std::to_string(rules.roles->version) + " holds" : "; none hold";
  if (!read) return tell_once(told_of_roles_, "roles: " + read.error().message() + holds);
  tell_({"", "roles: version " + std::to_string(read->version) + " holds", {}, {}});
  rules.roles = *std::move(read);
  tell_once(told_of_roles_, "");
}

void PeopleBook::refresh_authorities(PeopleRules& rules) {
  if (authorities_path_.empty()) return;
  const auto text = os::read_trusted_file(authorities_path_, kRolesBytesMax);
  auto read =
      text ? crypto::parse_ssh_authorities(*text) : Result<std::vector<Bytes>>(fail(text.error()));
  if (!read) {
    return tell_once(told_of_authorities_, "ssh_authorities: " + authorities_path_ + ": " +
                                               read.error().message() + "; " +
                                               std::to_string(rules.authorities.size()) + " hold");
  }
  rules.authorities = *std::move(read);
  tell_once(told_of_authorities_, "");
}

void PeopleBook::refresh() {
  PeopleRules rules = *current();
  refresh_roles(rules);
  refresh_authorities(rules);
  auto next = std::make_shared<const PeopleRules>(std::move(rules));
  const std::lock_guard lock(mutex_);
  current_ = std::move(next);
}

}  // namespace stele::agent
