// The clear front of a stream's key period: who may open which lane (docs/formats/segment.md,
// "Manifest").
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "crypto/age.h"
#include "segment/header.h"

namespace stele::segment {

inline constexpr size_t kRecipientsMax = 64;  // a lane
using RecipientKeyId = std::array<uint8_t, 8>;

/// First 8 bytes of SHA-256 of the recipient's text ("age1…").
RecipientKeyId recipient_key_id(const crypto::Recipient& recipient);

struct LaneKey {
  event::Lane lane = event::Lane::kFacts;
  std::vector<RecipientKeyId> recipients;  // in the order of the age file's stanzas
  Bytes age_file;                          // its plaintext: the lane's 32-byte key
  bool operator==(const LaneKey&) const = default;
};

/// Where a stream stands: what follows has the number `next_sequence` and names `last_hash`.
struct Standing {
  StreamId stream{};
  uint32_t next_sequence = 1;
  Hash last_hash{};
  bool operator==(const Standing&) const = default;
};
inline constexpr size_t kAgreedMax = 512;  // a manifest
inline constexpr size_t kMarksMax = 512;   // of streams cut, and of streams heard again, a manifest
inline constexpr uint32_t kAgreedPartsMax = 128;
inline constexpr size_t kHoldsMax = 512, kHeldStreamsMax = 2048;  // a manifest, a hold
inline constexpr size_t kExpiredMax = 2048;                       // ranges a manifest

/// A host's next signing key, introduced by the one before (docs/formats/host-stream.md).
struct Rotation {
  HostKeyId old_key{};
  uint32_t epoch = 2;  // the new key's: one more than the old one's
  std::array<uint8_t, 32> new_key{};
  WallTime not_before;
  uint32_t parts = 0;  // segments directly before that hold the beginning of the list
  std::array<uint8_t, kSignatureBytes> signature{};  // by the old key, over rotation_message()
  bool operator==(const Rotation&) const = default;
};

/// What is not to go, whatever its retention says (docs/formats/server-stream.md, "Holds"). One of
/// the three says what it is on; names stand elsewhere, sealed.
struct Hold {
  StreamId id{};                                           // a UUIDv7 too
  std::vector<StreamId> streams = {};                      // ascending
  std::optional<uint64_t> from_leaf = {};                  // streams that opened there or later
  std::optional<std::pair<WallTime, WallTime>> span = {};  // streams with anything from … to
  bool operator==(const Hold&) const = default;
};

/// Leaves whose records were removed (docs/formats/prune-stream.md).
struct LeafRange {
  uint64_t first = 0, next = 0;
  bool operator==(const LeafRange&) const = default;
};

struct Manifest {
  Hash recipients_list{};                  // SHA-256 of the recipients list in force
  std::vector<LaneKey> lanes = {};         // ascending by lane
  std::optional<Standing> continues = {};  // the stream that this one goes on with
  std::vector<Standing> agreed = {};       // host streams: ascending by stream
  std::optional<Rotation> rotation = {};   // host streams
  std::vector<Standing> cut = {};          // server's own streams: ascending by stream
  std::vector<StreamId> heard = {};        // server's own streams: ascending
  std::vector<Hold> holds = {};            // server's own streams: ascending by id
  std::vector<StreamId> released = {};     // server's own streams: ids of holds, ascending
  std::vector<LeafRange> expired = {};     // prune streams: ascending, apart
  bool operator==(const Manifest&) const = default;
};

/// What the old key signs: where the segment stands in its stream, and all of its manifest but the
/// signature, which is the manifest's end.
std::array<uint8_t, 17 + 32> rotation_message(const Header& header, ByteSpan manifest);

Bytes encode(const Manifest& manifest);
Result<Manifest> parse_manifest(ByteSpan bytes);

}  // namespace stele::segment
