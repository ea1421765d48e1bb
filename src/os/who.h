// Who and where this process is, as the kernel and the user database tell it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace stele::os {

struct Identity {
  uint32_t uid = 0, euid = 0, gid = 0;
  std::vector<uint32_t> groups;  // supplementary
};
Result<Identity> identity();

/// The user database's name for a uid; empty if it has none.
std::string user_name(uint32_t uid);

/// The shell it has for a uid; empty if it has none.
std::string login_shell(uint32_t uid);

/// The user database's number of a user, or group. kNotFound: it has none of that name.
Result<uint32_t> user_id(const std::string& name);
Result<uint32_t> group_id(const std::string& name);

/// The user database's name of a group; empty if it has none.
std::string group_name(uint32_t gid);

std::string host_name();
/// uname(2): e.g. "6.1.0-37-amd64".
std::string kernel_release();
/// Empty if it is gone or out of reach.
std::string current_directory();
/// The device of the first of the descriptors that is a terminal; empty if none is.
std::string terminal_name(std::initializer_list<int> fds);

/// A small file that the kernel or the system keeps, without its last newline. kLimit over 4 KiB.
Result<std::string> read_system_file(const std::string& path);

/// A regular file that belongs to this process's own user, and is no symbolic link. kPermission: it
/// is another's, or no file; kLimit: larger than that.
Result<std::string> read_own_file(const std::string& path, size_t bytes_max);

}  // namespace stele::os
