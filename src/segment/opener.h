// Opener: the segments of one stream in, their events' bytes out, for a reader who holds age
// identities or granted keys.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "codec/zstd.h"
#include "crypto/age.h"
#include "crypto/secret.h"
#include "crypto/xaes.h"
#include "segment/header.h"

namespace stele::segment {

/// Lane keys a reader got by other means than the manifest: by (sequence number of the rekey
/// segment, lane).
using GrantedKeys = std::map<std::pair<uint32_t, event::Lane>, crypto::SecretBytes>;

/// Opens one stream's segments in order, from the opening segment or any rekey segment on. Checks
/// no signature and no chain: that is verification's work. Not thread-safe.
class Opener {
 public:
  explicit Opener(std::span<const crypto::Identity> identities,
                  const GrantedKeys* granted = nullptr);

  /// Which lanes are worth decrypting; all by default.
  void only(std::initializer_list<event::Lane> lanes) { only(std::span(lanes)); }
  void only(std::span<const event::Lane> lanes);

  struct Opened {
    /// Each lane's events of this segment; nullopt: the lane has some, and this reader has no key
    /// for it.
    std::array<std::optional<Bytes>, event::kLaneCount> lanes;
  };
  /// kUnauthentic: a part does not decrypt under the stream's key; kCorrupt: manifest or
  /// compression broken, or a segment that needs an earlier one.
  Result<Opened> open(const View& segment);

  /// The lane keys this reader holds since the last rekey; for `stele key grant`.
  const std::array<std::optional<crypto::SecretBytes>, event::kLaneCount>& keys() const {
    return keys_;
  }

 private:
  Status take_keys(const View& segment);

  std::span<const crypto::Identity> identities_;
  const GrantedKeys* granted_;
  std::array<bool, event::kLaneCount> wanted_{true, true, true};
  bool started_ = false;
  std::array<std::optional<crypto::SecretBytes>, event::kLaneCount> keys_;
  std::array<std::optional<crypto::Xaes>, event::kLaneCount> ciphers_;
  std::array<codec::Decompressor, event::kLaneCount> decompressors_;
};

}  // namespace stele::segment
