// PeopleBook: the roles and the authorities for SSH certificates that hold on this host, as they
// are in its files now (docs/formats/roles.md).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "agent/roles.h"

namespace stele::agent {

/// refresh() is one thread's; current() any thread's.
class PeopleBook {
 public:
  using Tell = std::function<void(const event::Finding&)>;
  /// A path that is empty: there is no such file. Somebody should hear what is told.
  PeopleBook(std::string roles, std::string authorities, Tell tell)
      : roles_path_(std::move(roles)),
        authorities_path_(std::move(authorities)),
        tell_(std::move(tell)) {}

  /// What the files say holds from here on; where one can not be read, or is wrong, what held goes
  /// on holding, and that is told, once.
  void refresh();

  std::shared_ptr<const PeopleRules> current() const;

 private:
  void refresh_roles(PeopleRules& rules);
  void refresh_authorities(PeopleRules& rules);
  void tell_once(std::string& told, const std::string& what);

  const std::string roles_path_, authorities_path_;
  const Tell tell_;
  std::string told_of_roles_, told_of_authorities_;
  mutable std::mutex mutex_;  // guards current_
  std::shared_ptr<const PeopleRules> current_ = std::make_shared<PeopleRules>();
};

}  // namespace stele::agent
