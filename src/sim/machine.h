// The machine under Disk and SimFileSystem: one tree of inodes, and the processes that change it
// step by step.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sim/inode.h"
#include "sim/plan.h"

namespace stele::sim {

/// All members are guarded by `mutex`.
struct Machine {
  std::mutex mutex;
  std::condition_variable changed;  // a lock became free, or a process died
  InodePtr root = make_directory();
  uint64_t boot = 1;  // which boot this is
  bool powered = true;
  bool flags_supported = true;
  uint64_t next_id = 1;  // of locks and temporary names

  static InodePtr make_directory();
  static InodePtr make_file();
};

/// A path as a directory and a name in it.
struct Place {
  InodePtr directory;
  std::string name;

  InodePtr inode() const { return directory->names.find(name); }
};

/// The parts of a path; relative ones begin at the root.
std::vector<std::string> split(const std::string& path);
/// Null: there is no such name, or a file on the way to it.
InodePtr find(const InodePtr& root, const std::string& path);
/// kNotFound: no such directory. kInvalid: a file on the way, or a path that names nothing.
Result<Place> locate(const InodePtr& root, std::string_view verb, const std::string& path);

enum class Needs { kSpace, kNothing };

/// One process. All but construction with the machine's mutex held.
struct Process {
  Process(std::shared_ptr<Machine> on, Plan the_plan)
      : machine(std::move(on)), plan(the_plan), boot(machine->boot) {}

  bool alive() const { return !killed && machine->powered && boot == machine->boot; }
  void die(Plan::Crash crash);

  /// Counts a step, and lets it happen or says why it does not. `what` is "verb path".
  Status step(std::string what, Needs needs);

  /// One step each, with what its failure leaves behind.
  Status sync_data(const InodePtr& file, const std::string& what);
  Status sync_names(const InodePtr& directory, const std::string& what);
  /// Several steps: at the first byte, at each part's end, in the middle and before the last byte.
  Status append(const InodePtr& file, std::initializer_list<ByteSpan> parts,
                const std::string& what);

  const std::shared_ptr<Machine> machine;
  Plan plan;
  const uint64_t boot;
  bool killed = false;
  std::vector<std::string> steps;
};

/// What a dead process gets from every call.
tl::unexpected<Error> crashed();

}  // namespace stele::sim
