#include "commands/pins.h"

#include "os/directory.h"

namespace stele::commands {

Result<Pins> Pins::open(const std::string& directory, const std::string& object) {
  const std::string parent = directory.substr(0, directory.rfind('/'));
  if (!os::is_bpf_file_system(parent))
    return fail(Code::kUnsupported, parent + ": no bpf file system is mounted there");
  TRY_VOID(os::make_private_directory(directory));
  return Pins(directory, directory + "/" + object);
}

Status Pins::make() const { return os::make_private_directory(folder_); }

bool Pins::has(const std::string& name) const { return !os::is_surely_absent(path(name)); }

bool Pins::is_whole() const { return has(kLast); }

void Pins::clear() const { os::empty_directory(directory_); }

}  // namespace stele::commands
