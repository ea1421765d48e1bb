#include "server/stream_index.h"

#include <algorithm>

#include "crypto/sha256.h"

namespace stele::server {
namespace {

constexpr size_t kLeavesAtOnce = 1000;    // about 1 ms, for which whoever asks waits
constexpr size_t kLeavesPerAsk = 50'000;  // what may have come since the thread looked last
constexpr Micros kKeepUpEvery = std::chrono::seconds(1);
constexpr uint32_t kFrontBytes = 1024;  // what most fronts are below
constexpr size_t kRotatedKept = 65;     // keys of a host: who ingests believes no older ones

void take(StreamFacts& facts, const segment::Leaf& leaf) {
  ++facts.segments;
  facts.bytes += leaf.segment_bytes;
  facts.last = std::max(facts.last, leaf.wall_first + Micros(leaf.duration_us));
  facts.closed = facts.closed || leaf.has(segment::kClose);
  facts.last_hash = leaf.segment_hash;
}

}  // namespace

StreamIndex::StreamIndex(const vault::Vault& vault, uint64_t leaves)
    : vault_(vault), expected_(leaves) {
  {
    const std::lock_guard lock(mutex_);
    is_made_ = read_on(kLeavesAtOnce).has_value();
  }
  thread_ = std::thread([this] { keep_up(); });
}

StreamIndex::~StreamIndex() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
}

// What cannot be read is the next reader's to hear of.
void StreamIndex::keep_up() {
  for (;;) {
    std::unique_lock lock(mutex_);
    if (stopping_) return;
    const Status read = read_on(kLeavesAtOnce);
    if (!read && read.error().code == Code::kBusy) continue;
    is_made_ = true;
    if (stop_.wait_for(lock, kKeepUpEvery, [this] { return stopping_; })) return;
  }
}

Status StreamIndex::catch_up() {
  if (is_made_) {
    const std::lock_guard lock(mutex_);
    Status read = read_on(kLeavesPerAsk);
    if (read || read.error().code != Code::kBusy) return read;
  }
  const uint64_t read = read_;
  return fail(Code::kBusy, "the index of sessions is being made: " + std::to_string(read) + " of " +
                               std::to_string(std::max(expected_, read)) +
                               " leaves are read; try again");
}

// kBusy: there is more.
Status StreamIndex::read_on(size_t leaves_max) {
  if (!cursor_) {
    TRY(const auto volumes, vault_.volumes());
    if (volumes.empty()) return {};
    cursor_.emplace(vault_, vault::Position{volumes.front(), 0, volumes.front().first_index});
  }
  for (size_t read = 0; read < leaves_max; ++read) {
    TRY(const vault::Found found, cursor_->look());
    if (found != vault::Found::kRecord) return {};
    const vault::Position& at = cursor_->position();
    if (at.index != places_.size()) return fail(Code::kCorrupt, "the first volume is not there");
    const segment::Leaf& leaf = cursor_->leaf();
    TRY_VOID(learn(leaf));
    if (volumes_.empty() || volumes_.back() != at.volume) volumes_.push_back(at.volume);
    places_.push_back({at.offset, static_cast<uint32_t>(volumes_.size() - 1), leaf.segment_bytes});
    const auto [place, is_new] = by_id_.try_emplace(leaf.stream, streams_.size());
    if (is_new) {
      streams_.push_back({{.id = leaf.stream,
                           .kind = leaf.kind,
                           .owner = owner_of(leaf.host_key),
                           .first = leaf.wall_first,
                           .last = leaf.wall_first,
                           .opened_at = at.index},
                          {}});
      if (leaf.kind == segment::Kind::kSession || leaf.kind == segment::Kind::kHost)
        open_.insert(place->second);
    }
    Stream& stream = streams_[place->second];
    take(stream.facts, leaf);
    if (stream.facts.closed) open_.erase(place->second);
    stream.leaves.push_back(at.index);
    read_ = places_.size();
    cursor_->advance();
  }
  return fail(Code::kBusy, "there is more to read");
}

// What manifests say in clear: whose the next key is, and which streams are cut.
Status StreamIndex::learn(const segment::Leaf& leaf) {
  const bool is_own_stream =
      leaf.kind == segment::Kind::kHost || leaf.kind == segment::Kind::kServer;
  if (!is_own_stream || !(leaf.has(segment::kOpen) || leaf.has(segment::kRekey))) return {};
  Bytes bytes;
  TRY_VOID(cursor_->read_segment(bytes));
  const auto view = segment::parse_segment(bytes);
  const auto manifest = view ? segment::parse_manifest(view->manifest)
                             : Result<segment::Manifest>(fail(view.error()));
  if (!manifest) return {};  // damaged since it was taken: verification says so
  if (leaf.kind == segment::Kind::kServer) cuts_.take(*manifest);
  if (manifest->rotation) learn_rotation(manifest->rotation->old_key, leaf.host_key);
  return {};
}

