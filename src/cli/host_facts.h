// HostFacts: what hosts say of themselves in their own streams, held against what the ledger has.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli/host_coverage.h"
#include "cli/session_reader.h"
#include "ledger/keys.h"

namespace stele::cli {

/// Of one host, in the order they were sealed.
struct HostFacts {
  std::string name;
  std::string machine_id = {}, state = {};
  WallTime heard = {};  // its last event
  uint32_t epoch = 0;
  uint64_t newest = 0,
           open = 0;  // sessions: the newest one's number, and how many are recorded now
  std::optional<uint64_t> expected = {};  // the next session's number
  std::optional<event::HostSummary> summary = {};
  std::vector<event::SessionNumber> missing = {};  // of which the ledger has no stream
  std::vector<std::pair<uint64_t, uint64_t>> skipped =
      {};  // numbers that nobody explains: from, to
  std::vector<std::pair<WallTime, event::ClockStep>> steps = {};
  std::vector<std::pair<WallTime, event::Finding>> findings = {};
  HostCoverage coverage = {};
};

/// What a reader has to look into: sessions that are missing, numbers that were skipped, steps of
/// the clock; a line each, fit for a terminal.
std::vector<std::string> doubts(const HostFacts& host);

class HostReader {
 public:
  /// All must outlive the reader; the source is loaded.
  HostReader(Source& source, ledger::HostKeys keys, std::span<const crypto::Identity> identities)
      : source_(source), keys_(std::move(keys)), reader_(source, identities) {}

  /// Of what can be read; a stream that can not be hides no other.
  std::vector<HostFacts> read();
  /// Streams that this reader has no key for.
  size_t sealed() const { return sealed_; }
  /// Why streams could not be read to their end.
  const std::vector<Error>& unread() const { return unread_; }

 private:
  Status read_stream(const ledger::StreamRef& stream);
  Result<std::string> name_of(const ledger::StreamRef& stream);
  HostFacts& facts_of(const std::string& name);
  void note(HostFacts& host, const TimedEvent& e);
  void number(HostFacts& host, const event::SessionNumber& session);

  Source& source_;
  const ledger::HostKeys keys_;
  SessionReader reader_;
  std::map<StreamId, std::string> names_;
  std::vector<HostFacts> hosts_;
  size_t sealed_ = 0;
  std::vector<Error> unread_;
};

}  // namespace stele::cli
