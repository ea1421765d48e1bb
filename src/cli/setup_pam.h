// Having sshd's PAM session tell the agent who was let in: lines of pam.d(5), as text.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace stele::cli {

/// The file with stele's module (`module`, its path) behind pam_loginuid.so. Who is not of `kept`
/// is let in only once the agent has noted it. The same again changes nothing; lines of the
/// module's that stand elsewhere go. kInvalid: there is no such place, or lines before it would
/// mean something else then, or leave something of the user's to believe.
Result<std::string> sshd_pam(const std::string& before, const std::string& module,
                             const std::vector<std::string>& kept);

}  // namespace stele::cli