void StreamIndex::learn_rotation(const segment::HostKeyId& before,
                                 const segment::HostKeyId& after) {
  const segment::HostKeyId owner = owner_of(before);
  owners_.insert_or_assign(after, owner);
  auto& keys = rotated_[owner];
  keys.push_back(after);
  if (keys.size() <= kRotatedKept) return;
  owners_.erase(keys.front());
  keys.pop_front();
}

segment::HostKeyId StreamIndex::owner_of(const segment::HostKeyId& key) const {
  const auto found = owners_.find(key);
  return found == owners_.end() ? key : found->second;
}

StreamFacts StreamIndex::facts_of(const Stream& stream) const {
  StreamFacts facts = stream.facts;
  facts.cut = !facts.closed && cuts_.is_cut(facts.standing());
  return facts;
}

std::vector<StreamFacts> StreamIndex::open_streams() const {
  const std::lock_guard lock(mutex_);
  std::vector<StreamFacts> out;
  for (const size_t place : open_) out.push_back(facts_of(streams_[place]));
  return out;
}

std::vector<StreamFacts> StreamIndex::sessions(uint64_t from, size_t count) const {
  const std::lock_guard lock(mutex_);
  std::vector<StreamFacts> out;
  auto at = std::partition_point(streams_.begin(), streams_.end(), [&](const Stream& stream) {
    return stream.facts.opened_at < from;
  });
  for (; at != streams_.end() && out.size() < count; ++at)
    if (at->facts.kind == segment::Kind::kSession) out.push_back(facts_of(*at));
  return out;
}

std::optional<StreamFacts> StreamIndex::find(const StreamId& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  return facts_of(streams_[found->second]);
}

uint64_t StreamIndex::leaves() const {
  const std::lock_guard lock(mutex_);
  return places_.size();
}

// `leaves`: of one stream; null: all of the ledger. As many as an answer holds, by their size.
std::vector<std::pair<uint64_t, StreamIndex::Place>> StreamIndex::choose(
    const std::vector<uint64_t>* leaves, uint64_t from, Part part) const {
  std::vector<std::pair<uint64_t, Place>> out;
  const uint64_t end = leaves != nullptr ? leaves->size() : places_.size();
  for (size_t bytes = 0; from < end && out.size() < wire::kRecordsMax; ++from) {
    const uint64_t index = leaves != nullptr ? (*leaves)[from] : from;
    const Place& place = places_[index];
    bytes += part == Part::kWhole ? place.bytes : std::min(place.bytes, kFrontBytes);
    if (!out.empty() && bytes > wire::kRecordsBytes) break;
    out.emplace_back(index, place);
  }
  return out;
}

Result<StreamIndex::Records> StreamIndex::of_stream(const StreamId& id, uint64_t from,
                                                    Part part) const {
  std::vector<std::pair<uint64_t, Place>> places;
  {
    const std::lock_guard lock(mutex_);
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return fail(Code::kNotFound, "no such stream");
    places = choose(&streams_[found->second].leaves, from, part);
  }
  return collect(places, from, part);
}

Result<StreamIndex::Records> StreamIndex::of_ledger(uint64_t from, Part part) const {
  std::vector<std::pair<uint64_t, Place>> places;
  {
    const std::lock_guard lock(mutex_);
    places = choose(nullptr, from, part);
  }
  return collect(places, from, part);
}

// Reads without the lock: volumes only grow.
Result<StreamIndex::Records> StreamIndex::collect(
    const std::vector<std::pair<uint64_t, Place>>& places, uint64_t from, Part part) const {
  Records records{{}, from, from};
  std::unique_ptr<os::File> file;
  std::optional<vault::VolumeName> open;
  for (const auto& [index, place] : places) {
    vault::VolumeName name;
    {
      const std::lock_guard lock(mutex_);
      name = volumes_[place.volume];
    }
    if (open != name) {
      TRY(file, vault_.read_volume(name));
      open = name;
    }
    Bytes bytes(segment::kLeafBytes + place.bytes);
    TRY(const size_t got, file->read_at(place.offset, bytes));
    if (got != bytes.size()) return fail(Code::kCorrupt, "a record is cut short");
    const ByteSpan segment = ByteSpan(bytes).subspan(segment::kLeafBytes);
    TRY(const segment::Leaf leaf, segment::parse_leaf(ByteSpan(bytes).first(segment::kLeafBytes)));
    TRY(const segment::Header header, segment::parse_header(segment));
    if (!segment::agrees(leaf, header, crypto::sha256(segment)))
      return fail(Code::kCorrupt, "a record is not what its leaf says");
    const size_t wanted = part == Part::kWhole ? segment.size() : wire::front_bytes(header);
    if (!records.body.empty() && records.body.size() + wanted > wire::kRecordsBytes) break;
    if (wanted > segment.size()) return fail(Code::kCorrupt, "a segment's sizes do not add up");
    wire::add_record(records.body, {index, leaf, segment.first(wanted)});
    ++records.next;
  }
  return records;
}

}  // namespace stele::server
