// A disk that forgets what was not synced: deterministic storage for tests of what survives.
//
// What a power cut leaves is at least everything synced, and of the rest whatever the seed says: of
// each file's unsynced sectors any subset, each new, old, zero or torn, its size grown or not; of
// each directory's unsynced changes any subset. A file's sync makes its bytes and its size durable,
// never its name; that takes its directory's. This is more than any one real file system loses.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "os/file_system.h"

namespace stele::sim {

/// The device writes one whole, torn to a prefix, or not at all.
inline constexpr size_t kSectorBytes = 512;

struct Machine;

/// What is on a disk, as a value: path ("/a/b") to entry. The root is not in it.
struct Entry {
  bool is_directory = false;
  Bytes bytes;
  os::Protection protection = os::Protection::kNone;
  bool operator==(const Entry&) const = default;
};
using Image = std::map<std::string, Entry>;

/// Safe from any thread. A SimFileSystem on it may outlive it.
class Disk {
 public:
  Disk();

  /// Ends every process; the disk answers again after restart().
  void cut_power();
  /// Cuts the power if nobody has, decides by `seed` what was left, and starts the machine: with
  /// new processes, no locks, and shared words at zero.
  void restart(uint64_t seed);
  bool is_powered() const;

  /// For disks whose file system has no append-only and immutable flags.
  void support_flags(bool supported);

  /// What processes see now, synced or not.
  Image snapshot() const;
  /// Another disk in place of this one, all of it durable; the machine restarts.
  void restore(const Image& image);

  /// Somebody with a screwdriver: no flag stops them, processes see it at once, and what
  /// they change is durable.
  ///
  /// Each is kNotFound where there is no such file. put() makes the directories it needs.
  Status tamper(const std::string& path, const std::function<void(Bytes&)>& edit);
  Status erase(const std::string& path);
  void put(const std::string& path, ByteSpan bytes);

  /// The bytes of a file that a power cut now would surely leave; kNotFound where not even the name
  /// would.
  Result<Bytes> durable(const std::string& path) const;

 private:
  friend class SimFileSystem;
  const std::shared_ptr<Machine> machine_;
};

}  // namespace stele::sim
