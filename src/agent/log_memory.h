// LogMemory: the checkpoint a host believed last, and what proves that a log lied to it
// (docs/formats/agent-state.md).
#pragma once

#include "agent/log_watch.h"
#include "ledger/predecessor.h"
#include "os/file_system.h"

namespace stele::agent {

/// Not thread-safe.
class LogMemory {
 public:
  /// `directory`: durable, this host's own. `predecessor`: of a log that is a successor: what was
  /// believed of the one before holds of its first leaves.
  LogMemory(os::FileSystem& files, std::string directory, receipt::VerifierKey log_key,
            std::optional<ledger::Predecessor> predecessor = std::nullopt)
      : files_(files),
        directory_(std::move(directory)),
        log_key_(std::move(log_key)),
        predecessor_(std::move(predecessor)) {}

  /// What was believed last: of a fresh host, the empty tree. kUnauthentic, kCorrupt: the file is
  /// not what this log signed; a person has to look, since believing less would forgive a
  /// roll-back.
  Result<receipt::Checkpoint> load() const;
  /// Makes what the watch believes durable, if it is more than before; and what contradicts it.
  Status keep(const LogWatch& watch);

 private:
  Status keep_evidence(ByteSpan note);

  os::FileSystem& files_;
  const std::string directory_;
  const receipt::VerifierKey log_key_;
  const std::optional<ledger::Predecessor> predecessor_;
  uint64_t kept_size_ = 0;
};

}  // namespace stele::agent
