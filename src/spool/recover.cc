// Opening a spool: from whatever a crash left to rows of segments (docs/formats/spool.md,
// "Recovery").
#include <algorithm>
#include <tuple>

#include "spool/file_scan.h"
#include "spool/spool.h"

namespace stele::spool {
namespace {

constexpr uint64_t kDamagePieceBytes = uint64_t{4} << 20;

std::string describe(const Front& front) {
  return "segment " + std::to_string(front.header.sequence) + " of stream " +
         to_string(front.header.stream);
}

}  // namespace

struct Spool::Found {
  uint32_t sequence = 0;
  Hash previous{};
  uint32_t owner = 0;
  Stored stored;
};

struct Spool::Recovery {
  State state;
  bool has_state = false, state_lost = false;
  std::map<StreamId, std::vector<Found>> found;
  Aside::Contents aside;

  const FreedStream* line(const StreamId& id) const {
    const auto at = std::lower_bound(
        state.streams.begin(), state.streams.end(), id,
        [](const FreedStream& line, const StreamId& wanted) { return line.stream < wanted; });
    return at != state.streams.end() && at->stream == id ? &*at : nullptr;
  }
  const FileEnd* listed(uint64_t number) const {
    const auto at = std::find_if(state.files.begin(), state.files.end(),
                                 [&](const FileEnd& file) { return file.number == number; });
    return at != state.files.end() ? &*at : nullptr;
  }
};

Status Spool::recover() {
  TRY_VOID(files_.make_directories(layout_.aside()));
  TRY(lock_, files_.lock(layout_.lock(), os::Wait::kNo));
  Recovery recovery;
  TRY_VOID(load_state(recovery));
  TRY(recovery.aside, aside_.load());
  for (const Charge& charge : recovery.aside.charges) account_.take(charge);
  for (const std::string& name : recovery.aside.strange)
    note({Finding::Kind::kDamaged, layout_.aside(name) + ": not what it should be", {}, 0});
  TRY_VOID(read_files(recovery));
  for (const FreedStream& line : recovery.state.streams) recovery.found[line.stream];
  for (auto& [id, found] : recovery.found)
    TRY_VOID(queue_stream(recovery, id, std::exchange(found, {})));
  streams_.synced();
  TRY_VOID(sweep());
  auto filled = ballast_.fill();
  if (!filled && filled.error().code != Code::kNoSpace) return filled;
  if (!filled) note({Finding::Kind::kNotKept, filled.error().message(), {}, 0});
  return {};
}

Status Spool::load_state(Recovery& recovery) {
  const auto bytes = files_.read(layout_.state(), kStateBytesMax);
  if (!bytes && bytes.error().code == Code::kNotFound) return {};
  if (!bytes) return fail(bytes.error());
  auto state = parse_state(*bytes);
  if (state) {
    recovery.state = *std::move(state);
    recovery.has_state = true;
    records_.use_up(recovery.state.through);
    return {};
  }
  recovery.state_lost = true;
  note({Finding::Kind::kDamaged, layout_.state() + ": " + state.error().message(), {}, 0});
  TRY_VOID(is_kept(aside_.keep_damaged("state", *bytes)));
  return {};
}

// Where a file ends is known from the state or its successor's name, but for the newest.
Status Spool::read_files(Recovery& recovery) {
  TRY(const auto listing, files_.list(layout_.directory));
  std::vector<FileName> names;
  for (const std::string& text : listing)
    if (const auto name = parse_file_name(text)) names.push_back(*name);
  std::sort(names.begin(), names.end());

  for (size_t i = 0; i < names.size(); ++i) {
    const FileName& name = names[i];
    const FileName* next = i + 1 < names.size() ? &names[i + 1] : nullptr;
    if (next != nullptr && next->number == name.number)
      return fail(Code::kCorrupt, layout_.file(name) + ": another file has that number too");
    const FileEnd* listed = recovery.listed(name.number);
    if (recovery.has_state && name.number <= recovery.state.through && listed == nullptr) {
      // Freed, if this state is durable; sweep() makes one that is, and then removes the file.
      records_.adopt(name, 0);
      continue;
    }
    std::optional<uint64_t> end;
    if (listed != nullptr && listed->end != kOpenEnd) {
      end = listed->end;
    } else if (next != nullptr && next->number == name.number + 1) {
      end = next->previous_end;
    }
    TRY_VOID(read_file(recovery, name, end));
  }
  note_missing(recovery, names);
  return {};
}

// A file that the state lists, or whose end its successor names, and that is not there.
void Spool::note_missing(const Recovery& recovery, const std::vector<FileName>& names) {
  std::set<uint64_t> missing;
  for (const FileEnd& file : recovery.state.files) missing.insert(file.number);
  for (const FileName& name : names) {
    const bool was_freed = recovery.has_state && name.number <= recovery.state.through + 1;
    if (name.previous_end > 0 && !was_freed && !recovery.state_lost)
      missing.insert(name.number - 1);
  }
  for (const FileName& name : names) missing.erase(name.number);
  for (const uint64_t number : missing)
    note({Finding::Kind::kMissing, "spool file " + std::to_string(number) + " is gone", {}, 0});
}

Status Spool::read_file(Recovery& recovery, const FileName& name, std::optional<uint64_t> end) {
  const std::string path = layout_.file(name);
  auto opened = end ? files_.open_read(path) : files_.open_append(path);
  if (!opened) return fail(std::move(opened).error());
  os::File& file = **opened;
  if (!end) {
    // After a failed sync the cache may show what the disk does not have, and this sync may hide
    // it.
    TRY_VOID(file.sync());
    file.drop_cache();
  }
  auto scanned = end ? scan_ended(file, *end) : scan_newest(file);
  if (!scanned) return fail(std::move(scanned).error().within(path));
  const FileScan& scan = *scanned;
  records_.adopt(name, scan.end);
  for (const ScannedRecord& r : scan.records) {
    const segment::Header& header = r.front.header;
    recovery.found[header.stream].push_back(
        {.sequence = header.sequence,
         .previous = header.previous,
         .owner = r.front.owner,
         .stored = {.place = {name.number, r.offset, static_cast<uint32_t>(r.front.record_bytes())},
                    .hash = r.front.segment_hash,
                    .host_key = header.host_key,
                    .taken = r.front.taken,
                    .spooled = r.front.spooled,
                    .closes = header.has(segment::kClose),
                    .from_reserve = r.front.from_reserve,
                    .kind = header.kind,
                    .retention_class = header.retention_class}});
  }
  for (const Region& region : scan.damaged)
    TRY_VOID(keep_damage(file, name, region.offset, region.bytes));
  if (scan.torn.bytes > 0) {
    note({Finding::Kind::kTorn,
          path + ": ends at " + std::to_string(scan.end) + "; " + std::to_string(scan.torn.bytes) +
              " bytes behind that are not whole" +
              (scan.torn_front ? " (" + describe(*scan.torn_front) + ")" : ""),
          {},
          0});
  }
  return {};
}

// A file whose damage can not be kept elsewhere is itself kept.
Status Spool::keep_damage(os::File& file, const FileName& name, uint64_t offset, uint64_t bytes) {
  note({Finding::Kind::kDamaged,
        layout_.file(name) + ": " + std::to_string(bytes) + " bytes at offset " +
            std::to_string(offset) + " are no record any more",
        {},
        0});
  Bytes piece;
  for (uint64_t done = 0; done < bytes; done += kDamagePieceBytes) {
    piece.resize(std::min(kDamagePieceBytes, bytes - done));
    TRY(const size_t got, file.read_at(offset + done, piece));
    piece.resize(got);
    if (piece.empty()) return {};
    TRY(const bool kept,
        is_kept(aside_.keep_damaged(
            std::to_string(name.number) + "-" + std::to_string(offset + done), piece)));
    if (!kept) {
      records_.keep({name.number, 0, 0});
      return {};
    }
  }
  return {};
}

namespace {

/// Whether a segment with these can follow; the same rules as for one that is appended.
bool follows(const Stream& stream, uint32_t sequence, const Hash& previous) {
  const Progress at = stream.progress();
  segment::Header header;
  header.sequence = sequence;
  header.previous = previous;
  return segment::check_follows(at.tail.next_sequence == 0 ? nullptr : &at.tail, header)
      .has_value();
}

}  // namespace

Status Spool::queue_stream(Recovery& recovery, const StreamId& id, std::vector<Found> found) {
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    const auto key = [](const Found& f) {
      return std::tuple(f.sequence, f.stored.place.file, f.stored.place.offset);
    };
    return key(a) < key(b);
  });
  const FreedStream* line = recovery.line(id);
  Stream& stream = streams_.add(id, line != nullptr ? line->owner : found.front().owner);
  if (line != nullptr) stream.freed = line->freed;
  stream.forgotten = line != nullptr && line->finished;
  if (line != nullptr) stream.kept = line->kept;
  std::vector<Numbered> apart;  // can not follow what is there
  Hash last{};
  for (const Found& f : found) {
    stream.last_file = std::max(stream.last_file, f.stored.place.file);
    if (f.sequence < stream.freed.tail.next_sequence) continue;
    if (recovery.state_lost && line == nullptr && stream.segments.empty() && apart.empty())
      stream.freed.tail = {f.stored.host_key, f.sequence, false, f.previous};
    if (f.stored.hash == last) continue;  // moved, and the file it was moved from is still there
    last = f.stored.hash;
    if (apart.empty() && follows(stream, f.sequence, f.previous)) {
      take(stream, f.stored);
      streams_.push(id, stream, f.stored);
    } else {
      apart.push_back({f.sequence, f.stored});
    }
  }
  TRY_VOID(end_stream(recovery, id, stream, std::move(apart)));
  streams_.finish_if_done(id);
  return {};
}

