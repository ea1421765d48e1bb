// Having sshd run stele-shell: a file of its own among sshd's, as text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace stele::cli {

/// kInvalid: a name that a configuration would take for more than one name.
Status check_name(const std::string& user);

/// The file: stele-shell (`shell`, its path) for everybody but `kept`. kInvalid: as
/// check_name().
Result<std::string> sshd_drop_in(const std::string& shell, const std::vector<std::string>& kept);

/// What `sshd -T` prints for a keyword (lower case): all values, in order.
std::vector<std::string> effective(std::string_view configuration, std::string_view keyword);

}  // namespace stele::cli
