// Files and directories as a disk has them: the written image, which every process sees, beside the
// durable one, which is all that a power cut is sure to leave.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "sim/disk.h"

namespace stele::sim {

using Dice = std::mt19937_64;

/// The bytes of a file that only ever grows.
///
/// Invariants: durable_.size() <= written_.size(); clean_ <= written_.size(). The kernel holds
/// bytes before clean_ for durable; after a failed sync it is wrong (lose()).
class FileData {
 public:
  const Bytes& written() const { return written_; }
  const Bytes& durable() const { return durable_; }

  void append(ByteSpan bytes) { written_.insert(written_.end(), bytes.begin(), bytes.end()); }
  /// fsync or fdatasync: what is not clean becomes durable, and the size does.
  void sync();
  /// A sync that fails: nothing becomes durable, but all counts as clean from here on, so that a
  /// later sync succeeds without mending it. Reads still show it.
  void lose() { clean_ = written_.size(); }
  /// What is clean is read from the device again: lost sectors show as zeros.
  void drop_cache();
  /// Keeps all that is durable; of the rest, whatever the dice say.
  void power_cut(Dice& dice);
  /// Somebody changes the file behind our back, durably.
  void overwrite(Bytes bytes);

 private:
  size_t first_dirty() const;

  Bytes written_, durable_;
  size_t clean_ = 0;
};

struct Inode;
using InodePtr = std::shared_ptr<Inode>;

/// The names in a directory. Each change happens whole or not at all.
class Directory {
 public:
  const std::map<std::string, InodePtr>& written() const { return written_; }
  const std::map<std::string, InodePtr>& durable() const { return durable_; }
  /// Null: no such name.
  InodePtr find(const std::string& name) const;

  void set(const std::string& name, InodePtr inode) { change({name, std::move(inode), ""}); }
  void erase(const std::string& name) { change({name, nullptr, ""}); }
  void move(const std::string& from, const std::string& to) { change({to, find(from), from}); }

  void sync();
  /// A sync that fails: see FileData::lose.
  void lose() { pending_.clear(); }
  /// Of the changes since the last sync none survives, or all, or the first few, or any.
  void power_cut(Dice& dice);
  /// Somebody changes a name behind our back, durably. Null: the name goes.
  void overwrite(const std::string& name, InodePtr inode);

 private:
  struct Change {
    std::string name;
    InodePtr inode;    // null: the name goes
    std::string from;  // a rename: this name goes in the same step
  };
  static void apply(const Change& change, std::map<std::string, InodePtr>& names);
  void change(Change change);

  std::map<std::string, InodePtr> written_, durable_;
  std::vector<Change> pending_;
};

struct Process;

struct Inode {
  bool is_directory = false;
  FileData data;    // of a file
  Directory names;  // of a directory
  os::Protection protection = os::Protection::kNone;
  os::Protection durable_protection = os::Protection::kNone;

  // In the machine's memory, not on the disk.
  std::array<uint64_t, os::SharedWords::kCount> words{};
  std::shared_ptr<const Process> lock_holder;  // held only while that process lives
  uint64_t lock_id = 0;                        // of the Lock that holds it
  std::thread::id lock_thread;

  /// This and everything below it.
  void power_cut(Dice& dice);
};

}  // namespace stele::sim