// Sets aside what was decided before, or is now: where a segment is missing, nothing behind it can
// be shipped.
Status Spool::end_stream(Recovery& recovery, const StreamId& id, Stream& stream,
                         std::vector<Numbered> apart) {
  TRY(const auto decision, decide(recovery, id, stream, !apart.empty()));
  if (!decision) return {};
  if (const auto from = stream.find(decision->sequence)) {
    std::vector<Numbered> dropped = drop_from(stream, *from);
    apart.insert(apart.begin(), dropped.begin(), dropped.end());
  }
  stream.aside_taken = stream.kept ? stream.kept->taken : stream.progress().taken;
  std::erase_if(apart,
                [&](const Numbered& r) { return stream.kept && r.sequence >= stream.kept->from; });
  if (apart.empty() && !stream.kept && recovery.aside.streams.contains(id)) {
    TRY(stream.kept, aside_.survey(id));  // the state was lost
    stream.aside_taken = std::max(stream.kept->taken, stream.progress().taken);
  }
  if (apart.empty()) return {};
  TRY(const bool kept, is_kept(keep_aside(id, stream, stream.progress(), apart)));
  if (!kept)  // their files stay, and the next opening tries again
    for (const Numbered& r : apart) records_.keep(r.stored.place);
  return {};
}

