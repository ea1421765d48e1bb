// For tests: a disk that hangs, for all threads but one.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "os/posix_file_system.h"

namespace stele::server {

/// Volumes can not be read for now by any thread but the one that made this.
class SlowFiles : public os::PosixFileSystem {
 public:
  Result<std::unique_ptr<os::File>> open_read(const std::string& path) override {
    TRY(auto file, os::PosixFileSystem::open_read(path));
    if (!path.ends_with(".vol")) return file;
    return std::make_unique<Slow>(*this, std::move(file));
  }
  void open_the_gate() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    opened_.notify_all();
  }

 private:
  class Slow : public os::File {
   public:
    Slow(SlowFiles& files, std::unique_ptr<os::File> file)
        : files_(files), file_(std::move(file)) {}
    Result<size_t> read_at(uint64_t offset, MutableByteSpan out) override {
      files_.wait();
      return file_->read_at(offset, out);
    }
    Status append(std::initializer_list<ByteSpan> parts) override { return file_->append(parts); }
    Status sync() override { return file_->sync(); }
    Result<uint64_t> size() override { return file_->size(); }
    void drop_cache() override {}

   private:
    SlowFiles& files_;
    const std::unique_ptr<os::File> file_;
  };
  void wait() {
    if (std::this_thread::get_id() == maker_) return;
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return is_open_; });
  }

  const std::thread::id maker_ = std::this_thread::get_id();
  std::mutex mutex_;
  std::condition_variable opened_;
  bool is_open_ = false;
};

}  // namespace stele::server
