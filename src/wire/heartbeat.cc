#include "wire/heartbeat.h"

#include <algorithm>

namespace stele::wire {
namespace {

constexpr std::array<uint8_t, 4> kMagic = {'s', 't', 'l', 'h'};
constexpr uint8_t kVersion = 1;
constexpr size_t kTerminalsBytes = 3 * sizeof(uint64_t);

}  // namespace

Bytes encode(const Heartbeat& heartbeat) {
  Bytes out;
  out.reserve(kHeartbeatBytes);
  ByteWriter w(out);
  w.bytes(kMagic);
  w.u8(kVersion);
  w.bytes(std::array<uint8_t, 3>{});
  w.u64(static_cast<uint64_t>(micros(heartbeat.wall)));
  w.u64(static_cast<uint64_t>(micros(heartbeat.boot)));
  for (const uint64_t count :
       {heartbeat.sessions, heartbeat.open, heartbeat.excluded, heartbeat.lost, heartbeat.waiting,
        heartbeat.waiting_bytes, heartbeat.checkpoint_size})
    w.u64(count);
  w.bytes(heartbeat.checkpoint_root);
  if (const auto& terminals = heartbeat.terminals)
    for (const uint64_t count : {terminals->seen, terminals->covered, terminals->unrecorded})
      w.u64(count);
  return out;
}

Result<Heartbeat> parse_heartbeat(ByteSpan bytes) {
  if (bytes.size() < kMagic.size() + 1 || !equal(bytes.first(kMagic.size()), kMagic))
    return fail(Code::kCorrupt, "not a heartbeat");
  if (bytes[kMagic.size()] != kVersion)
    return fail(Code::kUnsupported, "a heartbeat of another version");
  if (bytes.size() > kHeartbeatBytesMax) return fail(Code::kLimit, "heartbeat: over 512 bytes");
  ByteReader r(bytes.subspan(kMagic.size() + 1));
  const bool is_zero = r.array<3>() == std::array<uint8_t, 3>{};
  Heartbeat heartbeat;
  heartbeat.wall = WallTime(Micros(static_cast<int64_t>(r.u64())));
  heartbeat.boot = BootTime(Micros(static_cast<int64_t>(r.u64())));
  for (uint64_t* const count :
       {&heartbeat.sessions, &heartbeat.open, &heartbeat.excluded, &heartbeat.lost,
        &heartbeat.waiting, &heartbeat.waiting_bytes, &heartbeat.checkpoint_size})
    *count = r.u64();
  heartbeat.checkpoint_root = r.array<32>();
  const bool has_root = heartbeat.checkpoint_root != Hash{};
  if (!r.ok() || !is_zero || (has_root && heartbeat.checkpoint_size == 0))
    return fail(Code::kCorrupt, "heartbeat: not in its one spelling");
  if (r.rest().size() >= kTerminalsBytes) heartbeat.terminals = {r.u64(), r.u64(), r.u64()};
  return heartbeat;
}

Bytes encode(const HeartbeatAnswer& answer) {
  Bytes out;
  ByteWriter w(out);
  w.u8(kVersion);
  w.u64(static_cast<uint64_t>(micros(answer.wall)));
  w.bytes(answer.recipients);
  return out;
}

Result<HeartbeatAnswer> parse_heartbeat_answer(ByteSpan bytes) {
  if (bytes.size() > kHeartbeatBytesMax)
    return fail(Code::kLimit, "heartbeat's answer: over 512 bytes");
  ByteReader r(bytes);
  const uint8_t version = r.u8();
  HeartbeatAnswer answer;
  answer.wall = WallTime(Micros(static_cast<int64_t>(r.u64())));
  answer.recipients = r.array<32>();
  if (!r.ok() || version != kVersion) return fail(Code::kCorrupt, "not a heartbeat's answer");
  return answer;
}

// In steps that overflow nothing, whatever the server says.
Micros clock_offset(WallTime sent, WallTime server, WallTime received) {
  static constexpr int64_t kMost = INT64_MAX / 4;
  const auto bounded = [](WallTime t) { return std::clamp(micros(t), -kMost, kMost); };
  const int64_t here = bounded(sent) + (bounded(received) - bounded(sent)) / 2;
  return Micros(bounded(server) - here);
}

}  // namespace stele::wire
