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
  if (!walk_) walk_.emplace(vault_);
  for (size_t read = 0; read < leaves_max; ++read) {
    TRY(const auto found, walk_->next());
    if (!found) return {};
    places_.resize(found->index);  // of leaves that nothing tells of
    TRY_VOID(learn(*found));
    add(*found);
    read_ = places_.size();
  }
  return fail(Code::kBusy, "there is more to read");
}

void StreamIndex::add(const ledger::LeafWalk::Found& found) {
  const segment::Leaf& leaf = found.leaf;
  Place place;
  if (found.where != ledger::LeafWalk::Where::kGone) {
    const Volume volume{found.volume, found.where == ledger::LeafWalk::Where::kKept};
    if (volumes_.empty() || volumes_.back() != volume) volumes_.push_back(volume);
    place = {found.offset - segment::kLeafBytes, static_cast<uint32_t>(volumes_.size() - 1),
             leaf.segment_bytes};
  }
  places_.push_back(place);
  const auto [known, is_new] = by_id_.try_emplace(leaf.stream, streams_.size());
  if (is_new) {
    streams_.push_back({{.id = leaf.stream,
                         .kind = leaf.kind,
                         .owner = owner_of(leaf.host_key),
                         .first = leaf.wall_first,
                         .last = leaf.wall_first,
                         .opened_at = found.index},
                        {}});
    if (leaf.kind == segment::Kind::kSession || leaf.kind == segment::Kind::kHost)
      open_.insert(known->second);
  }
  Stream& stream = streams_[known->second];
  take(stream.facts, leaf);
  if (stream.facts.closed) open_.erase(known->second);
  stream.leaves.push_back(found.index);
}

// Something was removed that places point to: all of it anew.
void StreamIndex::forget() {
  const std::lock_guard lock(mutex_);
  is_made_ = false;
  read_ = 0;
  walk_.reset();
  volumes_.clear();
  places_.clear();
  streams_.clear();
  by_id_.clear();
  open_.clear();
  cuts_ = {};
  owners_.clear();
  rotated_.clear();
}

// What manifests say in clear: whose the next key is, and which streams are cut.
Status StreamIndex::learn(const ledger::LeafWalk::Found& found) {
  const segment::Leaf& leaf = found.leaf;
  const bool is_own_stream =
      leaf.kind == segment::Kind::kHost || leaf.kind == segment::Kind::kServer;
  if (!is_own_stream || !(leaf.has(segment::kOpen) || leaf.has(segment::kRekey)) ||
      found.where == ledger::LeafWalk::Where::kGone)
    return {};
  Bytes bytes;
  TRY_VOID(walk_->read_segment(bytes));
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

std::vector<segment::LeafRange> StreamIndex::absent() const {
  const std::lock_guard lock(mutex_);
  std::vector<segment::LeafRange> out;
  for (uint64_t i = 0; i < places_.size(); ++i) {
    if (places_[i].volume != kNowhere) continue;
    if (out.empty() || out.back().next != i) out.push_back({i, i});
    out.back().next = i + 1;
  }
  return out;
}

// `leaves`: of one stream; null: all of the ledger. As many as an answer holds, by their size.
std::vector<StreamIndex::Chosen> StreamIndex::choose(const std::vector<uint64_t>* leaves,
                                                     uint64_t from, Part part) const {
  std::vector<Chosen> out;
  const uint64_t end = leaves != nullptr ? leaves->size() : places_.size();
  for (size_t bytes = 0; from < end && out.size() < wire::kRecordsMax; ++from) {
    const uint64_t index = leaves != nullptr ? (*leaves)[from] : from;
    const Place& place = places_[index];
    if (place.volume == kNowhere) continue;
    bytes += part == Part::kWhole ? place.bytes : std::min(place.bytes, kFrontBytes);
    if (!out.empty() && bytes > wire::kRecordsBytes) break;
    out.push_back({from, index, place});
  }
  return out;
}

Result<StreamIndex::Records> StreamIndex::of_stream(const StreamId& id, uint64_t from, Part part) {
  std::vector<Chosen> chosen;
  {
    const std::lock_guard lock(mutex_);
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return fail(Code::kNotFound, "no such stream");
    chosen = choose(&streams_[found->second].leaves, from, part);
  }
  return collect(chosen, from, part);
}

Result<StreamIndex::Records> StreamIndex::of_ledger(uint64_t from, Part part) {
  std::vector<Chosen> chosen;
  {
    const std::lock_guard lock(mutex_);
    chosen = choose(nullptr, from, part);
  }
  return collect(chosen, from, part);
}

Result<std::unique_ptr<os::File>> StreamIndex::open(const Volume& volume) {
  auto file = volume.is_kept ? vault_.read_kept(volume.name) : vault_.read_volume(volume.name);
  if (file || file.error().code != Code::kNotFound) return file;
  forget();
  return fail(Code::kBusy, "something was removed, and the index of sessions is made anew");
}

// Reads without the lock: volumes only grow, until they are removed.
Result<StreamIndex::Records> StreamIndex::collect(const std::vector<Chosen>& chosen, uint64_t from,
                                                  Part part) {
  Records records{{}, from, from};
  std::unique_ptr<os::File> file;
  std::optional<Volume> opened;
  for (const auto& [number, index, place] : chosen) {
    Volume volume;
    {
      const std::lock_guard lock(mutex_);
      if (place.volume >= volumes_.size()) return fail(Code::kBusy, "the index is made anew");
      volume = volumes_[place.volume];
    }
    if (opened != volume) {
      TRY(file, open(volume));
      opened = volume;
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
    records.next = number + 1;
  }
  return records;
}

}  // namespace stele::server
