#include "ledger/tails.h"

#include "base/check.h"
#include "crypto/sha256.h"

namespace stele::ledger {
namespace {

constexpr std::string_view kMagic("stele-tails-v2\n\0", 16), kMagicBefore("stele-tails-v1\n\0", 16);
constexpr size_t kFrontBytes = 16 + 8 + 8 + 4 + 8 + 4 + 4;
constexpr size_t kEntryBytes = 16 + 4 + 8 + 1 + 32;
constexpr size_t kReadBytes = size_t{64} << 10;

void write_entry(ByteWriter& w, const StreamId& stream, const segment::Tail& tail) {
  w.bytes(stream);
  w.u32(tail.next_sequence);
  w.bytes(tail.owner);
  w.u8(tail.closed ? 1 : 0);
  w.bytes(tail.last_hash);
}

Result<Hash> hash_file(os::File& file) {
  crypto::Sha256 sha;
  Bytes buffer(kReadBytes);
  for (uint64_t offset = 0;;) {
    TRY(const size_t got, file.read_at(offset, buffer));
    if (got == 0) return sha.finish();
    sha.update(ByteSpan(buffer).first(got));
    offset += got;
  }
}

}  // namespace

Result<Tails> Tails::load(os::FileSystem& files, const Layout& layout, const Head& head) {
  Tails tails;
  if (head.tails_size == 0) return tails;
  const std::string path = layout.tails(head.tails_size);
  TRY(tails.file_, files.open_read(path));
  TRY(const Hash hash, hash_file(*tails.file_));
  if (hash != head.tails_hash)
    return fail(Code::kCorrupt, path + ": not the snapshot that the head names");
  Bytes front(kFrontBytes);
  TRY(const size_t got, tails.file_->read_at(0, front));
  ByteReader r(ByteSpan(front).first(got));
  const ByteSpan given = r.bytes(kMagic.size());
  if (equal(given, as_bytes(kMagicBefore))) return Tails();  // it says nothing of keys
  const bool magic = equal(given, as_bytes(kMagic));
  tails.start_.index = r.u64();
  tails.start_.volume.first_index = r.u64();
  tails.start_.volume.attempt = r.u32();
  tails.start_.offset = r.u64();
  tails.count_ = r.u32();
  tails.keys_bytes_ = r.u32();
  TRY(const uint64_t size, tails.file_->size());
  if (!magic || !r.done() || tails.start_.index != head.tails_size ||
      size != kFrontBytes + tails.count_ * kEntryBytes + tails.keys_bytes_) {
    return fail(Code::kCorrupt, path + ": malformed");
  }
  return tails;
}

Result<Tails::Entry> Tails::entry_at(uint64_t index) const {
  std::array<uint8_t, kEntryBytes> bytes{};
  TRY(const size_t got, file_->read_at(kFrontBytes + index * kEntryBytes, bytes));
  ByteReader r(ByteSpan(bytes).first(got));
  Entry entry;
  entry.stream = r.array<16>();
  entry.tail.next_sequence = r.u32();
  entry.tail.owner = r.array<8>();
  entry.tail.closed = r.u8() != 0;
  entry.tail.last_hash = r.array<32>();
  if (!r.done()) return fail(Code::kIo, "tails: the snapshot became shorter while it was read");
  return entry;
}

Result<std::optional<segment::Tail>> Tails::find(const StreamId& stream) const {
  if (const auto found = overlay_.find(stream); found != overlay_.end()) return found->second;
  uint64_t low = 0, high = count_;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    TRY(const Entry entry, entry_at(middle));
    if (entry.stream == stream) return entry.tail;
    if (entry.stream < stream) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return std::nullopt;
}

Status Tails::apply(const segment::Leaf& leaf) {
  TRY(const auto tail, find(leaf.stream));
  const uint32_t expected = tail ? tail->next_sequence : 0;
  if (leaf.sequence != expected || (tail && tail->closed)) {
    return fail(Code::kCorrupt,
                "stream " + to_string(leaf.stream) + ": leaf with sequence number " +
                    std::to_string(leaf.sequence) + " where " + std::to_string(expected) +
                    (tail && tail->closed ? " would follow a close" : " is expected"));
  }
  overlay_[leaf.stream] = segment::tail_after(leaf);
  return {};
}

Result<KeyEpochs> Tails::snapshot_keys() const {
  if (!file_) return KeyEpochs();
  Bytes bytes(keys_bytes_);
  TRY(const size_t got, file_->read_at(kFrontBytes + count_ * kEntryBytes, bytes));
  if (got != bytes.size())
    return fail(Code::kIo, "tails: the snapshot became shorter while it was read");
  return KeyEpochs::parse(bytes);
}

Result<Bytes> Tails::snapshot(const vault::Position& next, const KeyEpochs& keys) const {
  Bytes entries;
  ByteWriter w(entries);
  uint32_t count = 0;
  auto changed = overlay_.begin();
  const auto put = [&](const StreamId& stream, const segment::Tail& tail) {
    write_entry(w, stream, tail);
    ++count;
  };
  for (uint64_t i = 0; i < count_; ++i) {
    TRY(const Entry old, entry_at(i));
    for (; changed != overlay_.end() && changed->first < old.stream; ++changed)
      put(changed->first, changed->second);
    if (changed != overlay_.end() && changed->first == old.stream) {
      put(changed->first, changed->second);
      ++changed;
    } else {
      put(old.stream, old.tail);
    }
  }
  for (; changed != overlay_.end(); ++changed) put(changed->first, changed->second);

  const size_t entries_bytes = entries.size();
  keys.encode(entries);
  Bytes out;
  ByteWriter front(out);
  front.bytes(as_bytes(kMagic));
  front.u64(next.index);
  front.u64(next.volume.first_index);
  front.u32(next.volume.attempt);
  front.u64(next.offset);
  front.u32(count);
  front.u32(static_cast<uint32_t>(entries.size() - entries_bytes));
  CHECK(out.size() == kFrontBytes);
  front.bytes(entries);
  return out;
}

}  // namespace stele::ledger
