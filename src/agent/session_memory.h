// SessionMemory: what has to outlive the agent so that its sessions can go on
// (docs/formats/agent-state.md).
#pragma once

#include <string>
#include <vector>

#include "agent/session_host.h"
#include "os/file_system.h"
#include "spool/account.h"

namespace stele::agent {

struct RememberedSession {
  StreamId id{};
  Owner owner;
  wire::Terms terms;
  StreamId stream{};  // where it is written now
  spool::Room room = spool::Room::kOrdinary;
  uint8_t retention_class = 0;
  event::Start start;
  bool operator==(const RememberedSession&) const = default;
};

/// A directory of one small file for each session, on a file system that a reboot empties. Any
/// thread, if no two work on one session.
class SessionMemory {
 public:
  SessionMemory(os::FileSystem& files, std::string directory, std::string boot_id)
      : files_(files), directory_(std::move(directory)), boot_id_(std::move(boot_id)) {}

  Status prepare() { return files_.make_directories(directory_); }
  Status remember(const RememberedSession& session);
  /// kNotFound: there is none of this boot.
  Result<RememberedSession> recall(const StreamId& id) const;
  Status forget(const StreamId& id);
  Result<std::vector<StreamId>> all() const;

  /// Beside a session's file, what a client of sudo's log protocol said; forget() removes it too.
  std::string sudo_notes(const StreamId& id) const { return path(id) + ".sudo"; }
  os::FileSystem& files() { return files_; }

 private:
  std::string path(const StreamId& id) const { return directory_ + "/" + to_string(id); }

  os::FileSystem& files_;
  const std::string directory_, boot_id_;
};

std::string encode(const RememberedSession& session, std::string_view boot_id);
/// kCorrupt: not that. `boot_id`: kNotFound if it is another boot's.
Result<RememberedSession> parse_session(std::string_view text, std::string_view boot_id);

}  // namespace stele::agent
