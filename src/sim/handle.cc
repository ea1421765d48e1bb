#include "sim/handle.h"

#include <algorithm>

#include "base/check.h"
#include "os/error.h"

namespace stele::sim {
namespace {

using Guard = std::lock_guard<std::mutex>;

}  // namespace

SimFile::SimFile(ProcessPtr process, InodePtr inode, std::string path, Access access)
    : process_(std::move(process)),
      inode_(std::move(inode)),
      path_(std::move(path)),
      access_(access) {}

Result<size_t> SimFile::read_at(uint64_t offset, MutableByteSpan out) {
  const Guard guard(process_->machine->mutex);
  if (!process_->alive()) return crashed();
  const Bytes& bytes = inode_->data.written();
  if (offset >= bytes.size()) return 0;
  const size_t count = std::min<size_t>(out.size(), bytes.size() - offset);
  std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(offset), count, out.begin());
  return count;
}

Status SimFile::append(std::initializer_list<ByteSpan> parts) {
  const Guard guard(process_->machine->mutex);
  if (!process_->alive()) return crashed();
  if (access_ == Access::kRead) return os::fail_errno("append", path_, EBADF);
  if (inode_->protection == os::Protection::kImmutable) {
    return os::fail_errno("append", path_, EPERM);
  }
  return process_->append(inode_, parts, "append " + path_);
}

Status SimFile::sync() {
  const Guard guard(process_->machine->mutex);
  return process_->sync_data(inode_, "sync " + path_);
}

Result<uint64_t> SimFile::size() {
  const Guard guard(process_->machine->mutex);
  if (!process_->alive()) return crashed();
  return inode_->data.written().size();
}

void SimFile::drop_cache() {
  const Guard guard(process_->machine->mutex);
  if (process_->alive()) inode_->data.drop_cache();
}

SimLock::SimLock(ProcessPtr process, InodePtr inode, uint64_t id)
    : process_(std::move(process)), inode_(std::move(inode)), id_(id) {}

SimLock::~SimLock() {
  const Guard guard(process_->machine->mutex);
  if (inode_->lock_id == id_) inode_->lock_holder = nullptr;
  process_->machine->changed.notify_all();
}

SimSharedWords::SimSharedWords(ProcessPtr process, InodePtr inode)
    : process_(std::move(process)), inode_(std::move(inode)) {}

uint64_t SimSharedWords::load(size_t index) const {
  CHECK(index < kCount);
  const Guard guard(process_->machine->mutex);
  return inode_->words[index];
}

void SimSharedWords::store(size_t index, uint64_t value) {
  CHECK(index < kCount);
  const Guard guard(process_->machine->mutex);
  if (process_->alive()) inode_->words[index] = value;
}

}  // namespace stele::sim
