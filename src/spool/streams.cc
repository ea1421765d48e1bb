#include "spool/streams.h"

#include <algorithm>

#include "base/check.h"

namespace stele::spool {

std::optional<size_t> Stream::find(uint32_t sequence) const {
  const uint32_t first = freed.tail.next_sequence;
  if (sequence < first || sequence - first >= segments.size()) return std::nullopt;
  return sequence - first;
}

Progress Stream::before(size_t i) const {
  if (i == 0) return freed;
  const Stored& last = segments[i - 1];
  return {
      {last.host_key, sequence_of(i), last.closes, last.hash}, last.taken, last.retention_class};
}

Stream* Streams::find(const StreamId& id) {
  const auto at = all_.find(id);
  return at == all_.end() ? nullptr : &at->second;
}

const Stream* Streams::find(const StreamId& id) const {
  const auto at = all_.find(id);
  return at == all_.end() ? nullptr : &at->second;
}

void Streams::push(const StreamId& id, Stream& stream, Stored stored) {
  if (stream.durable == stream.segments.size()) unsynced_.push_back(id);
  stream.last_file = std::max(stream.last_file, stored.place.file);
  stream.waiting_bytes += stored.place.bytes;
  stream.segments.push_back(stored);
}

void Streams::synced() {
  for (const StreamId& id : unsynced_) {
    Stream* stream = find(id);
    if (stream == nullptr) continue;
    stream->durable = stream->segments.size();
    rejoin(id, *stream);
  }
  unsynced_.clear();
}

Stored Streams::free_front(Stream& stream) {
  CHECK(stream.accepted > 0);
  stream.freed = stream.before(1);
  const Stored front = stream.segments.front();
  stream.segments.pop_front();
  stream.waiting_bytes -= front.place.bytes;
  --stream.accepted, --stream.sent, --stream.durable;
  return front;
}

Stored Streams::drop_back(Stream& stream) {
  const Stored back = stream.segments.back();
  stream.segments.pop_back();
  stream.waiting_bytes -= back.place.bytes;
  const size_t left = stream.segments.size();
  stream.accepted = std::min(stream.accepted, left);
  stream.sent = std::min(stream.sent, left);
  stream.durable = std::min(stream.durable, left);
  return back;
}

void Streams::finish_if_done(const StreamId& id) {
  const auto at = all_.find(id);
  if (at == all_.end()) return;
  const Stream& stream = at->second;
  if (!stream.segments.empty() || (!stream.freed.tail.closed && !stream.forgotten)) return;
  FreedStream line{id, true, stream.kept, stream.owner, stream.freed};
  line.freed.tail.closed = false;
  add_finished(line, stream.last_file);
  all_.erase(at);
}

std::optional<StreamId> Streams::take_turn(BootTime now) {
  for (size_t left = turns_.size(); left > 0; --left) {
    const StreamId id = turns_.front();
    turns_.pop_front();
    Stream* stream = find(id);
    if (stream == nullptr) continue;
    stream->queued = false;
    if (stream->not_before <= now && stream->has_unsent()) return id;
    rejoin(id, *stream);
  }
  return std::nullopt;
}

void Streams::rejoin(const StreamId& id, Stream& stream, Turn turn) {
  if (stream.queued || stream.stuck || !stream.has_unsent()) return;
  stream.queued = true;
  if (turn == Turn::kNext) {
    turns_.push_front(id);
  } else {
    turns_.push_back(id);
  }
}

std::vector<FreedStream> Streams::freed(uint64_t oldest) const {
  std::vector<FreedStream> lines;
  for (const auto& [id, stream] : all_) {
    if (stream.freed.tail.next_sequence == 0 && !stream.aside_taken) continue;
    lines.push_back({id, false, stream.kept, stream.owner, stream.freed});
  }
  for (const auto& [id, finished] : finished_)
    if (finished.last_file >= oldest) lines.push_back(finished.line);
  std::sort(lines.begin(), lines.end(),
            [](const FreedStream& a, const FreedStream& b) { return a.stream < b.stream; });
  return lines;
}

void Streams::forget_finished(uint64_t oldest) {
  std::erase_if(finished_, [&](const auto& one) { return one.second.last_file < oldest; });
}

}  // namespace stele::spool
