// What the spool is done with: set aside, forgotten, and files of which nothing waits any more.
#include <algorithm>

#include "base/check.h"
#include "crypto/sha256.h"
#include "spool/spool.h"

namespace stele::spool {
namespace {

// What ended files may hold of freed records before those that wait are moved out of them.
uint64_t dead_bytes_max(const SpoolOptions& options) {
  return std::max(options.quota.bytes_max / 4, 2 * options.file_bytes_max);
}

Charge charge_of(uint32_t owner, const Stored& stored) {
  return {owner, stored.from_reserve ? Room::kReserve : Room::kOrdinary, stored.place.bytes};
}

}  // namespace

void Spool::take(const Stream& stream, const Stored& stored) {
  records_.keep(stored.place);
  account_.take(charge_of(stream.owner, stored));
}

void Spool::give_back(const Stream& stream, const Stored& stored) {
  records_.release(stored.place);
  account_.give_back(charge_of(stream.owner, stored));
}

// Takes a stream's segments off its row, from the i-th on.
std::vector<Spool::Numbered> Spool::drop_from(Stream& stream, size_t from) {
  for (size_t i = from; i < stream.accepted; ++i) acknowledged_.erase(stream.segments[i].index);
  std::vector<Numbered> dropped;
  while (stream.segments.size() > from) {
    const uint32_t sequence = stream.sequence_of(stream.segments.size() - 1);
    dropped.push_back({sequence, streams_.drop_back(stream)});
    give_back(stream, dropped.back().stored);
  }
  std::reverse(dropped.begin(), dropped.end());
  return dropped;
}

// Copies what comes after `before` to aside/. It stays charged: it stays on the disk. What is not
// whole, or missing, ends the count of what was taken.
Status Spool::keep_aside(const StreamId& id, Stream& stream, const Progress& before,
                         const std::vector<Numbered>& records) {
  std::vector<Aside::Record> wanted;
  wanted.reserve(records.size());
  for (const Numbered& r : records) wanted.push_back({r.sequence, r.stored.place.bytes});
  uint64_t taken = before.taken;
  uint32_t expected = before.tail.next_sequence;
  bool whole = true;
  TRY_VOID(aside_.keep(id, wanted, [&](size_t i, Bytes& out) -> Status {
    const Stored& stored = records[i].stored;
    auto read = records_.read(stored.place, out);
    if (!read && read.error().code != Code::kCorrupt) return read;
    whole = whole && read && records[i].sequence == expected++ &&
            crypto::sha256(ByteSpan(out).subspan(kFrontBytes)) == stored.hash;
    if (whole) taken = stored.taken;
    return {};
  }));
  for (const Numbered& r : records) account_.take(charge_of(stream.owner, r.stored));
  const bool goes_on = whole && stream.kept && stream.kept->from == records.back().sequence + 1;
  stream.kept = Kept{records.front().sequence, goes_on ? stream.kept->taken : taken};
  stream.aside_taken = stream.kept->taken;
  state_is_due_ = true;
  return {};
}

Status Spool::put_aside(const StreamId& id, Stream& stream, size_t from, std::string_view why) {
  TRY_VOID(sync());
  std::vector<Numbered> records;
  for (size_t i = from; i < stream.segments.size(); ++i)
    records.push_back({stream.sequence_of(i), stream.segments[i]});
  TRY_VOID(aside_.decide({id, stream.sequence_of(from), one_line(why)}));
  TRY_VOID(keep_aside(id, stream, stream.before(from), records));
  (void)drop_from(stream, from);
  streams_.finish_if_done(id);
  return sweep();
}

Status Spool::set_aside(const StreamId& id, uint32_t sequence, std::string_view why) {
  TRY_VOID(check_usable());
  Stream* stream = streams_.find(id);
  const auto i = stream != nullptr ? stream->find(sequence) : std::nullopt;
  if (!i)
    return fail(Code::kNotFound, "segment " + std::to_string(sequence) + " of stream " +
                                     to_string(id) + " does not wait here");
  TRY_VOID(put_aside(id, *stream, *i, why));
  note({Finding::Kind::kRefused,
        "stream " + to_string(id) + " is set aside from segment " + std::to_string(sequence) +
            " on: " + one_line(why),
        id, sequence});
  return {};
}

void Spool::forget(const StreamId& id) {
  Stream* stream = streams_.find(id);
  if (stream == nullptr) return;
  stream->forgotten = true;
  streams_.finish_if_done(id);
}

Status Spool::write_state(const std::vector<uint64_t>& without) {
  State state{records_.through(), records_.ends(without), {}};
  const uint64_t oldest = state.files.empty() ? state.through + 1 : state.files.front().number;
  state.streams = streams_.freed(oldest);
  const Bytes bytes = encode(state);
  auto written = files_.replace(layout_.state(), bytes);
  if (!written && written.error().code == Code::kNoSpace && ballast_.release())
    written = files_.replace(layout_.state(), bytes);
  return written;
}

// Removes the files of which nothing waits. A full disk only puts that off.
Status Spool::sweep() {
  if (const auto number = records_.worth_moving(dead_bytes_max(options_))) {
    auto moved = move_out(*number);
    if (!moved && moved.error().code != Code::kNoSpace) return moved;
  }
  const std::vector<uint64_t> done = records_.done();
  if (done.empty() && !state_is_due_) return {};
  auto written = write_state(done);
  if (!written && written.error().code == Code::kNoSpace) return {};
  TRY_VOID(std::move(written));
  state_is_due_ = false;
  for (const uint64_t number : done) TRY_VOID(records_.remove(number));
  streams_.forget_finished(records_.oldest());
  return {};
}

// Writes what waits in a mostly freed file anew, behind everything else.
Status Spool::move_out(uint64_t file) {
  struct Move {
    Stored* stored;
    Place to;
  };
  std::vector<Move> moves;
  const auto leave = [&] {
    for (const Move& m : moves) records_.release(m.to);
    records_.pin(file);
  };
  Bytes record;
  for (auto& [id, stream] : streams_.all()) {
    for (size_t i = 0; i < stream.segments.size(); ++i) {
      Stored& stored = stream.segments[i];
      if (stored.place.file != file) continue;
      TRY(const Readback got, read_back(id, stream, i, record));
      const auto front = got == Readback::kRight ? parse_front(record) : fail(Code::kCorrupt, "");
      if (!front) return leave(), Status();  // dealt with when its turn comes
      auto to = write(*front, ByteSpan(record).subspan(kFrontBytes));
      if (!to) return leave(), fail(std::move(to).error());
      moves.push_back({&stored, *to});
      stream.last_file = std::max(stream.last_file, to->file);
    }
  }
  TRY_VOID(sync());
  for (const Move& m : moves) {
    records_.release(m.stored->place);
    m.stored->place = m.to;
  }
  return {};
}

}  // namespace stele::spool
