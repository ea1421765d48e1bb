#include "spool/record_files.h"

#include <algorithm>

namespace stele::spool {

// The file that takes the next record: the current one, or its successor.
Status RecordFiles::open_end() {
  if (writer_ && !ended_ && known_.at(current_).end < file_bytes_max_) return {};
  if (writer_) TRY_VOID(sync());
  const auto before = next_number_ == 0 ? known_.end() : known_.find(next_number_ - 1);
  const FileName name{next_number_, before == known_.end() ? 0 : before->second.end};
  auto made = files_.create_append(layout_.file(name));
  if (!made && !files_.exists(layout_.file(name))) return fail(std::move(made).error());
  known_[next_number_++] = {.name = name};
  if (!made) return fail(std::move(made).error());  // there, but perhaps not durably: left empty
  writer_ = *std::move(made);
  current_ = name.number;
  durable_ = 0;
  ended_ = false;
  return {};
}

Result<Place> RecordFiles::append(Front front, ByteSpan segment) {
  TRY_VOID(open_end());
  Known& file = known_.at(current_);
  front.durable = durable_;
  const auto bytes = encode(front, segment);
  if (auto written = writer_->append({bytes, segment}); !written) {
    ended_ = true;  // behind its end there may be a part of the record now
    take_back_empty();
    return fail(std::move(written).error());
  }
  const Place place{current_, file.end, static_cast<uint32_t>(bytes.size() + segment.size())};
  file.end += place.bytes;
  keep(place);
  return place;
}

// A disk can have room for a file and none for a record: it would be littered, one with each try.
// Nothing was ever said of a file that has no record, and the next one has its number.
void RecordFiles::take_back_empty() {
  const auto file = known_.find(current_);
  const bool is_newest = current_ + 1 == next_number_;
  if (file->second.end > 0 || !is_newest || current_ == 0) return;
  if (!files_.remove(layout_.file(file->second.name))) return;
  known_.erase(file);
  next_number_ = current_;
  writer_.reset();
}

Status RecordFiles::sync() {
  if (!writer_) return {};
  const uint64_t written = known_.at(current_).end;
  if (durable_ == written) return {};
  if (auto synced = writer_->sync(); !synced) {
    synced.error().code = Code::kIo;  // whatever the reason: nothing may be believed now
    return synced;
  }
  durable_ = written;
  return {};
}

Status RecordFiles::read(const Place& place, size_t bytes, Bytes& out) {
  const auto at = known_.find(place.file);
  CHECK(at != known_.end() && bytes <= place.bytes);
  if (!reader_ || reading_ != place.file) {
    TRY(reader_, files_.open_read(layout_.file(at->second.name)));
    reading_ = place.file;
  }
  out.resize(bytes);
  TRY(const size_t got, reader_->read_at(place.offset, out));
  if (got == out.size()) return {};
  return fail(Code::kCorrupt, layout_.file(at->second.name) + ": shorter than it was");
}

void RecordFiles::keep(const Place& place) {
  Known& file = known_.at(place.file);
  ++file.waiting;
  file.waiting_bytes += place.bytes;
}

void RecordFiles::release(const Place& place) {
  Known& file = known_.at(place.file);
  CHECK(file.waiting > 0 && file.waiting_bytes >= place.bytes);
  --file.waiting;
  file.waiting_bytes -= place.bytes;
}

void RecordFiles::adopt(const FileName& name, uint64_t end) {
  CHECK(!writer_);
  known_[name.number] = {.name = name, .end = end};
  use_up(name.number);
}

std::vector<uint64_t> RecordFiles::done() const {
  std::vector<uint64_t> out;
  for (const auto& [number, file] : known_)
    if (file.waiting == 0 && !is_current(number)) out.push_back(number);
  return out;
}

Status RecordFiles::remove(uint64_t number) {
  const auto at = known_.find(number);
  CHECK(at != known_.end() && at->second.waiting == 0 && !is_current(number));
  if (reading_ == number) reader_.reset();
  TRY_VOID(files_.remove(layout_.file(at->second.name)));
  known_.erase(at);
  return {};
}

std::optional<uint64_t> RecordFiles::worth_moving(uint64_t dead_bytes_max) const {
  uint64_t dead = 0;
  const Known* best = nullptr;
  for (const auto& [number, file] : known_) {
    if (is_current(number) || file.waiting == 0 || file.pinned) continue;
    dead += file.dead_bytes();
    if (!best || file.dead_bytes() * best->end > best->dead_bytes() * file.end) best = &file;
  }
  if (dead <= dead_bytes_max) return std::nullopt;
  return best->name.number;
}

std::vector<FileEnd> RecordFiles::ends(const std::vector<uint64_t>& without) const {
  std::vector<FileEnd> out;
  for (const auto& [number, file] : known_) {
    if (std::binary_search(without.begin(), without.end(), number)) continue;
    out.push_back({number, is_current(number) ? kOpenEnd : file.end});
  }
  return out;
}

uint64_t RecordFiles::disk_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [number, file] : known_) bytes += file.end;
  return bytes;
}

}  // namespace stele::spool
