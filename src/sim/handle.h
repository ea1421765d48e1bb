// What a simulated process holds open.
#pragma once

#include "sim/machine.h"

namespace stele::sim {

using ProcessPtr = std::shared_ptr<Process>;
enum class Access { kRead, kAppend };

class SimFile : public os::File {
 public:
  SimFile(ProcessPtr process, InodePtr inode, std::string path, Access access);

  Result<size_t> read_at(uint64_t offset, MutableByteSpan out) override;
  Status append(std::initializer_list<ByteSpan> parts) override;
  Status sync() override;
  Result<uint64_t> size() override;
  void drop_cache() override;

 private:
  const ProcessPtr process_;
  const InodePtr inode_;
  const std::string path_;
  const Access access_;
};

class SimLock : public os::Lock {
 public:
  /// The caller has written `id` and the process into the inode.
  SimLock(ProcessPtr process, InodePtr inode, uint64_t id);
  ~SimLock() override;

 private:
  const ProcessPtr process_;
  const InodePtr inode_;
  const uint64_t id_;
};

class SimSharedWords : public os::SharedWords {
 public:
  SimSharedWords(ProcessPtr process, InodePtr inode);

  uint64_t load(size_t index) const override;
  void store(size_t index, uint64_t value) override;

 private:
  const ProcessPtr process_;
  const InodePtr inode_;
};

}  // namespace stele::sim
