// Holds: what is not to go, whatever its retention says; asked for by one person, approved by
// another (docs/formats/holds.md). The files are what this server knows of them; what is in force
// stands in its stream.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "ledger/layout.h"
#include "os/file_system.h"
#include "wire/hold.h"

namespace stele::server {

using wire::Hold;

/// Any thread.
class Holds {
 public:
  Holds(os::FileSystem& files, const ledger::Layout& layout) : files_(files), layout_(layout) {}

  /// By id, which is by time.
  Result<std::vector<Hold>> all() const;
  Result<Hold> find(const StreamId& id) const;
  /// The hold with one step more, as it is to be written down. kPermission: who asked does not
  /// approve; kConflict: it is at another step.
  static Result<Hold> approved(Hold hold, const std::string& by, WallTime at);
  static Result<Hold> release_asked(Hold hold, const std::string& by, WallTime at,
                                    const std::string& why);
  /// Durable when it returns; what the stream says stands there already.
  Status store(const Hold& hold);

 private:
  std::string path(const StreamId& id) const;

  os::FileSystem& files_;
  const ledger::Layout layout_;
  mutable std::mutex mutex_;  // one writer
};

}  // namespace stele::server
