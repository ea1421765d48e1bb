// KeyEpochs: which key of a host may sign what, and where its time is over, as the hosts' own
// streams say (docs/formats/host-stream.md, "Rules"). Fed with segments in the ledger's order. No
// I/O.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/keys.h"
#include "segment/chain.h"
#include "segment/manifest.h"

namespace stele::ledger {

/// Why a key may not sign what it signed: `what` in two or three words, as in a Fault.
struct KeyFault {
  std::string what, why;
};

/// Memory: for each host its current key and the last 64; what was agreed on and has not come.
class KeyEpochs {
 public:
  static constexpr size_t kEndedKept = 64;  // of a host's keys; older ones are unknown

  using Named = std::pair<segment::HostKeyId, uint32_t>;  // a key, and its epoch
  struct Key {
    HostKeys::Entry entry;
    std::optional<WallTime> not_before;  // of a key that another one introduced
  };
  /// Where a stream stands in the ledger; nullopt: nowhere.
  using TailOf = std::function<std::optional<segment::Tail>(const StreamId&)>;

  /// nullopt: nobody introduced it, or long ago.
  std::optional<Key> find(const HostKeys& enrolled, const Named& key) const;

  /// Whether the rotation in a host stream's manifest holds: rule 1, but for its list.
  std::optional<KeyFault> check_rotation(const HostKeys& enrolled, const segment::Header& header,
                                         ByteSpan manifest_bytes,
                                         const segment::Manifest& manifest) const;

  /// The next segment of a host's stream, which stands in the ledger; `manifest`: empty if it has
  /// none. What is wrong with it; a rotation that does not hold introduces nothing.
  std::vector<KeyFault> take_host_segment(const HostKeys& enrolled, const segment::Header& header,
                                          ByteSpan manifest, const TailOf& tail_of);

  /// Whether this key may sign this segment here: rules 2 and 3. `before`: what signed the segment
  /// before it in its stream, where that is known.
  std::optional<KeyFault> check(const Key& key, const segment::Header& header, const Hash& hash,
                                const std::optional<Named>& before) const;

  /// A segment stands in the ledger: what was agreed on up to it need not be remembered.
  void took(const StreamId& stream, uint32_t sequence, bool closes);

  /// Forgets what was agreed on and is there, for one who did not know where streams stood.
  void forget_what_came(const TailOf& tail_of);

  bool is_ended(const Named& key) const { return ended_.contains(key); }
  /// Whose key it is that a rotation introduced; empty: none.
  std::string host_of(const segment::HostKeyId& key) const;
  /// The newest epoch of a host's keys that a rotation introduced; 0: none.
  uint32_t newest_epoch(const std::string& host) const;
  /// As in the tails' snapshot (docs/formats/ledger.md).
  void encode(Bytes& out) const;
  /// kCorrupt: those bytes are no other's encoding.
  static Result<KeyEpochs> parse(ByteSpan bytes);

  /// Where streams are to get to, by what their host agreed on.
  std::vector<segment::Standing> awaited() const;

 private:
  struct Agreement {
    std::string host;
    Named old;
    segment::Standing standing;
  };
  struct Host {
    uint32_t epoch = 0;
    std::vector<Named> ended;  // the oldest first
  };
  // A list that begins before its rotation.
  struct Parts {
    uint32_t next_sequence = 0;
    std::deque<std::vector<segment::Standing>> lists;
  };

  std::optional<std::vector<segment::Standing>> whole_list(const segment::Header& header,
                                                           const segment::Manifest& manifest);
  void remember_part(const segment::Header& header, std::vector<segment::Standing> list);
  std::vector<KeyFault> agree(const std::string& host, const Named& old,
                              const std::vector<segment::Standing>& list, const TailOf& tail_of);
  void add_agreement(const std::string& host, const Named& old, const segment::Standing& standing);
  template <typename IsDone>
  void forget_agreements(std::map<StreamId, std::vector<Agreement>>::iterator at,
                         const IsDone& is_done);
  void forget_the_oldest(Host& host);

  std::map<Named, Key> introduced_;
  std::map<Named, std::string> ended_;  // of which host
  std::map<std::string, Host> hosts_;
  std::map<StreamId, std::vector<Agreement>> agreements_;  // of each stream, by ascending number
  std::map<Named, size_t> awaited_;                        // how many of them a key has
  std::map<StreamId, Parts> parts_;                        // by host stream
};

}  // namespace stele::ledger
