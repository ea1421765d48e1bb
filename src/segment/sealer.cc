#include "segment/sealer.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace stele::segment {
namespace {

uint32_t duration_us(const Batch& batch) {
  const int64_t us = (batch.boot_last - batch.boot_first).count();
  CHECK(us >= 0);
  constexpr int64_t kMax = std::numeric_limits<uint32_t>::max();
  return static_cast<uint32_t>(std::min(us, kMax));
}

uint32_t part_bytes(const Bytes& compressed) {
  if (compressed.empty()) return 0;
  return static_cast<uint32_t>(kNonceBytes + compressed.size() + kTagBytes);
}

Bytes associated_data(ByteSpan header, event::Lane lane) {
  Bytes aad(header.begin(), header.end());
  aad.push_back(static_cast<uint8_t>(lane));
  return aad;
}

}  // namespace

Sealer::Sealer(StreamId stream, Kind kind, HostSigner host, Recipients recipients,
               RandomSource random)
    : Sealer(
          stream, kind,
          [signer = std::make_shared<const HostSigner>(host)](WallTime) { return signer; },
          always(std::move(recipients)), std::move(random)) {}

Sealer::Sealer(StreamId stream, Kind kind, HoldKey keys, SealFor seal_for, RandomSource random)
    : stream_(stream),
      kind_(kind),
      keys_(std::move(keys)),
      seal_for_(std::move(seal_for)),
      random_(std::move(random)) {}

SealFor always(Recipients recipients) {
  return [all = std::make_shared<const Recipients>(std::move(recipients))] { return all; };
}

void Sealer::carry(Carried carried) {
  CHECK(!carried.rotation || carried.old_key != nullptr);
  carried_ = std::move(carried);
  rekey_ = true;
}

// Asked for once while it is held: who waits to end a key lets nobody else have it.
std::shared_ptr<const HostSigner> Sealer::hold_key(WallTime first) {
  if (auto held = held_.lock()) return held;
  auto key = keys_(first);
  held_ = key;
  return key;
}

void Sealer::resume(uint32_t sequence, const Hash& previous) {
  CHECK(sequence_ == 0 && sequence > 0);
  sequence_ = sequence;
  previous_ = previous;
  rekey_ = true;
}

void Sealer::set_level(event::Lane lane, int level, int window_log) {
  compressors_[static_cast<size_t>(lane)].set_level(level, window_log);
}

void Sealer::look_for_recipients() {
  auto now = seal_for_();
  if (recipients_ && recipients_->list_hash == now->list_hash) return;
  recipients_ = std::move(now);
  rekey_ = true;
}

Status Sealer::check(const Batch& batch) const {
  for (size_t lane = 0; lane < event::kLaneCount; ++lane) {
    if (batch.lanes[lane].size() > kLanePlainBytesMax) {
      return fail(Code::kLimit, "segment: over 4 MiB of events in one lane");
    }
    if (!batch.lanes[lane].empty() && recipients_->lanes[lane].empty()) {
      return fail(Code::kInvalid, "segment: events in a lane without recipients");
    }
  }
  return {};
}

// Fresh keys in every lane that has recipients, and the manifest that hands them out.
Result<Bytes> Sealer::fresh_keys(const Header& header) {
  Manifest manifest{.recipients_list = recipients_->list_hash,
                    .continues = carried_.continues,
                    .agreed = carried_.agreed,
                    .rotation = carried_.rotation,
                    .cut = carried_.cut,
                    .heard = carried_.heard,
                    .holds = carried_.holds,
                    .released = carried_.released,
                    .expired = carried_.expired};
  for (size_t lane = 0; lane < event::kLaneCount; ++lane) {
    const auto& recipients = recipients_->lanes[lane];
    if (recipients.empty()) continue;
    crypto::SecretBytes key(32);
    random_(key.writable());
    LaneKey entry{static_cast<event::Lane>(lane), {}, {}};
    for (const crypto::Recipient& r : recipients) entry.recipients.push_back(recipient_key_id(r));
    TRY(entry.age_file, crypto::age_encrypt(key.span(), recipients, random_));
    manifest.lanes.push_back(std::move(entry));
    ciphers_[lane].emplace(key.span());
    compressors_[lane].restart();
  }
  Bytes encoded = encode(manifest);
  if (encoded.size() > kManifestBytesMax) return fail(Code::kLimit, "manifest over 64 KiB");
  if (carried_.rotation) {
    const auto signature = carried_.old_key->sign(rotation_message(header, encoded));
    std::copy(signature.begin(), signature.end(), encoded.end() - kSignatureBytes);
  }
  carried_ = {};
  return encoded;
}

Bytes Sealer::seal_part(event::Lane lane, ByteSpan header, ByteSpan compressed) {
  Bytes part(kNonceBytes);
  random_(part);
  std::array<uint8_t, kNonceBytes> nonce{};
  std::copy(part.begin(), part.end(), nonce.begin());
  ciphers_[static_cast<size_t>(lane)]->seal(nonce, compressed, associated_data(header, lane), part);
  return part;
}

Result<Sealed> Sealer::seal(const Batch& batch, bool close) {
  look_for_recipients();
  TRY_VOID(check(batch));
  const auto host = hold_key(batch.wall_first);
  if (!host) return fail(Code::kNoSpace, "no key may sign this now, and another can not be made");
  Header header{.kind = kind_,
                .flags = static_cast<uint8_t>((sequence_ == 0 ? kOpen
                                               : rekey_       ? kRekey
                                                              : 0) |
                                              (close ? kClose : 0) | (batch.gap ? kGap : 0)),
                .retention_class = retention_class_,
                .stream = stream_,
                .sequence = sequence_,
                .key_epoch = host->epoch,
                .host_key = host->id,
                .previous = previous_,
                .wall_first = batch.wall_first,
                .boot_first = batch.boot_first,
                .duration_us = duration_us(batch),
                .event_count = batch.event_count};
  Bytes manifest;
  if (rekey_) {
    TRY(manifest, fresh_keys(header));
    bytes_since_rekey_ = 0;
  }
  header.manifest_bytes = static_cast<uint32_t>(manifest.size());
  std::array<Bytes, event::kLaneCount> compressed;
  for (size_t lane = 0; lane < event::kLaneCount; ++lane) {
    if (batch.lanes[lane].empty()) continue;
    TRY_VOID(compressors_[lane].compress(batch.lanes[lane], compressed[lane]));
    header.part_bytes[lane] = part_bytes(compressed[lane]);
  }

  Sealed sealed;
  sealed.bytes.reserve(header.segment_bytes());
  encode(header, sealed.bytes);
  const Bytes header_bytes = sealed.bytes;
  ByteWriter out(sealed.bytes);
  out.bytes(manifest);
  for (size_t lane = 0; lane < event::kLaneCount; ++lane) {
    if (compressed[lane].empty()) continue;
    out.bytes(seal_part(static_cast<event::Lane>(lane), header_bytes, compressed[lane]));
  }
  sealed.bytes.resize(sealed.bytes.size() + kSignatureBytes);
  sealed.hash =
      sign_segment(sealed.bytes, [&](ByteSpan message) { return host->key.sign(message); });
  sealed.header = header;

  previous_ = sealed.hash;
  ++sequence_;
  rekey_ = false;
  bytes_since_rekey_ += sealed.bytes.size();
  return sealed;
}

}  // namespace stele::segment
