// CheckpointMemory: what this server published since it started, to hold against what hosts say
// they verified. No I/O.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "receipt/checkpoint.h"

namespace stele::server {

/// The checkpoint that a server finds is to be added before anything is looked up. Thread-safe.
class CheckpointMemory {
 public:
  /// Of the newest: two hours of one a second.
  static constexpr size_t kMost = 7200;

  void add(const receipt::Checkpoint& published);

  enum class Found { kAgrees, kNotKnown, kBeyond, kContradicts };
  /// What is to be thought of a host that verified a checkpoint of that size and root.
  Found look(uint64_t size, const Hash& root) const;
  /// Whether it is to be told: once, and of what is beyond not before the host says it again, for
  /// it may have seen a checkpoint that is being added here.
  bool is_to_be_told(const std::string& host, uint64_t size, Found found);

 private:
  mutable std::mutex mutex_;  // guards what follows
  std::map<uint64_t, Hash> published_;
  struct Doubt {
    uint64_t size = 0;
    int beyond = 0;  // how often
    bool was_told = false;
  };
  std::map<std::string, Doubt> doubts_;  // by host
};

}  // namespace stele::server
