#include "spool/aside.h"

#include "base/check.h"
#include "base/hex.h"
#include "crypto/sha256.h"
#include "spool/file_scan.h"

namespace stele::spool {
namespace {

constexpr size_t kChunkBytes = size_t{4} << 20;

}  // namespace

Result<Aside::Contents> Aside::load() const {
  Contents contents;
  TRY(const auto names, files_.list(layout_.aside()));
  for (const std::string& text : names) {
    const auto name = parse_aside_name(text);
    if (name && name->what == AsideName::What::kWhy) {
      TRY(const Decision decision, read_decision(*name, contents));
      contents.decisions[name->stream][name->sequence] = decision;
      continue;
    }
    TRY(const auto file, files_.open_read(layout_.aside(text)));
    TRY(const uint64_t size, file->size());
    if (!name) {
      contents.charges.push_back({0, Room::kReserve, size});
      continue;
    }
    TRY(const FileScan scan, scan_ended(*file, size));
    for (const ScannedRecord& record : scan.records) {
      contents.streams.insert(name->stream);
      contents.charges.push_back(charge_of(record.front));
    }
    if (!scan.damaged.empty()) contents.strange.push_back(text);
  }
  for (const StreamId& stream : contents.streams) {
    if (contents.decisions.contains(stream)) continue;
    // Its directory could not be synced, and a power cut took it.
    TRY(const Kept kept, survey(stream));
    contents.decisions[stream][kept.from] = {stream, kept.from, "the reason is lost"};
  }
  return contents;
}

Result<Kept> Aside::survey(const StreamId& stream) const {
  TRY(const auto names, files_.list(layout_.aside()));
  std::map<uint32_t, std::optional<uint64_t>> taken;  // none: damaged
  Bytes segment;
  for (const std::string& text : names) {
    const auto name = parse_aside_name(text);
    if (!name || name->stream != stream || name->what != AsideName::What::kRecords) continue;
    TRY(const auto file, files_.open_read(layout_.aside(text)));
    TRY(const uint64_t size, file->size());
    TRY(const FileScan scan, scan_ended(*file, size));
    for (const ScannedRecord& r : scan.records) {
      segment.resize(r.front.header.segment_bytes());
      TRY(const size_t got, file->read_at(r.offset + kFrontBytes, segment));
      const bool right = got == segment.size() && crypto::sha256(segment) == r.front.segment_hash;
      taken[r.front.header.sequence] = right ? std::optional(r.front.taken) : std::nullopt;
    }
  }
  CHECK(!taken.empty());
  Kept kept{taken.begin()->first, 0};
  uint32_t expected = kept.from;
  for (const auto& [sequence, messages] : taken) {
    if (sequence != expected++ || !messages) break;
    kept.taken = *messages;
  }
  return kept;
}

// A why file that is damaged still says by its name that the stream ends there.
Result<Decision> Aside::read_decision(const AsideName& name, Contents& contents) const {
  const auto bytes = files_.read(layout_.aside(to_string(name)), kDecisionBytesMax);
  if (!bytes && bytes.error().code != Code::kLimit) return fail(bytes.error());
  if (bytes) {
    auto decision = parse_decision(as_text(*bytes));
    if (decision && decision->stream == name.stream && decision->sequence == name.sequence)
      return decision;
  }
  contents.strange.push_back(to_string(name));
  return Decision{name.stream, name.sequence, "the reason can not be read"};
}

Status Aside::decide(const Decision& decision) const {
  const std::string path = layout_.aside(
      to_string(AsideName{decision.stream, decision.sequence, AsideName::What::kWhy}));
  const std::string text = to_text(decision);
  auto put = files_.put_once(path, as_bytes(text));
  if (!put && put.error().code == Code::kExists) return {};
  return put;
}

std::string Aside::unused_name(AsideName name) const {
  while (files_.exists(layout_.aside(to_string(name)))) ++name.attempt;
  return to_string(name);
}

// Each file is made whole or not at all, and named by its first record.
Status Aside::keep(const StreamId& stream, const std::vector<Record>& records,
                   const Reader& read) const {
  Bytes chunk, one;
  for (size_t i = 0; i < records.size();) {
    const std::string name = unused_name({stream, records[i].sequence, AsideName::What::kRecords});
    chunk.clear();
    do {
      TRY_VOID(read(i, one));
      chunk.insert(chunk.end(), one.begin(), one.end());
      ++i;
    } while (i < records.size() && chunk.size() + records[i].bytes <= kChunkBytes &&
             records[i].sequence == records[i - 1].sequence + 1);
    TRY_VOID(files_.put_once(layout_.aside(name), chunk));
  }
  return {};
}

Status Aside::keep_damaged(const std::string& what, ByteSpan bytes) const {
  const std::string hash = to_hex(crypto::sha256(bytes)).substr(0, 16);
  return files_.put_once(layout_.aside("damaged-" + what + "-" + hash + ".bytes"), bytes);
}

}  // namespace stele::spool
