// The fixed front of a segment, and the split of a whole segment into its parts
// (docs/formats/segment.md).
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "event/event.h"

namespace stele::segment {

inline constexpr size_t kHeaderBytes = 112;
inline constexpr size_t kSignatureBytes = 64;
inline constexpr size_t kNonceBytes = 24;
inline constexpr size_t kTagBytes = 16;
inline constexpr size_t kSegmentBytesMax = size_t{8} << 20;
inline constexpr size_t kManifestBytesMax = size_t{64} << 10;
inline constexpr size_t kLanePlainBytesMax = size_t{4} << 20;

enum class Kind : uint8_t { kSession = 1, kGrants = 2, kHost = 3, kServer = 4, kPrune = 5 };
/// "session", "grants", "host", "server", "prune"
std::string_view kind_name(Kind kind);

/// Bits of Header::flags.
inline constexpr uint8_t kOpen = 1, kClose = 2, kRekey = 4, kGap = 8;

using HostKeyId = std::array<uint8_t, 8>;

/// First 8 bytes of SHA-256(name ‖ 0x0a ‖ 0x01 ‖ public key): C2SP signed-note's key id, not cut as
/// short.
HostKeyId host_key_id(std::string_view name, ByteSpan public_key);

struct Header {
  Kind kind = Kind::kSession;
  uint8_t flags = 0;
  uint8_t retention_class = 0;
  StreamId stream{};
  uint32_t sequence = 0;
  uint32_t key_epoch = 1;
  HostKeyId host_key{};
  Hash previous{};
  WallTime wall_first;
  BootTime boot_first;
  uint32_t duration_us = 0;  // 0xffffffff: that or more
  uint32_t event_count = 0;
  uint32_t manifest_bytes = 0;
  std::array<uint32_t, event::kLaneCount> part_bytes{};

  bool has(uint8_t flag) const { return (flags & flag) != 0; }
  /// Of the whole segment.
  size_t segment_bytes() const;
  bool operator==(const Header&) const = default;
};

void encode(const Header& header, Bytes& out);

/// A whole segment's parts, as views into its bytes.
struct View {
  Header header;
  ByteSpan header_bytes, manifest;
  std::array<ByteSpan, event::kLaneCount> parts;
  ByteSpan before_signature, signature;
};

/// kCorrupt: not a segment of this format (wrong magic, sizes that do not add up, an impossible
/// combination of flags); kUnsupported: a version or kind newer than this program. Says nothing
/// about authenticity.
Result<Header> parse_header(ByteSpan bytes);
Result<View> parse_segment(ByteSpan segment);

/// The two hashes of a segment, in one pass.
struct Hashes {
  Hash segment;                          // of all bytes: what `previous` and the leaf hold
  std::array<uint8_t, 16 + 32> message;  // what the host key signs
};
/// Needs at least kSignatureBytes bytes.
Hashes hash_segment(ByteSpan segment);
/// For the one who signs: `sign` gets the message and gives the signature, which goes to the
/// segment's end.
Hash sign_segment(
    MutableByteSpan segment,
    const std::function<std::array<uint8_t, kSignatureBytes>(ByteSpan message)>& sign);

}  // namespace stele::segment
