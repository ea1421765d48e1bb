// Pins: a folder on a bpf file system in which the programs in the kernel, and what they know, stay
// while no agent is there.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace stele::commands {

/// Of one agent and one build of the programs: DIRECTORY/OBJECT. What another build left is never
/// gone on with.
class Pins {
 public:
  /// `directory`: this agent's own; made where it is not there. `object` names the build.
  /// kUnsupported: that is no bpf file system. kPermission: somebody else may write there.
  static Result<Pins> open(const std::string& directory, const std::string& object);

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  /// The folder, where it is not there.
  Status make() const;
  /// Whether an agent before left all of it.
  bool is_whole() const;
  bool has(const std::string& name) const;
  /// What is pinned last: where it is, all is.
  static constexpr const char* kLast = "on_exit";
  /// Nothing is left here, of this build or another: programs that only a pin held run no more.
  void clear() const;

 private:
  Pins(std::string directory, std::string folder)
      : directory_(std::move(directory)), folder_(std::move(folder)) {}

  std::string directory_, folder_;
};

}  // namespace stele::commands
