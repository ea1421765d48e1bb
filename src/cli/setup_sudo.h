// Having sudo hand its sessions to the agent: lines of sudo.conf(5), as text.
#pragma once

#include <optional>
#include <string>

namespace stele::cli {

/// The file with stele's plugin (`plugin`, its path) behind those that are there; where it named
/// none, those that sudo had taken by itself are named. The same again changes nothing.
std::string sudo_conf(const std::optional<std::string>& before, const std::string& plugin);

}  // namespace stele::cli
