// KeyEpochs as bytes: docs/formats/ledger.md, "Tails' snapshot".
#include "ledger/key_epochs.h"

namespace stele::ledger {
namespace {

using segment::Standing;

void write(ByteWriter& w, const KeyEpochs::Named& key) {
  w.bytes(key.first);
  w.u32(key.second);
}

KeyEpochs::Named read_named(ByteReader& r) {
  const auto id = r.array<8>();
  return {id, r.u32()};
}

void write(ByteWriter& w, const Standing& standing) {
  w.bytes(standing.stream);
  w.u32(standing.next_sequence);
  w.bytes(standing.last_hash);
}

Standing read_standing(ByteReader& r) {
  Standing standing;
  standing.stream = r.array<16>();
  standing.next_sequence = r.u32();
  standing.last_hash = r.array<32>();
  return standing;
}

/// Up to `count` times, as far as there are bytes.
template <typename Read>
void repeat(ByteReader& r, uint32_t count, const Read& read) {
  for (; count > 0 && r.ok(); --count) read();
}

}  // namespace

void KeyEpochs::encode(Bytes& out) const {
  ByteWriter w(out);
  const auto count = [&w](size_t size) { w.u32(static_cast<uint32_t>(size)); };
  std::map<std::string_view, uint32_t> numbers;
  count(hosts_.size());
  for (const auto& [name, host] : hosts_) {
    numbers.emplace(name, static_cast<uint32_t>(numbers.size()));
    w.u16(static_cast<uint16_t>(name.size()));
    w.bytes(as_bytes(name));
    w.u32(host.epoch);
    count(host.ended.size());
    for (const Named& key : host.ended) write(w, key);
  }
  count(introduced_.size());
  for (const auto& [named, key] : introduced_) {
    write(w, named);
    w.u32(numbers.at(key.entry.name));
    w.bytes(key.entry.key.bytes);
    w.u64(static_cast<uint64_t>(micros(*key.not_before)));
  }
  size_t agreed = 0;
  for (const auto& [stream, agreements] : agreements_) agreed += agreements.size();
  count(agreed);
  for (const auto& [stream, agreements] : agreements_) {
    for (const Agreement& a : agreements) {
      w.u32(numbers.at(a.host));
      write(w, a.old);
      write(w, a.standing);
    }
  }
  count(parts_.size());
  for (const auto& [stream, parts] : parts_) {
    w.bytes(stream);
    w.u32(parts.next_sequence);
    count(parts.lists.size());
    for (const auto& list : parts.lists) {
      count(list.size());
      for (const Standing& standing : list) write(w, standing);
    }
  }
}

Result<KeyEpochs> KeyEpochs::parse(ByteSpan bytes) {
  KeyEpochs all;
  std::vector<std::string> names;
  ByteReader r(bytes);
  bool is_right = true;
  const auto host_name = [&]() -> std::string {
    const uint32_t number = r.u32();
    is_right = is_right && number < names.size();
    return is_right ? names[number] : std::string();
  };
  repeat(r, r.u32(), [&] {
    names.emplace_back(as_text(r.bytes(r.u16())));
    Host& host = all.hosts_[names.back()];
    host.epoch = r.u32();
    repeat(r, r.u32(), [&] {
      host.ended.push_back(read_named(r));
      all.ended_[host.ended.back()] = names.back();
    });
  });
  repeat(r, r.u32(), [&] {
    const Named named = read_named(r);
    std::string host = host_name();
    const auto key = r.array<32>();
    const WallTime not_before(Micros(static_cast<int64_t>(r.u64())));
    all.introduced_[named] = {{named.first, named.second, std::move(host), {key}}, not_before};
  });
  repeat(r, r.u32(), [&] {
    std::string host = host_name();
    const Named old = read_named(r);
    const Standing standing = read_standing(r);
    all.agreements_[standing.stream].push_back({std::move(host), old, standing});
    ++all.awaited_[old];
  });
  repeat(r, r.u32(), [&] {
    Parts& parts = all.parts_[r.array<16>()];
    parts.next_sequence = r.u32();
    repeat(r, r.u32(), [&] {
      parts.lists.emplace_back();
      repeat(r, r.u32(), [&] { parts.lists.back().push_back(read_standing(r)); });
    });
  });
  if (!r.done() || !is_right) return fail(Code::kCorrupt, "hosts' keys: malformed");
  Bytes again;
  all.encode(again);
  if (!equal(again, bytes)) return fail(Code::kCorrupt, "hosts' keys: out of order");
  return all;
}

}  // namespace stele::ledger
