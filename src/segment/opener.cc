#include "segment/opener.h"

#include <algorithm>

#include "segment/manifest.h"

namespace stele::segment {

Opener::Opener(std::span<const crypto::Identity> identities, const GrantedKeys* granted)
    : identities_(identities), granted_(granted) {}

void Opener::only(std::span<const event::Lane> lanes) {
  wanted_.fill(false);
  for (event::Lane lane : lanes) wanted_[static_cast<size_t>(lane)] = true;
}

Status Opener::take_keys(const View& segment) {
  TRY(const Manifest manifest, parse_manifest(segment.manifest));
  for (size_t lane = 0; lane < event::kLaneCount; ++lane) {
    keys_[lane].reset();
    ciphers_[lane].reset();
    decompressors_[lane].restart();
  }
  for (const LaneKey& entry : manifest.lanes) {
    const size_t lane = static_cast<size_t>(entry.lane);
    if (!wanted_[lane]) continue;
    auto key = crypto::age_decrypt(entry.age_file, identities_);
    if (key) {
      if (key->size() != 32) return fail(Code::kCorrupt, "manifest: a lane's key is not 32 bytes");
      keys_[lane] = std::move(*key);
    } else if (key.error().code != Code::kNotFound) {
      return fail(std::move(key).error().within("lane key"));
    } else if (granted_ != nullptr) {
      const auto found = granted_->find({segment.header.sequence, entry.lane});
      if (found != granted_->end()) keys_[lane] = found->second.copy();
    }
    if (keys_[lane]) ciphers_[lane].emplace(keys_[lane]->span());
  }
  started_ = true;
  return {};
}

Result<Opener::Opened> Opener::open(const View& segment) {
  if (!segment.manifest.empty()) TRY_VOID(take_keys(segment));
  if (!started_)
    return fail(Code::kCorrupt, "segment: reading can not begin here, it has no keys of its own");
  Opened opened;
  for (size_t lane = 0; lane < event::kLaneCount; ++lane) {
    const ByteSpan part = segment.parts[lane];
    if (part.empty()) {
      opened.lanes[lane].emplace();
      continue;
    }
    if (!ciphers_[lane] || !wanted_[lane]) continue;
    Bytes aad(segment.header_bytes.begin(), segment.header_bytes.end());
    aad.push_back(static_cast<uint8_t>(lane));
    std::array<uint8_t, kNonceBytes> nonce{};
    std::copy_n(part.begin(), kNonceBytes, nonce.begin());
    Bytes compressed;
    TRY_VOID(ciphers_[lane]->open(nonce, part.subspan(kNonceBytes), aad, compressed));
    TRY_VOID(decompressors_[lane].decompress(compressed, kLanePlainBytesMax,
                                             opened.lanes[lane].emplace()));
  }
  return opened;
}

}  // namespace stele::segment
