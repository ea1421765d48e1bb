// Scrub: everything that is stored, read again a volume at a time, always the one that was read
// the longest ago; what was read when stands in state/scrub (docs/formats/ledger.md, "Scrub").
//
// It asks of each record whether it is still what the newest checkpoint commits to, and no more:
// what became of one that is not, `stele verify` tells.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "ledger/layout.h"
#include "ledger/verdict.h"
#include "os/file_system.h"
#include "receipt/checkpoint.h"
#include "receipt/key.h"
#include "vault/local_vault.h"

namespace stele::ledger {

/// What is remembered of a volume.
struct Scrubbed {
  uint64_t pass = 0;          // the last that read it
  WallTime at;                // when
  uint64_t next = 0;          // it was read up to before this leaf
  uint64_t faults = 0;        // that were found then
  bool is_immutable = false;  // it could not be changed
  bool has_verity = false;    // the file system held what is read against hashes of its own
  bool operator==(const Scrubbed&) const = default;
};

/// A pass reads each volume that was there when it began once.
struct ScrubMemory {
  uint64_t pass = 0;  // the one that goes on, or was the last; 0: there was none
  WallTime began;     // when it did
  uint64_t volumes = 0, leaves = 0, bytes = 0, faults = 0;  // read in it
  std::map<vault::VolumeName, Scrubbed> known;
  bool operator==(const ScrubMemory&) const = default;
};
std::string encode(const ScrubMemory& memory);
/// kCorrupt: torn, altered, or none.
Result<ScrubMemory> parse_scrub_memory(std::string_view text);

struct ScrubStep {
  vault::VolumeName volume;
  uint64_t first = 0, next = 0;  // leaves that were read
  uint64_t bytes = 0;
  std::vector<Fault> faults;  // the first of them
};

/// One thread. The directory's state is written: its owner's to run.
class Scrub {
 public:
  /// `files` and `clock` must outlive it.
  Scrub(os::FileSystem& files, const Layout& layout, receipt::VerifierKey log, Clock& clock);

  /// Reads what is remembered; what is none is forgotten, and everything is read anew.
  Status open();
  /// How many volumes the pass that goes on has still to read; 0: it is over.
  Result<size_t> left() const;
  /// How many bytes these are.
  Result<uint64_t> bytes_left() const;
  /// Another pass. `wait`: for another process that reads; else it is kBusy, here and below.
  Status begin(os::Wait wait);
  /// Reads the volume that was read the longest ago, and remembers it. `progress`: bytes, as they
  /// are read; it may take its time. An error: nothing can be judged (no checkpoint that holds), or
  /// remembered.
  Result<ScrubStep> step(os::Wait wait, const std::function<void(uint64_t bytes)>& progress);

  const ScrubMemory& memory() const { return memory_; }

 private:
  Result<std::unique_ptr<os::Lock>> lock(os::Wait wait);
  Result<receipt::Checkpoint> checkpoint() const;
  ScrubStep without_volumes() const;
  Result<std::vector<vault::VolumeName>> due() const;
  Result<ScrubStep> read(const std::vector<vault::VolumeName>& all, size_t which,
                         const receipt::Checkpoint& checkpoint, bool is_last_try,
                         const std::function<void(uint64_t bytes)>& progress) const;
  void note_missing(const std::vector<vault::VolumeName>& all, ScrubStep& step) const;
  void look_at_protection(bool is_closed, ScrubStep& step, Scrubbed& now) const;

  os::FileSystem& files_;
  const Layout layout_;
  const receipt::VerifierKey log_;
  Clock& clock_;
  const vault::LocalVault vault_;
  ScrubMemory memory_;
};

}  // namespace stele::ledger
