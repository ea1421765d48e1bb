#include "ledger/stream_check.h"

#include <algorithm>

#include "base/hex.h"
#include "crypto/ed25519.h"

namespace stele::ledger {
namespace {

constexpr std::string_view kPruneName = "/prune";  // ends the name of a prune key, and of no other
constexpr Micros kSkewMax = std::chrono::minutes(5);

bool is_skewed(const segment::Leaf& leaf) {
  const Micros late = leaf.received - (leaf.wall_first + Micros(leaf.duration_us));
  return late > kSkewMax || late < -kSkewMax;
}

}  // namespace

StreamCheck::State& StreamCheck::state(const StreamId& stream, segment::Kind kind) {
  const auto [at, fresh] = index_.try_emplace(stream, states_.size());
  if (fresh) {
    states_.emplace_back();
    states_.back().report.stream = stream;
    states_.back().report.kind = kind;
  }
  return states_[at->second];
}

void StreamCheck::check_chain(State& s, const ScannedRecord& record, const std::string& where) {
  const segment::Header& h = record.header;
  const auto blame = [&](Verdict weight, std::string what, const std::string& why) {
    s.report.faults.push_back({weight, std::move(what), where + ": " + why});
  };
  if (s.closed) {
    blame(Verdict::kTampered, "after close",
          "segment " + std::to_string(h.sequence) + " stands behind the closing one");
  } else if (h.sequence > s.next_sequence) {
    // Where the ledger already told which leaves are gone, this repeats nothing.
    if (!s.broken) {
      blame(Verdict::kMissing, "missing",
            "segments " + std::to_string(s.next_sequence) + " to " +
                std::to_string(h.sequence - 1) + " of the stream are not there");
    }
  } else if (h.sequence < s.next_sequence) {
    blame(Verdict::kTampered, "duplicate",
          "segment " + std::to_string(h.sequence) + " stands here a second time");
  } else if (s.started && h.previous != s.last_hash) {
    blame(Verdict::kTampered, "broken chain",
          "names " + to_hex(h.previous).substr(0, 16) + "… as the segment before; that is " +
              to_hex(s.last_hash).substr(0, 16) + "…");
  }
}

void StreamCheck::check_key(State& s, const ScannedRecord& record, const std::string& where) {
  const segment::Header& h = record.header;
  const auto blame = [&](Verdict weight, std::string what, const std::string& why) {
    s.report.faults.push_back({weight, std::move(what), where + ": " + why});
  };
  const auto key = epochs_.find(hosts_, {h.host_key, h.key_epoch});
  s.signer = key ? std::optional(key->entry) : std::nullopt;
  if (!key && h.kind == segment::Kind::kPrune) {
    blame(Verdict::kUnknown, "unknown prune key",
          "signed by key " + to_hex(h.host_key) + ", which no policy here names");
  } else if (!key) {
    blame(keys_lost_ ? Verdict::kUnknown : Verdict::kTampered, "unknown host key",
          "signed by key " + to_hex(h.host_key) + " of epoch " + std::to_string(h.key_epoch) +
              (keys_lost_ ? ", which a lost record of its host's stream may have introduced"
                          : ", which no trusted host has"));
  } else if (key->entry.name.ends_with(kPruneName) != (h.kind == segment::Kind::kPrune)) {
    blame(Verdict::kTampered, "not its key's",
          "a " + std::string(segment::kind_name(h.kind)) + " stream, signed by " + key->entry.name);
  } else {
    const auto before = s.started && !s.broken
                            ? std::optional<KeyEpochs::Named>({s.host_key, s.last_epoch})
                            : std::nullopt;
    if (const auto fault = epochs_.check(*key, h, record.hashes.segment, before))
      blame(Verdict::kTampered, fault->what, fault->why);
    if (key->not_before && h.wall_first < *key->not_before - kSkewMax)
      blame(Verdict::kTampered, "key before its time",
            "claims " + rfc3339(h.wall_first) + "; its key is of " + rfc3339(*key->not_before));
  }
  if (h.key_epoch < s.epoch) {
    s.report.faults.push_back({Verdict::kTampered, "older key epoch",
                               where + ": epoch " + std::to_string(h.key_epoch) + " after epoch " +
                                   std::to_string(s.epoch)});
  }
}

void StreamCheck::check_signature(State& s) {
  const auto& host = s.signer;
  if (!host || s.signed_where.empty()) return;  // said by check_key
  if (!crypto::verify(host->key, s.message, s.signature)) {
    s.report.faults.push_back({Verdict::kTampered, "bad signature",
                               s.signed_where + ": not signed by host key " + to_hex(host->id) +
                                   " (" + host->name + ")"});
  }
  s.signed_where.clear();
}

// What a host's own stream says of its keys, before anything that they signed is judged.
void StreamCheck::learn_keys(State& s, const ScannedRecord& record, const std::string& where) {
  const auto tail_of = [this](const StreamId& stream) -> std::optional<segment::Tail> {
    const auto found = index_.find(stream);
    if (found == index_.end() || !states_[found->second].started) return std::nullopt;
    const State& known = states_[found->second];
    return segment::Tail{known.host_key, known.next_sequence, known.closed, known.last_hash};
  };
  for (KeyFault& fault :
       epochs_.take_host_segment(hosts_, record.header, record.manifest, tail_of)) {
    s.report.faults.push_back(
        {Verdict::kTampered, std::move(fault.what), where + ": " + fault.why});
  }
}

// Signed with the ledger's own key.
bool StreamCheck::is_own(const State& s) const {
  return s.signer && s.signer->name == hosts_.entries().front().name;
}

// Which streams the server took for cut. That is for nobody else to say.
void StreamCheck::learn_cuts(State& s, const ScannedRecord& record, const std::string& where) {
  if (record.manifest.empty() || !is_own(s)) return;
  const auto manifest = segment::parse_manifest(record.manifest);
  if (manifest) return cuts_.take(*manifest);
  s.report.faults.push_back(
      {Verdict::kTampered, "bad manifest", where + ": " + manifest.error().message()});
}

std::vector<std::string> StreamCheck::missing_tails() const {
  std::vector<std::string> notes;
  for (const segment::Standing& wanted : epochs_.awaited()) {
    const auto found = index_.find(wanted.stream);
    const uint32_t has = found == index_.end() ? 0 : states_[found->second].next_sequence;
    if (has >= wanted.next_sequence) continue;
    notes.push_back("missing tail: stream " + to_string(wanted.stream) + " had " +
                    std::to_string(wanted.next_sequence) +
                    " segments when its host's key rotated; the ledger holds " +
                    std::to_string(has));
  }
  return notes;
}

void StreamCheck::take(const ScannedRecord& record, bool covered, const std::string& where) {
  const segment::Header& h = record.header;
  State& s = state(h.stream, h.kind);
  check_chain(s, record, where);
  if (s.started && (every_signature_ || s.last_epoch != h.key_epoch || s.host_key != h.host_key))
    check_signature(s);
  if (h.kind == segment::Kind::kHost) learn_keys(s, record, where);
  check_key(s, record, where);
  if (h.kind == segment::Kind::kServer) learn_cuts(s, record, where);
  if (h.kind == segment::Kind::kHost) learn_predecessor(s, record);
  epochs_.took(h.stream, h.sequence, h.has(segment::kClose));

  s.started = true;
  s.broken = false;
  s.closed = s.closed || h.has(segment::kClose);
  s.next_sequence = h.sequence + 1;
  s.last_hash = record.hashes.segment;
  s.epoch = std::max(s.epoch, h.key_epoch);
  s.last_epoch = h.key_epoch;
  s.host_key = h.host_key;
  s.message = record.hashes.message;
  s.signature = record.signature;
  s.signed_where = where;
  s.report.segments += 1;
  s.report.bytes += record.leaf.segment_bytes;
  s.report.gaps += h.has(segment::kGap) ? 1 : 0;
  s.report.unsealed += covered ? 0 : 1;
  s.report.skewed = s.report.skewed || is_skewed(record.leaf);
}

void StreamCheck::blame(const segment::Leaf& leaf, Fault fault) {
  State& s = state(leaf.stream, leaf.kind);
  s.report.faults.push_back(std::move(fault));
  s.broken = true;
  note_lost(leaf.kind);
  if (leaf.sequence == s.next_sequence) {
    // The true leaf says what its segment was: the chain goes on behind it.
    s.next_sequence = leaf.sequence + 1;
    s.last_hash = leaf.segment_hash;
    s.started = true;
    s.closed = s.closed || leaf.has(segment::kClose);
  }
}

void StreamCheck::blame(const StreamId& stream, Fault fault) {
  State& s = state(stream, segment::Kind::kSession);
  s.report.faults.push_back(std::move(fault));
  s.broken = true;
  note_lost(s.report.kind);
}

// The true leaf says what its segment was: the chain goes on behind it.
void StreamCheck::pass_gone(const segment::Leaf& leaf) {
  State& s = state(leaf.stream, leaf.kind);
  epochs_.took(leaf.stream, leaf.sequence, leaf.has(segment::kClose));
  s.started = true;
  s.broken = true;
  s.closed = s.closed || leaf.has(segment::kClose);
  s.next_sequence = leaf.sequence + 1;
  s.last_hash = leaf.segment_hash;
}

void StreamCheck::expire(const StreamId& stream, uint64_t record, WallTime at) {
  StreamReport& report = state(stream, segment::Kind::kSession).report;
  report.expired = StreamReport::Expired{record, at};
}

void StreamCheck::accuse(const StreamId& stream, Fault fault) {
  state(stream, segment::Kind::kSession).report.faults.push_back(std::move(fault));
}

// What a host's own stream goes on with is over: an agent that was killed does not close it.
void StreamCheck::learn_predecessor(const State& s, const ScannedRecord& record) {
  const auto manifest = segment::parse_manifest(record.manifest);
  if (manifest && manifest->continues && s.signer)
    continued_.insert_or_assign(manifest->continues->stream, s.signer->name);
}

// Of another host's stream without an end: until then it is open.
bool StreamCheck::is_over(const State& s) const {
  const auto by = continued_.find(s.report.stream);
  return cuts_.is_cut({s.report.stream, s.next_sequence, s.last_hash}) ||
         (by != continued_.end() && by->second == s.signer->name);
}

std::vector<StreamReport> StreamCheck::finish(const std::function<bool(const StreamId&)>& is_live) {
  std::vector<StreamReport> reports;
  for (State& s : states_) {
    check_signature(s);
    Verdict& verdict = s.report.verdict;
    if (!s.closed) {
      const bool is_of_another_host = s.signer && !is_own(s);
      const bool may_go_on = is_of_another_host ? !is_over(s) : is_live && is_live(s.report.stream);
      verdict = may_go_on ? Verdict::kOpen : Verdict::kCut;
    } else if (s.report.unsealed > 0) {
      verdict = Verdict::kUnsealed;
    }
    if (s.report.expired) verdict = Verdict::kExpired;
    for (const Fault& f : s.report.faults) verdict = std::max(verdict, f.weight);
    reports.push_back(std::move(s.report));
  }
  return reports;
}

}  // namespace stele::ledger
