// Expiry: whether what is not there any more went lawfully (docs/formats/prune-stream.md, "Rules").
// Fed in the ledger's order; who reads and who prunes judge by the same. No I/O.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/hold_marks.h"
#include "ledger/policy_history.h"
#include "ledger/verdict.h"

namespace stele::ledger {

class Expiry {
 public:
  /// `policies` must outlive it. `now`: by the clock of who judges; nullopt: it has none.
  Expiry(const PolicyHistory& policies, std::optional<WallTime> now)
      : policies_(policies), now_(now) {}

  /// Every leaf, in order.
  void take(uint64_t index, const segment::Leaf& leaf);
  /// What the segment of the leaf taken last says in clear: of the ledger's own key.
  void take_holds(const segment::Manifest& manifest) { holds_.take(manifest); }
  /// The same, of a prune key.
  void take_expired(const segment::Manifest& manifest);

  /// Why a stream has to stay on that day; nullopt: it need not.
  std::optional<std::string> why_kept(const StreamId& stream, uint32_t day) const;
  /// The day that is over by every clock that the ledger has seen, and by that of who judges; of
  /// the leaves taken so far.
  uint32_t proven_day() const;

  /// Of a leaf that is not there, once all were taken.
  struct Judged {
    Verdict weight = Verdict::kMissing;  // kExpired: it went lawfully; kUnknown: who can tell?
    std::string why = {};                // why it is not kExpired
    uint64_t record = 0;                 // the leaf that says so
    WallTime at = {};                    // when that was received
  };
  Judged judge(uint64_t index, const StreamId& stream) const;

 private:
  struct Record {
    uint64_t index = 0;
    segment::HostKeyId key{};
    WallTime received = {};
    WallTime before = {};              // not later than this, as what was known then says
    WallTime after = WallTime::max();  // the same, as what came later says
    std::vector<segment::LeafRange> ranges = {};
    std::shared_ptr<const HoldMarks> holds = {};
  };
  std::optional<std::string> why_kept(const StreamId& stream, uint32_t day,
                                      const HoldMarks& holds) const;
  uint32_t day_of_record(size_t record) const;
  Judged judge_by(const Record& record, uint32_t day, const StreamId& stream) const;

  const PolicyHistory& policies_;
  const std::optional<WallTime> now_;
  std::map<StreamId, StreamLife> lives_;
  HoldMarks holds_;
  std::vector<Record> records_;
  segment::Leaf last_;
  uint64_t last_index_ = 0;
  WallTime hosts_;  // the latest that a host's own clock said
};

}  // namespace stele::ledger
