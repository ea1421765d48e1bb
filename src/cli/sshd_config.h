// sshd_config(5) as text: a file of stele's own among sshd's, and what others say.
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

/// A file of sshd's with the program `server` in the place of internal-sftp. kInvalid: not exactly
/// one line of it has that.
Result<std::string> with_sftp_server(const std::string& text, const std::string& server);

/// Whether these are the words of a subsystem within sshd, as `sshd -T` prints them.
bool is_within_sshd(const std::string& subsystem);

/// The lines of such a file, with their numbers, that hold somebody to a command other than
/// `shell`.
std::vector<std::string> forced_commands(const std::string& text, const std::string& shell);

/// What `sshd -T` prints for a keyword (lower case): all values, in order.
std::vector<std::string> effective(std::string_view configuration, std::string_view keyword);

}  // namespace stele::cli
