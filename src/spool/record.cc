#include "spool/record.h"

#include <algorithm>

#include "base/check.h"
#include "crypto/sha256.h"

namespace stele::spool {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kFromReserve = 1;
constexpr size_t kCheckOffset = 66;

Hash check_of(ByteSpan fields, ByteSpan header) { return crypto::sha256({fields, header}); }

}  // namespace

std::array<uint8_t, kFrontBytes> encode(const Front& front, ByteSpan segment) {
  CHECK(segment.size() >= segment::kHeaderBytes);
  Bytes out;
  out.reserve(kFrontBytes);
  ByteWriter w(out);
  w.bytes(kRecordMagic);
  w.u8(kVersion);
  w.u8(front.from_reserve ? kFromReserve : 0);
  w.u32(front.owner);
  w.u64(front.taken);
  w.u64(static_cast<uint64_t>(micros(front.spooled)));
  w.u64(front.durable);
  w.bytes(front.segment_hash);
  CHECK(out.size() == kCheckOffset);
  w.bytes(check_of(Bytes(out), segment.first(segment::kHeaderBytes)));
  std::array<uint8_t, kFrontBytes> fixed{};
  std::copy(out.begin(), out.end(), fixed.begin());
  return fixed;
}

Result<Front> parse_front(ByteSpan bytes) {
  if (bytes.size() < kRecordBytesMin) return fail(Code::kCorrupt, "spool record: cut short");
  ByteReader r(bytes);
  if (!equal(r.bytes(kRecordMagic.size()), kRecordMagic))
    return fail(Code::kCorrupt, "spool record: wrong magic");
  const uint8_t version = r.u8(), flags = r.u8();
  Front front;
  front.from_reserve = flags == kFromReserve;
  front.owner = r.u32();
  front.taken = r.u64();
  front.spooled = WallTime(Micros(static_cast<int64_t>(r.u64())));
  front.durable = r.u64();
  front.segment_hash = r.array<32>();
  const Hash check = r.array<32>();
  const ByteSpan header = r.bytes(segment::kHeaderBytes);
  CHECK(r.ok());
  if (check != check_of(bytes.first(kCheckOffset), header))
    return fail(Code::kCorrupt, "spool record: wrong check");
  if (version != kVersion || (flags & ~kFromReserve) != 0)
    return fail(Code::kUnsupported, "spool record: unknown version or flags");
  TRY(front.header, segment::parse_header(header));
  return front;
}

}  // namespace stele::spool
