// Sealer: batches of events in, the segments of one stream out. Pure: randomness is an argument.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/random.h"
#include "codec/zstd.h"
#include "crypto/age.h"
#include "crypto/ed25519.h"
#include "crypto/secret.h"
#include "crypto/xaes.h"
#include "segment/manifest.h"

namespace stele::segment {

/// Who may open each lane. A lane without recipients carries no events.
struct Recipients {
  std::array<std::vector<crypto::Recipient>, event::kLaneCount> lanes;
  Hash list_hash{};  // of the signed list they come from
};

/// The host's signing key as segments name it.
struct HostSigner {
  const crypto::SigningKey& key;
  HostKeyId id;
  uint32_t epoch;
};

/// The key to sign with now what happened from `first` on. It stays in force while the pointer is
/// held: whoever ends it waits. Null: none may sign that now.
using HoldKey = std::function<std::shared_ptr<const HostSigner>(WallTime first)>;

/// Whom to seal for now. Where it is another list than before, the next segment is a rekey.
using SealFor = std::function<std::shared_ptr<const Recipients>()>;
/// For a list that never changes.
SealFor always(Recipients recipients);

/// What the next manifest says besides who may open which lane (docs/formats/host-stream.md).
struct Carried {
  std::optional<Standing> continues = {};
  std::vector<Standing> agreed = {};
  std::optional<Rotation> rotation = {};        // without its signature,
  const crypto::SigningKey* old_key = nullptr;  // which this one makes when the segment is sealed
  std::vector<Standing> cut = {};               // docs/formats/server-stream.md, "In clear"
  std::vector<StreamId> heard = {};
  std::vector<Hold> holds = {};
  std::vector<StreamId> released = {};
  std::vector<LeafRange> expired = {};  // docs/formats/prune-stream.md
};

/// Events of one segment: each lane's encoded CBOR sequence (event/codec.h), times relative to
/// boot_first.
struct Batch {
  std::array<Bytes, event::kLaneCount> lanes;
  WallTime wall_first;
  BootTime boot_first, boot_last;
  uint32_t event_count = 0;
  bool gap = false;
};

struct Sealed {
  Header header;
  Hash hash;
  Bytes bytes;
};

/// Seals the segments of one stream, in order. Not thread-safe. The recipients must not be empty in
/// every lane.
class Sealer {
 public:
  Sealer(StreamId stream, Kind kind, HostSigner host, Recipients recipients, RandomSource random);
  /// For a host whose keys rotate: each segment is signed with the key of that moment, and sealed
  /// for whom the list of that moment names.
  Sealer(StreamId stream, Kind kind, HoldKey keys, SealFor seal_for, RandomSource random);

  /// A lane's compression from the next segment on: zstd's level, and log2 of the history in bytes.
  void set_level(event::Lane lane, int level, int window_log);
  /// Which stands in every segment from now on. Before the first seal().
  void set_retention_class(uint8_t number) { retention_class_ = number; }
  /// The next segment gets fresh lane keys and starts its compression anew, so that reading can
  /// begin there.
  void rekey_next() { rekey_ = true; }

  /// The next segment is a rekey whose manifest holds this too.
  void carry(Carried carried);

  /// As long as the pointer is there, this stream's segments are signed with this key: to be held
  /// from before seal() until the segment is where it is kept. `first`: of its batch. One thread.
  std::shared_ptr<const HostSigner> hold_key(WallTime first);

  /// Goes on where another sealer of this stream stopped: the next segment has this number, names
  /// this hash as the one before, and is a rekey. Only before the first seal().
  void resume(uint32_t sequence, const Hash& previous);

  /// The next segment. kLimit: a lane of the batch is over kLanePlainBytesMax; kInvalid: it has
  /// events in a lane that nobody may read; kNoSpace: there is no key for it. Nothing is sealed
  /// then and the stream goes on.
  Result<Sealed> seal(const Batch& batch, bool close);

  StreamId stream() const { return stream_; }
  uint64_t bytes_since_rekey() const { return bytes_since_rekey_; }

 private:
  void look_for_recipients();
  Result<Bytes> fresh_keys(const Header& header);
  Status check(const Batch& batch) const;
  Bytes seal_part(event::Lane lane, ByteSpan header, ByteSpan compressed);

  const StreamId stream_;
  const Kind kind_;
  const HoldKey keys_;
  std::weak_ptr<const HostSigner> held_;
  const SealFor seal_for_;
  std::shared_ptr<const Recipients> recipients_;  // of the lane keys in use, or of the next ones
  const RandomSource random_;
  std::array<codec::Compressor, event::kLaneCount> compressors_;
  std::array<std::optional<crypto::Xaes>, event::kLaneCount> ciphers_;
  uint8_t retention_class_ = 0;
  uint32_t sequence_ = 0;
  Hash previous_{};
  bool rekey_ = true;
  Carried carried_;
  uint64_t bytes_since_rekey_ = 0;
};

}  // namespace stele::segment