// From which segment on a stream is set aside, if it is.
Result<std::optional<Decision>> Spool::decide(const Recovery& recovery, const StreamId& id,
                                              const Stream& stream, bool broken) {
  std::optional<Decision> decision;
  if (const auto of = recovery.aside.decisions.find(id); of != recovery.aside.decisions.end()) {
    // What was decided of earlier segments was not done: they were shipped after all.
    const auto first = of->second.lower_bound(stream.freed.tail.next_sequence);
    if (first != of->second.end()) decision = first->second;
  }
  const uint32_t next = stream.progress().tail.next_sequence;
  if (!broken || (decision && decision->sequence <= next)) return decision;
  decision = Decision{id, next, "this segment is missing or damaged in the spool"};
  note({Finding::Kind::kMissing,
        "stream " + to_string(id) + " is set aside: segment " + std::to_string(next) +
            " is missing or damaged in the spool",
        id, next});
  TRY_VOID(is_kept(aside_.decide(*decision)));
  return decision;
}

// A full disk, or a record that can not be read, keeps nobody from opening a spool.
Result<bool> Spool::is_kept(Status status) {
  if (status) return true;
  if (status.error().code != Code::kNoSpace && status.error().code != Code::kIo)
    return fail(std::move(status).error());
  note({Finding::Kind::kNotKept, status.error().message(), {}, 0});
  return false;
}

}  // namespace stele::spool
