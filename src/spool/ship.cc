// What leaves the spool: handed out, accepted, covered.
#include <algorithm>

#include "base/check.h"
#include "crypto/sha256.h"
#include "spool/spool.h"

namespace stele::spool {
namespace {

// A stream's turn: a full segment or several small ones, so that a flood does not hold up others.
constexpr size_t kTurnBytes = size_t{256} << 10;
// What could not be set aside is tried again after this.
constexpr Micros kAsideWait = std::chrono::seconds(10);

std::string name_of(const StreamId& id, uint32_t sequence) {
  return "segment " + std::to_string(sequence) + " of stream " + to_string(id);
}

}  // namespace

struct Spool::Batch {
  const size_t bytes_max, count_max;
  size_t bytes = 0;
  std::vector<Outgoing> out = {};

  bool has_room(size_t more) const {
    return out.empty() || (out.size() < count_max && bytes + more <= bytes_max);
  }
};

Result<Spool::Readback> Spool::read_back(const StreamId& id, const Stream& stream, size_t i,
                                         Bytes& record) {
  const Stored& stored = stream.segments[i];
  const auto read = records_.read(stored.place, record);
  const std::string where = name_of(id, stream.sequence_of(i)) + " (spool file " +
                            std::to_string(stored.place.file) + ", offset " +
                            std::to_string(stored.place.offset) + ")";
  if (!read && read.error().code != Code::kCorrupt) {
    note({Finding::Kind::kUnreadable, where + ": " + read.error().message(), id,
          stream.sequence_of(i)});
    return Readback::kUnreadable;
  }
  if (read && crypto::sha256(ByteSpan(record).subspan(kFrontBytes)) == stored.hash)
    return Readback::kRight;
  note({Finding::Kind::kDamaged, where + ": its bytes are not those of its hash", id,
        stream.sequence_of(i)});
  return Readback::kDamaged;
}

// Gives a stream its turn. False: the batch is full, and the turn not over.
Result<bool> Spool::hand_out(const StreamId& id, Stream& stream, Batch& batch) {
  for (size_t given = 0; stream.has_unsent() && given < kTurnBytes;) {
    const size_t i = stream.sent;
    const uint32_t sequence = stream.sequence_of(i);
    const size_t size = stream.segments[i].place.bytes - kFrontBytes;
    if (!batch.has_room(size)) return false;
    Bytes record;
    TRY(const Readback got, read_back(id, stream, i, record));
    if (got == Readback::kUnreadable) {
      stream.stuck = true;
      return true;
    }
    if (got == Readback::kDamaged) {
      const auto put = put_aside(id, stream, i, "damaged in the spool");
      if (!put && broken_) return fail(put.error());
      if (!put) {
        if (Stream* still = streams_.find(id)) still->not_before = clock_.boot() + kAsideWait;
        note({Finding::Kind::kNotKept, put.error().message(), id, sequence});
      }
      return true;
    }
    record.erase(record.begin(), record.begin() + kFrontBytes);
    batch.out.push_back({id, sequence, stream.segments[i].hash, std::move(record)});
    batch.bytes += size;
    given += size;
    ++stream.sent;
  }
  return true;
}

Result<std::vector<Outgoing>> Spool::next(size_t bytes_max, size_t count_max) {
  TRY_VOID(check_usable());
  Batch batch{bytes_max, count_max};
  while (const auto id = streams_.take_turn(clock_.boot())) {
    const auto over = hand_out(*id, *streams_.find(*id), batch);
    if (!over) return broken(over.error());
    if (Stream* stream = streams_.find(*id))
      streams_.rejoin(*id, *stream, *over ? Streams::Turn::kLast : Streams::Turn::kNext);
    if (!*over) break;
  }
  return std::move(batch.out);
}

Status Spool::accepted(const StreamId& id, uint32_t sequence, uint64_t index, ByteSpan leaf_bytes) {
  TRY_VOID(check_usable());
  TRY(const segment::Leaf leaf, segment::parse_leaf(leaf_bytes));
  Stream* stream = streams_.find(id);
  if (stream != nullptr && sequence < stream->freed.tail.next_sequence) return {};
  if (stream == nullptr && streams_.is_finished(id)) return {};
  const auto i = stream != nullptr ? stream->find(sequence) : std::nullopt;
  if (!i || *i >= stream->durable)
    return fail(Code::kNotFound, name_of(id, sequence) + " does not wait here");
  Stored& stored = stream->segments[*i];

  Bytes bytes;
  TRY_VOID(records_.read(stored.place, kRecordBytesMin, bytes));
  TRY(const Front front, parse_front(bytes));
  if (front.segment_hash != stored.hash || !segment::agrees(leaf, front.header, stored.hash)) {
    return fail(Code::kUnauthentic,
                "the leaf that was returned for " + name_of(id, sequence) + " is another's");
  }
  if (*i > stream->accepted)
    return fail(Code::kConflict, name_of(id, sequence) + " was accepted before those before it");
  Acknowledged now{index, id, sequence, {}, clock_.boot()};
  std::copy(leaf_bytes.begin(), leaf_bytes.end(), now.leaf.begin());
  const auto there = acknowledged_.find(index);
  if (*i < stream->accepted) {
    const bool same =
        there != acknowledged_.end() && stored.index == index && there->second.leaf == now.leaf;
    if (same) return {};
    return fail(Code::kConflict, name_of(id, sequence) + " was accepted before with another leaf");
  }
  if (index < stream->index_min || there != acknowledged_.end()) {
    return fail(Code::kConflict, name_of(id, sequence) + ": leaf index " + std::to_string(index) +
                                     " can not be its own");
  }
  stored.index = index;
  stream->index_min = index + 1;
  ++stream->accepted;
  stream->sent = std::max(stream->sent, stream->accepted);
  acknowledged_.emplace(index, now);
  return {};
}

void Spool::send_again(const StreamId& id, uint32_t sequence, Micros wait) {
  Stream* stream = streams_.find(id);
  const auto i = stream != nullptr ? stream->find(sequence) : std::nullopt;
  if (!i) return;
  stream->sent = std::max(stream->accepted, std::min(stream->sent, *i));
  stream->not_before = clock_.boot() + wait;
  streams_.rejoin(id, *stream);
}

void Spool::send_all_again() {
  for (auto& [id, stream] : streams_.all()) {
    stream.sent = stream.accepted;
    streams_.rejoin(id, stream);
  }
}

void Spool::start_over() {
  acknowledged_.clear();
  for (auto& [id, stream] : streams_.all()) {
    stream.accepted = 0;
    stream.index_min = 0;
  }
  send_all_again();
}

std::vector<Acknowledged> Spool::acknowledged(uint64_t size, size_t count_max) const {
  std::vector<Acknowledged> out;
  for (const auto& [index, one] : acknowledged_) {
    if (index >= size || out.size() == count_max) break;
    out.push_back(one);
  }
  return out;
}

std::optional<BootTime> Spool::oldest_beyond(uint64_t size) const {
  std::optional<BootTime> oldest;
  for (auto at = acknowledged_.lower_bound(size); at != acknowledged_.end(); ++at)
    if (!oldest || at->second.since < *oldest) oldest = at->second.since;
  return oldest;
}

Status Spool::covered(const StreamId& id, uint32_t sequence) {
  TRY_VOID(check_usable());
  Stream* stream = streams_.find(id);
  if (stream == nullptr && streams_.is_finished(id)) return {};
  if (stream != nullptr && sequence < stream->freed.tail.next_sequence) return {};
  const auto i = stream != nullptr ? stream->find(sequence) : std::nullopt;
  if (!i) return fail(Code::kNotFound, name_of(id, sequence) + " does not wait here");
  if (*i != 0 || stream->accepted == 0)
    return fail(Code::kInvalid, name_of(id, sequence) + " can not be the next to be freed");
  acknowledged_.erase(stream->segments.front().index);
  give_back(*stream, streams_.free_front(*stream));
  streams_.finish_if_done(id);
  return sweep();
}

}  // namespace stele::spool
