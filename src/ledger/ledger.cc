#include "ledger/ledger.h"

#include "crypto/sha256.h"

namespace stele::ledger {

Result<Incoming> Incoming::of(ByteSpan segment) {
  TRY(const segment::View view, segment::parse_segment(segment));
  return Incoming{view.header, crypto::sha256(segment), segment};
}

Result<Appended> Ledger::append(ByteSpan segment) {
  TRY(const Incoming one, Incoming::of(segment));
  TRY(auto results, append(std::span(&one, 1)));
  return std::move(results.front());
}

uint32_t Ledger::retain_until(const segment::Header& header, WallTime received) const {
  const bool has_class =
      header.kind == segment::Kind::kSession && header.retention_class != 0 && retention_rule_;
  return has_class ? retention_rule_(header.retention_class, received) : 0;
}

Result<Appended> Ledger::place(const TailOf& tail_of, const Incoming& segment, uint64_t index,
                               WallTime now) const {
  const segment::Header& header = segment.header;
  const auto refuse = [&](Error error) {
    return fail(std::move(error).within("stream " + to_string(header.stream)));
  };
  TRY(const auto tail, tail_of(header.stream));
  if (tail && owner_rule_ && tail->owner != header.host_key &&
      !owner_rule_(tail->owner, header.host_key))
    return refuse({Code::kPermission, "belongs to another host", 0});
  Appended placed{index, segment::make_leaf(header, segment.hash, now, retain_until(header, now))};
  if (tail && tail->next_sequence == header.sequence + 1 && tail->last_hash == segment.hash) {
    placed.index.reset();
    return placed;
  }
  auto follows = segment::check_follows(tail ? &*tail : nullptr, header);
  if (!follows) return refuse(std::move(follows).error());
  return placed;
}

}  // namespace stele::ledger
