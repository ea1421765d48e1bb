#include "agent/roles.h"

#include <algorithm>

#include "config/toml.h"
#include "crypto/sha256.h"
#include "crypto/ssh_certificate.h"
#include "identity/arrival.h"

namespace stele::agent {
namespace {

using event::Known;

Result<Roles::Words> words(config::Document& file, const std::string& key) {
  TRY(const auto list, file.list(key, std::vector<std::string>()));
  return Roles::Words(list.begin(), list.end());
}

Result<Roles::Person> read_person(config::Document& file, const std::string& rule) {
  const std::string at = "people." + rule + ".";
  Roles::Person person;
  person.rule = rule;
  TRY(person.name, file.text(at + "name", rule, 255));
  TRY(person.users, words(file, at + "users"));
  TRY(person.keys, words(file, at + "keys"));
  TRY(person.principals, words(file, at + "principals"));
  TRY(person.key_ids, words(file, at + "key_ids"));
  TRY(person.extensions, words(file, at + "extensions"));
  TRY(person.roles, words(file, at + "roles"));
  if (person.name.empty()) return fail(file.wrong(at + "name", "a name is wanted"));
  return person;
}

Result<Roles::Role> read_role(config::Document& file, const std::string& name) {
  const std::string at = "roles." + name + ".";
  Roles::Role role;
  role.name = name;
  TRY(role.people, words(file, at + "people"));
  TRY(role.groups, words(file, at + "groups"));
  TRY(role.principals, words(file, at + "principals"));
  TRY(role.extensions, words(file, at + "extensions"));
  return role;
}

bool meets(const Roles::Words& wanted, const Roles::Words& had) {
  return std::any_of(had.begin(), had.end(),
                     [&](const std::string& word) { return wanted.contains(word); });
}

/// What the roles ask about a session.
class Session {
 public:
  explicit Session(const event::Start& start) : start_(start) {
    if (!is_known("certificate", Known::kSignature)) return;
    const auto read = crypto::parse_ssh_certificate(as_bytes(start.certificate));
    if (!read) return;
    principals_ = {read->principals.begin(), read->principals.end()};
    key_ids_ = {read->key_id};
    for (const auto& each : read->extensions)
      extensions_.insert(each.value.empty() ? each.name : each.name + "=" + each.value);
  }

  bool is_known(const char* entry, Known known) const {
    const auto found = start_.known.find(entry);
    return found != start_.known.end() && found->second == known;
  }
  bool has_certificate() const { return !key_ids_.empty(); }
  const Roles::Words& principals() const { return principals_; }
  const Roles::Words& extensions() const { return extensions_; }
  bool is_certified_as(const Roles::Person& person) const {
    return meets(person.principals, principals_) || meets(person.key_ids, key_ids_) ||
           meets(person.extensions, extensions_);
  }

 private:
  const event::Start& start_;
  Roles::Words principals_, key_ids_, extensions_;
};

/// An account by its name and its number.
Roles::Words account(uint32_t uid, const std::string& name) {
  Roles::Words words = {std::to_string(uid)};
  if (!name.empty()) words.insert(name);
  return words;
}

/// Whether an account is that of whoever came in. That of somebody who became another is not.
bool is_where_they_came_in(const event::Start& start) {
  return !start.login_uid && !start.invoker && !identity::is_account_changer(start.service);
}

class Search {
 public:
  Search(const Roles& roles, const event::Start& start)
      : roles_(roles), start_(start), session_(start) {}

  event::Person run() {
    found_.version = roles_.version;
    found_.roles_hash = roles_.hash;
    if (!by_account()) by_key();
    add_roles();
    return std::move(found_);
  }

 private:
  bool by_account() {
    if (start_.login_uid && take(account(*start_.login_uid, start_.login_user), "login uid"))
      return true;
    if (session_.is_known("invoker", Known::kKernel) &&
        take(account(*start_.invoker, start_.invoker_name), "invoker"))
      return true;
    return is_where_they_came_in(start_) && take(account(start_.uid, start_.user), "user");
  }

  /// An account that is no shared one is a person, named as it is where no rule says otherwise.
  bool take(const Roles::Words& names, const char* through) {
    if (meets(roles_.shared, names)) return false;
    const auto rule =
        std::find_if(roles_.people.begin(), roles_.people.end(),
                     [&](const Roles::Person& person) { return meets(person.users, names); });
    if (rule != roles_.people.end()) return take(*rule, through, Known::kKernel);
    found_.name = *names.rbegin();  // digits before letters
    found_.through = through;
    found_.by = Known::kKernel;
    return true;
  }

  bool take(const Roles::Person& person, const char* through, std::optional<Known> by) {
    found_.name = person.name;
    found_.rule = person.rule;
    found_.through = through;
    found_.by = by;
    told_.insert(person.roles.begin(), person.roles.end());
    return true;
  }

  bool by_key() {
    // Of what PAM told the login is, whatever the person became since.
    const bool is_told = !start_.arrival.empty();
    if (start_.service != "sshd" && !is_told) return false;
    const std::optional<Known> of_key = is_told ? std::nullopt : std::optional(Known::kEnvironment);
    for (const Roles::Person& person : roles_.people)
      if (session_.is_certified_as(person))
        return found_.by_arrival = is_told, take(person, "certificate", Known::kSignature);
    if (session_.has_certificate() || start_.ssh_key.empty()) return false;
    for (const Roles::Person& person : roles_.people)
      if (person.keys.contains(start_.ssh_key))
        return found_.by_arrival = is_told, take(person, "ssh key", of_key);
    return false;
  }

  void add_roles() {
    if (found_.name.empty()) return;
    // Another account's groups are not the person's own.
    const bool is_own = found_.through == "user" || start_.login_uid == start_.uid;
    const Roles::Words groups =
        is_own && !meets(roles_.shared, account(start_.uid, start_.user))
            ? Roles::Words(start_.group_names.begin(), start_.group_names.end())
            : Roles::Words();
    const bool is_certified = found_.by == Known::kSignature;
    for (const Roles::Role& role : roles_.roles) {
      if (role.people.contains(found_.name) || meets(role.groups, groups) ||
          (is_certified && (meets(role.principals, session_.principals()) ||
                            meets(role.extensions, session_.extensions()))))
        told_.insert(role.name);
    }
    found_.roles.assign(told_.begin(), told_.end());
    if (found_.roles.size() > kRolesOfOneMax) found_.roles.resize(kRolesOfOneMax);
  }

  static constexpr size_t kRolesOfOneMax = 256;
  const Roles& roles_;
  const event::Start& start_;
  const Session session_;
  event::Person found_;
  Roles::Words told_;
};

}  // namespace

Result<Roles> parse_roles(std::string_view text, const std::string& file_name) {
  TRY(auto file, config::Document::parse(text, file_name));
  Roles roles;
  roles.hash = crypto::sha256(as_bytes(text));
  TRY(const int64_t version, file.integer("version", std::nullopt, {1, INT64_MAX}));
  roles.version = static_cast<uint64_t>(version);
  TRY(roles.shared, words(file, "shared"));
  TRY(const auto people, file.names("people"));
  for (const std::string& rule : people) {
    TRY(Roles::Person person, read_person(file, rule));
    roles.people.push_back(std::move(person));
  }
  TRY(const auto names, file.names("roles"));
  for (const std::string& name : names) {
    TRY(Roles::Role role, read_role(file, name));
    roles.roles.push_back(std::move(role));
  }
  TRY_VOID(file.finish());
  return roles;
}

event::Person who_is(const Roles& roles, const event::Start& start) {
  return Search(roles, start).run();
}

}  // namespace stele::agent
