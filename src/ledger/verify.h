// Verification: what a reader with public keys alone can say of a ledger (DESIGN's verdicts, one
// per stream).
//
// Ground truth is the checkpoint. Tiles, entry bundles and volumes are three accounts of the same
// leaves; whichever gives the checkpoint's root is believed, and the others are held against it, so
// that a fault is named where it is.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ledger/keys.h"
#include "ledger/layout.h"
#include "ledger/verdict.h"
#include "receipt/checkpoint.h"
#include "receipt/note.h"
#include "vault/vault.h"

namespace stele::ledger {

struct StreamReport {
  StreamId stream{};
  segment::Kind kind = segment::Kind::kSession;
  Verdict verdict = Verdict::kIntact;
  uint64_t segments = 0, bytes = 0;
  uint64_t gaps = 0;      // segments that hold a gap event
  uint64_t unsealed = 0;  // segments beyond the checkpoint
  struct Expired {
    uint64_t record = 0;  // the leaf that says so
    WallTime at;          // when that was received
  };
  std::optional<Expired> expired;  // some of it, or all, is lawfully gone
  bool skewed = false;             // some segment was taken more than 5 min away from its own time
  std::vector<Fault> faults;
};

struct Report {
  Verdict verdict =
      Verdict::kIntact;  // kIntact, kUnknown, kMissing or kTampered: of the ledger as a whole
  std::string origin;
  std::optional<receipt::Checkpoint> checkpoint;
  uint64_t leaves = 0;                // found in volumes, covered or not
  uint64_t bytes = 0;                 // read and hashed
  std::vector<StreamReport> streams;  // in the order they opened
  std::vector<Fault> faults;          // of the ledger, not of one stream
  std::vector<std::string> notes;     // true, and no fault
};

/// What this reader saw last of a log.
struct Remembered {
  std::string log_vkey;
  std::vector<std::string> host_vkeys;
  std::string policy_vkey;  // empty: none was there
  uint64_t size = 0;
  Hash root{};
};

struct VerifyOptions {
  unsigned threads = 1;
  bool every_signature = false;
  std::optional<Remembered> memory;
  std::optional<Remembered> memory_before;  // of the log that this one is the successor of
  /// Whether a stream without a close is still being recorded; null: nobody can say.
  std::function<bool(const StreamId&)> is_live;
  std::function<void(uint64_t bytes_done, uint64_t bytes_all)> progress;
  /// By the reader's clock: what expired later than that did not. nullopt: it has none.
  std::optional<WallTime> now;
};

struct Trust {
  receipt::VerifierKey log;
  HostKeys hosts;
};

/// Reads the whole ledger; needs no private key and takes no lock, so it may run beside recorders.
/// The error is for what prevents verification itself (a directory that cannot be read); what is
/// wrong with the ledger stands in the report.
Result<Report> verify(os::FileSystem& files, const Layout& layout, const Trust& trust,
                      const VerifyOptions& options);

}  // namespace stele::ledger
