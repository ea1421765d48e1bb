#include "os/posix_shared_words.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "base/check.h"
#include "os/error.h"
#include "os/posix_file.h"

namespace stele::os {
namespace {

constexpr size_t kWordBytes = SharedWords::kCount * sizeof(uint64_t);
constexpr size_t kBootIdBytes = 36;  // a UUID in text
constexpr const char* kBootIdPath = "/proc/sys/kernel/random/boot_id";

using Contents = std::array<uint8_t, kWordBytes + kBootIdBytes>;

class MappedWords : public SharedWords {
 public:
  explicit MappedWords(uint64_t* words) : words_(words) {}
  ~MappedWords() override { ::munmap(words_, kWordBytes); }
  MappedWords(const MappedWords&) = delete;
  MappedWords& operator=(const MappedWords&) = delete;

  uint64_t load(size_t index) const override { return word(index).load(); }
  void store(size_t index, uint64_t value) override { word(index).store(value); }

 private:
  std::atomic_ref<uint64_t> word(size_t index) const {
    CHECK(index < kCount);
    return std::atomic_ref<uint64_t>(words_[index]);
  }
  uint64_t* const words_;
};

// What a file of this boot begins as: no word set yet.
Result<Contents> fresh_contents() {
  Contents fresh{};
  TRY(const Fd fd, open_regular("read", kBootIdPath, O_RDONLY));
  const auto id = MutableByteSpan(fresh).subspan(kWordBytes);
  TRY(const size_t size, read_all("read", fd.get(), kBootIdPath, 0, id));
  if (size != id.size()) return fail(Code::kIo, std::string("read ") + kBootIdPath + ": too short");
  return fresh;
}

// Zeroes the words unless they belong to this boot. The caller holds the file's lock.
Status begin_boot(int fd, const std::string& path) {
  TRY(const Contents fresh, fresh_contents());
  Contents now{};
  TRY_VOID(read_all("share", fd, path, 0, now));
  if (std::equal(now.begin() + kWordBytes, now.end(), fresh.begin() + kWordBytes)) return {};
  // Blocks first: a store to a page that a full disk cannot back would end the process with SIGBUS.
  if (const int error = ::posix_fallocate(fd, 0, fresh.size()); error != 0) {
    return fail_errno("share", path, error);
  }
  const ssize_t written = retry([&] { return ::pwrite(fd, fresh.data(), fresh.size(), 0); });
  if (written == static_cast<ssize_t>(fresh.size())) return {};
  return fail_errno("share", path, written < 0 ? errno : EIO);
}

}  // namespace

Result<std::unique_ptr<SharedWords>> map_shared_words(const std::string& path) {
  TRY(const Fd fd, open_regular("share", path, O_RDWR | O_CREAT | O_NOFOLLOW));
  if (retry([&] { return ::flock(fd.get(), LOCK_EX); }) != 0) return fail_errno("share", path);
  TRY_VOID(begin_boot(fd.get(), path));
  // A mapping keeps its open file, and with it the lock: unlocks first.
  if (::flock(fd.get(), LOCK_UN) != 0) return fail_errno("share", path);
  void* const memory = ::mmap(nullptr, kWordBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return fail_errno("share", path);
  return std::make_unique<MappedWords>(static_cast<uint64_t*>(memory));
}

}  // namespace stele::os
