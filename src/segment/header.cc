#include "segment/header.h"

#include <algorithm>

#include "base/check.h"
#include "crypto/sha256.h"

namespace stele::segment {
namespace {

constexpr std::array<uint8_t, 4> kMagic = {'s', 't', 'l', 's'};
constexpr uint8_t kVersion = 1;
constexpr std::string_view kSignedContext = "stele-segment-v1";
constexpr size_t kPartBytesMin = kNonceBytes + kTagBytes + 1;

Status check_sizes(const Header& h) {
  const bool keyed = h.has(kOpen) || h.has(kRekey);
  if (keyed != (h.manifest_bytes > 0)) {
    return fail(Code::kCorrupt, "segment header: a manifest stands exactly at open and rekey");
  }
  if (h.manifest_bytes > kManifestBytesMax)
    return fail(Code::kCorrupt, "segment header: manifest over 64 KiB");
  for (uint32_t size : h.part_bytes) {
    if (size != 0 && size < kPartBytesMin)
      return fail(Code::kCorrupt, "segment header: lane part too small");
    if (size > kSegmentBytesMax)
      return fail(Code::kCorrupt, "segment header: lane part over 8 MiB");
  }
  if (h.segment_bytes() > kSegmentBytesMax)
    return fail(Code::kCorrupt, "segment header: segment over 8 MiB");
  return {};
}

Status check_meaning(const Header& h) {
  if ((h.flags & ~(kOpen | kClose | kRekey | kGap)) != 0) {
    return fail(Code::kUnsupported, "segment header: unknown flags");
  }
  if (h.kind < Kind::kSession || h.kind > Kind::kPrune) {
    return fail(Code::kUnsupported, "segment header: unknown kind");
  }
  if (h.has(kOpen) != (h.sequence == 0)) {
    return fail(Code::kCorrupt, "segment header: open stands exactly at sequence number 0");
  }
  if (h.has(kOpen) && h.previous != Hash{}) {
    return fail(Code::kCorrupt, "segment header: an opening segment has no segment before it");
  }
  if (h.key_epoch == 0) return fail(Code::kCorrupt, "segment header: key epochs count from 1");
  return check_sizes(h);
}

// What is signed: the context, and the hash of all before the signature, which `sha` has taken
// then.
std::array<uint8_t, 16 + 32> message_of(crypto::Sha256& sha, ByteSpan segment) {
  sha.update(segment.first(segment.size() - kSignatureBytes));
  const Hash before = sha.finish();
  std::array<uint8_t, 16 + 32> message{};
  std::copy(kSignedContext.begin(), kSignedContext.end(), message.begin());
  std::copy(before.begin(), before.end(), message.begin() + kSignedContext.size());
  return message;
}

}  // namespace

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::kSession:
      return "session";
    case Kind::kGrants:
      return "grants";
    case Kind::kHost:
      return "host";
    case Kind::kServer:
      return "server";
    case Kind::kPrune:
      return "prune";
  }
  return "unknown";
}

HostKeyId host_key_id(std::string_view name, ByteSpan public_key) {
  const std::array<uint8_t, 2> separator = {0x0a, 0x01};
  const Hash hash = crypto::sha256({as_bytes(name), separator, public_key});
  HostKeyId id{};
  std::copy_n(hash.begin(), id.size(), id.begin());
  return id;
}

size_t Header::segment_bytes() const {
  size_t total = kHeaderBytes + manifest_bytes + kSignatureBytes;
  for (uint32_t size : part_bytes) total += size;
  return total;
}

void encode(const Header& h, Bytes& out) {
  ByteWriter w(out);
  w.bytes(kMagic);
  w.u8(kVersion);
  w.u8(static_cast<uint8_t>(h.kind));
  w.u8(h.flags);
  w.u8(h.retention_class);
  w.bytes(h.stream);
  w.u32(h.sequence);
  w.u32(h.key_epoch);
  w.bytes(h.host_key);
  w.bytes(h.previous);
  w.u64(static_cast<uint64_t>(micros(h.wall_first)));
  w.u64(static_cast<uint64_t>(micros(h.boot_first)));
  w.u32(h.duration_us);
  w.u32(h.event_count);
  w.u32(h.manifest_bytes);
  for (uint32_t size : h.part_bytes) w.u32(size);
}

Result<Header> parse_header(ByteSpan bytes) {
  ByteReader r(bytes.first(std::min(bytes.size(), kHeaderBytes)));
  // First: all else of another version's may be otherwise.
  const bool is_segment = equal(r.bytes(4), kMagic);
  const uint8_t version = r.u8();
  if (r.ok() && !is_segment) return fail(Code::kCorrupt, "segment header: wrong magic");
  if (r.ok() && version != kVersion) {
    return fail(Code::kUnsupported,
                "segment header: version " + std::to_string(version) + " is unknown, 1 is known");
  }
  if (bytes.size() < kHeaderBytes) return fail(Code::kCorrupt, "segment shorter than its header");
  Header h;
  h.kind = static_cast<Kind>(r.u8());
  h.flags = r.u8();
  h.retention_class = r.u8();
  h.stream = r.array<16>();
  h.sequence = r.u32();
  h.key_epoch = r.u32();
  h.host_key = r.array<8>();
  h.previous = r.array<32>();
  h.wall_first = WallTime(Micros(static_cast<int64_t>(r.u64())));
  h.boot_first = BootTime(Micros(static_cast<int64_t>(r.u64())));
  h.duration_us = r.u32();
  h.event_count = r.u32();
  h.manifest_bytes = r.u32();
  for (uint32_t& size : h.part_bytes) size = r.u32();
  CHECK(r.done());
  TRY_VOID(check_meaning(h));
  return h;
}

Result<View> parse_segment(ByteSpan segment) {
  TRY(const Header header, parse_header(segment));
  if (header.segment_bytes() != segment.size()) {
    return fail(Code::kCorrupt, "segment: its header says " +
                                    std::to_string(header.segment_bytes()) + " bytes, there are " +
                                    std::to_string(segment.size()));
  }
  ByteReader r(segment);
  View view;
  view.header = header;
  view.header_bytes = r.bytes(kHeaderBytes);
  view.manifest = r.bytes(header.manifest_bytes);
  for (size_t lane = 0; lane < event::kLaneCount; ++lane)
    view.parts[lane] = r.bytes(header.part_bytes[lane]);
  view.before_signature = segment.first(segment.size() - kSignatureBytes);
  view.signature = r.bytes(kSignatureBytes);
  CHECK(r.done());
  return view;
}

Hashes hash_segment(ByteSpan segment) {
  CHECK(segment.size() >= kSignatureBytes);
  crypto::Sha256 sha;
  const auto message = message_of(sha, segment);
  sha.update(segment.last(kSignatureBytes));
  return {sha.finish(), message};
}

Hash sign_segment(
    MutableByteSpan segment,
    const std::function<std::array<uint8_t, kSignatureBytes>(ByteSpan message)>& sign) {
  CHECK(segment.size() >= kSignatureBytes);
  crypto::Sha256 sha;
  const auto signature = sign(message_of(sha, segment));
  std::copy(signature.begin(), signature.end(), segment.end() - kSignatureBytes);
  sha.update(signature);
  return sha.finish();
}

}  // namespace stele::segment
