// The clear front of a stream's key period: who may open which lane (docs/formats/segment.md,
// "Manifest").
#pragma once

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

struct Manifest {
  Hash recipients_list{};      // SHA-256 of the recipients list in force
  std::vector<LaneKey> lanes;  // ascending by lane
  bool operator==(const Manifest&) const = default;
};

Bytes encode(const Manifest& manifest);
Result<Manifest> parse_manifest(ByteSpan bytes);

}  // namespace stele::segment
