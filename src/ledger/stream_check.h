// Holds each stream's records against the rules of a chain, and remembers what is wrong with which.
#pragma once

#include <map>
#include <unordered_map>

#include "ledger/cut_marks.h"
#include "ledger/key_epochs.h"
#include "ledger/record_scan.h"
#include "ledger/verify.h"

namespace stele::ledger {

class StreamCheck {
 public:
  StreamCheck(const HostKeys& hosts, bool every_signature)
      : hosts_(hosts), every_signature_(every_signature) {}

  /// The next record in the ledger's order, already known to be whole and (if covered) the leaf the
  /// checkpoint commits to.
  void take(const ScannedRecord& record, bool covered, const std::string& where);
  /// A leaf of this stream that is known to have been there, whose record is not (or not right).
  void blame(const segment::Leaf& leaf, Fault fault);
  void blame(const StreamId& stream, Fault fault);
  /// A leaf in the ledger's order whose record is not there: whether lawfully, is said later.
  void pass_gone(const segment::Leaf& leaf);
  /// That it was: the leaf that says so, and when.
  void expire(const StreamId& stream, uint64_t record, WallTime at);
  /// Something is wrong with the stream whose records are there.
  void accuse(const StreamId& stream, Fault fault);

  /// Checks the signatures still owed and gives each stream its verdict.
  std::vector<StreamReport> finish(const std::function<bool(const StreamId&)>& is_live);
  /// What streams lack that their host, when its key rotated, said to have. To be asked before
  /// finish().
  std::vector<std::string> missing_tails() const;

 private:
  struct State {
    StreamReport report;
    uint32_t next_sequence = 0;
    Hash last_hash{};
    bool started = false, closed = false, broken = false;
    uint32_t epoch = 0, last_epoch = 0;  // the greatest, and the last segment's
    // The newest signature of the current epoch: it vouches for all before it.
    segment::HostKeyId host_key{};
    std::optional<HostKeys::Entry> signer;  // nullopt: said to be unknown
    std::array<uint8_t, 16 + 32> message{};
    std::array<uint8_t, segment::kSignatureBytes> signature{};
    std::string signed_where;
  };
  State& state(const StreamId& stream, segment::Kind kind);
  void check_chain(State& s, const ScannedRecord& record, const std::string& where);
  void check_key(State& s, const ScannedRecord& record, const std::string& where);
  bool is_own(const State& s) const;
  void learn_cuts(State& s, const ScannedRecord& record, const std::string& where);
  void learn_predecessor(const State& s, const ScannedRecord& record);
  bool is_over(const State& s) const;
  void learn_keys(State& s, const ScannedRecord& record, const std::string& where);
  void note_lost(segment::Kind kind) { keys_lost_ = keys_lost_ || kind == segment::Kind::kHost; }
  void check_signature(State& s);

  const HostKeys& hosts_;
  const bool every_signature_;
  KeyEpochs epochs_;
  CutMarks cuts_;
  std::map<StreamId, std::string> continued_;  // by a host's own stream: of which host
  bool keys_lost_ = false;  // a host stream's record is not there: what it introduced is not known
  std::map<StreamId, size_t> index_;
  std::vector<State> states_;  // in the order they opened
};

}  // namespace stele::ledger
