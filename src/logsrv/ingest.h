// Ingest: what a host sends, checked, committed and answered (docs/formats/api.md, "POST
// /v1/segments").
#pragma once

#include <memory>
#include <set>
#include <string>

#include "ledger/keys.h"
#include "logsrv/ingest_keys.h"
#include "logsrv/leaf_finder.h"
#include "logsrv/sequencer.h"
#include "wire/segments.h"

namespace stele::logsrv {

/// Whose segments are taken, and sealed for whom.
struct Admission {
  std::string origin;               // the first log's (ledger::first_origin)
  ledger::HostKeys hosts;           // a host NAME signs with keys named ORIGIN/host/NAME
  std::set<Hash> recipients_lists;  // SHA-256 of each signed list that was ever in force
  std::shared_ptr<IngestKeys> keys = std::make_shared<IngestKeys>();  // beyond the enrolled ones
};

/// Any thread. Everything it was given is answered before it may go.
class Ingest {
 public:
  /// A whole batch is answered, or refused as what it is: kCorrupt, kLimit (not such a request),
  /// kBusy, kIo (nothing is known: send it again).
  using Reply = std::function<void(Result<std::vector<wire::Answer>>)>;
  /// Runs a piece of work soon, on another thread than the sequencer's; false: no room.
  using Defer = std::function<bool(std::function<void()>)>;

  /// Told of each segment that is refused for good. On any thread, the sequencer's too: must be
  /// quick.
  using OnRefused = std::function<void(const std::string& host, const StreamId& stream,
                                       uint32_t sequence, const wire::Refused& why)>;

  Ingest(Sequencer& sequencer, LeafFinder& finder, Defer defer, OnRefused on_refused = nullptr);

  /// From now on; batches on their way are judged by what was before.
  void admit(std::shared_ptr<const Admission> admission);

  /// `host`: from its certificate. Hashes and checks signatures on the caller's thread.
  void take(const std::string& host, Bytes body, Reply reply);

 private:
  struct Request;
  using RequestPtr = std::shared_ptr<Request>;

  std::shared_ptr<const Admission> admission() const;
  void committed(const RequestPtr& request, const ledger::Ledger& ledger,
                 Sequencer::Results results);
  void find_again(Request& request) const;
  wire::Refused conflict(const segment::Header& header) const;

  Sequencer& sequencer_;
  LeafFinder& finder_;
  const Defer defer_;
  const OnRefused on_refused_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Admission> admission_;
};

/// Lets a host go on only with its own streams: the rule for a server's ledger.
ledger::OwnerRule same_host(std::function<std::shared_ptr<const Admission>()> admission);

}  // namespace stele::logsrv
