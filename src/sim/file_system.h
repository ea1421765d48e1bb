// A process on a simulated disk.
#pragma once

#include "os/file_system.h"
#include "sim/disk.h"
#include "sim/plan.h"

namespace stele::sim {

struct Process;

/// One process on a Disk; several may run on one. Once dead (by its plan, kill(), or the disk's
/// power) it stays dead, with every file, lock and word it opened: all calls fail with kIo,
/// "crashed". A new one takes its place.
///
/// Locks: Wait::kYes waits for another thread; where the holder is the very thread that asks, which
/// could only wait for ever, it is kBusy. Safe from any thread; deterministic from one.
class SimFileSystem : public os::FileSystem {
 public:
  explicit SimFileSystem(Disk& disk, Plan plan = {});

  Result<std::unique_ptr<os::File>> open_read(const std::string& path) override;
  Result<std::unique_ptr<os::File>> open_append(const std::string& path) override;
  Result<std::unique_ptr<os::File>> create_append(const std::string& path) override;

  Result<Bytes> read(const std::string& path, size_t bytes_max) override;
  Status put_once(const std::string& path, ByteSpan bytes) override;
  Status replace(const std::string& path, ByteSpan bytes) override;
  Status replace_lazily(const std::string& path, ByteSpan bytes) override;
  Status remove(const std::string& path) override;
  Status make_directories(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  bool exists(const std::string& path) override;

  Result<std::unique_ptr<os::Lock>> lock(const std::string& path, os::Wait wait) override;
  Result<std::unique_ptr<os::SharedWords>> share(const std::string& path) override;

  Status protect(const std::string& path, os::Protection protection) override;
  Result<os::Protection> protection(const std::string& path) override;
  /// There is none on this disk.
  Result<std::optional<std::string>> verity(const std::string& path) override;

  /// SIGKILL: what was written stays, locks are free.
  void kill();
  bool is_alive() const;
  /// What the process did so far, a line a step ("append /log"): step k is steps()[k - 1].
  std::vector<std::string> steps() const;
  /// Another plan from here on; its steps are still counted from the process's first.
  void set_plan(Plan plan);

 private:
  const std::shared_ptr<Process> process_;
};

}  // namespace stele::sim
