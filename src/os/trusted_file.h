// Files that say what a program is to believe: only root, or who runs it, may have written them;
// root alone, where the program has rights that who runs it has not.
#pragma once

#include <string>

#include "base/result.h"

namespace stele::os {

/// kPermission: it is no regular file, another's than root's or this process's user, or others may
/// write to it; kNotFound; kLimit: larger than that.
Result<std::string> read_trusted_file(const std::string& path, size_t bytes_max);

/// The same of a secret: kPermission also where anybody else may read it.
Result<std::string> read_secret_file(const std::string& path, size_t bytes_max);

/// Whether nobody but root can change what lies at this absolute path: a regular file, no link on
/// the way to it, all of it root's and not for others to write.
bool is_root_s_file(const std::string& path);
/// The same of a program: others may execute it.
bool is_root_s_program(const std::string& path);

}  // namespace stele::os
