#include "sudolog/past.h"

#include <algorithm>

namespace stele::sudolog {
namespace {

constexpr std::string_view kMagic = "stele-sudo-log-v1\n";
constexpr uint8_t kLinePlaceMax = 2;
enum Tag : uint8_t { kRecord = 1, kTyped = 2, kPoint = 3, kGoOn = 4, kRedacted = 5, kLine = 6 };

tl::unexpected<Error> corrupt(const char* what) {
  return fail(Code::kCorrupt, std::string("what sudo said: ") + what);
}

void write_record(ByteWriter& out, uint64_t number, const Past::Record& record) {
  out.u8(kRecord);
  out.u64(number);
  out.u8(static_cast<uint8_t>(record.heard.kind));
  out.u64(static_cast<uint64_t>(record.heard.delay.count()));
  out.u32(record.heard.bytes);
  out.u64(record.heard.digest);
  out.u32(record.pieces);
  out.u32(record.done);
  out.u64(record.first_left);
}

void write_typed(ByteWriter& out, const Past::Typed& typed) {
  out.u8(typed.is_redacted ? kRedacted : kTyped);
  out.u64(typed.upto);
  out.u64(typed.counted);
  out.u64(typed.message);
}

void write_line(ByteWriter& out, const Past::Line& line) {
  out.u8(kLine);
  out.u64(line.upto);
  out.u64(line.message);
}

void write_point(ByteWriter& out, const Point& point) {
  out.u8(kPoint);
  out.u64(static_cast<uint64_t>(point.elapsed.count()));
  out.u64(point.messages);
  out.u64(point.records);
  out.u64(point.typed);
  out.u64(point.output_bytes);
  out.u64(point.input_bytes);
  out.u16(point.rows);
  out.u16(point.columns);
  out.u8(point.line);
}

template <typename Write>
Bytes entry(const Write& write) {
  Bytes bytes;
  ByteWriter out(bytes);
  write(out);
  return bytes;
}

Nanos read_time(ByteReader& in) { return Nanos(static_cast<int64_t>(in.u64())); }

Status read_record(ByteReader& in, Past& past) {
  const uint64_t number = in.u64();
  Past::Record record;
  const uint8_t kind = in.u8();
  record.heard.kind = static_cast<Heard::Kind>(kind);
  record.heard.delay = read_time(in);
  record.heard.bytes = in.u32();
  record.heard.digest = in.u64();
  record.pieces = in.u32();
  record.done = in.u32();
  record.first_left = in.u64();
  if (!in.ok()) return {};
  if (kind > static_cast<uint8_t>(Heard::Kind::kDecision) || record.done > record.pieces)
    return corrupt("a record");
  const uint64_t oldest = past.points.empty() ? 0 : past.points.front().records;
  if (number < past.base || number > past.next() || number <= oldest)
    return corrupt("a record's number");
  past.hear(number, record);
  return {};
}

Status read_typed(ByteReader& in, bool is_redacted, Past& past) {
  const uint64_t upto = in.u64(), counted = in.u64(), message = in.u64();
  if (!in.ok()) return {};
  const uint64_t oldest = past.points.empty() ? 0 : past.points.front().typed;
  if (upto <= std::max(oldest, past.typed_durable())) return corrupt("what was typed goes back");
  past.type({upto, counted, message, is_redacted});
  return {};
}

Status read_line(ByteReader& in, Past& past) {
  const uint64_t upto = in.u64(), message = in.u64();
  if (!in.ok()) return {};
  if (past.line({upto, message}).empty()) return corrupt("a line that can not be typed again");
  return {};
}

Status read_point(ByteReader& in, Past& past) {
  Point point;
  point.elapsed = read_time(in);
  point.messages = in.u64();
  point.records = in.u64();
  point.typed = in.u64();
  point.output_bytes = in.u64();
  point.input_bytes = in.u64();
  point.rows = in.u16();
  point.columns = in.u16();
  point.line = in.u8();
  if (!in.ok()) return {};
  if (point.records >= past.next()) return corrupt("a point ahead of its records");
  if (point.line > kLinePlaceMax) return corrupt("a point at no place of a line");
  if (!past.points.empty()) {
    const Point& last = past.points.back();
    if (point.elapsed <= last.elapsed || point.records < last.records || point.typed < last.typed)
      return corrupt("a point before the last");
  }
  past.tell(point);
  return {};
}

Status read_go_on(ByteReader& in, Past& past) {
  const Nanos elapsed = read_time(in);
  const uint64_t durable = in.u64();
  if (!in.ok()) return {};
  const Point* const point = past.point(elapsed);
  if (point == nullptr) return corrupt("it goes on where nothing is");
  past.go_on(Point(*point), durable);
  return {};
}

Status read_entry(ByteReader& in, Past& past) {
  switch (in.u8()) {
    case kRecord:
      return read_record(in, past);
    case kTyped:
      return read_typed(in, false, past);
    case kRedacted:
      return read_typed(in, true, past);
    case kLine:
      return read_line(in, past);
    case kPoint:
      return read_point(in, past);
    case kGoOn:
      return read_go_on(in, past);
    default:
      return corrupt("an entry of no kind");
  }
}

/// The pieces that are in the stream's first `durable` messages.
uint32_t durable_pieces(const Past::Record& record, uint64_t durable) {
  if (record.first_left == 0 || durable < record.first_left) return record.done;
  const uint64_t left = record.pieces - record.done;
  return record.done + static_cast<uint32_t>(std::min(left, durable - record.first_left + 1));
}

}  // namespace

Bytes Past::hear(uint64_t number, const Record& record) {
  if (number < next()) {
    records[number - base] = record;
  } else {
    records.push_back(record);
  }
  for (; records.size() > kRecordsMax; ++base) records.pop_front();
  forget_unknown();
  return entry([&](ByteWriter& out) { write_record(out, number, record); });
}

Bytes Past::type(const Typed& what) {
  typed.push_back(what);
  if (typed.size() > kRecordsMax) {
    typed.pop_front();
    forget_before_now();
  }
  return entry([&](ByteWriter& out) { write_typed(out, what); });
}

Bytes Past::line(const Line& what) {
  if (!points.empty() && what.upto <= points.front().typed) return {};
  lines.push_back(what);
  if (lines.size() > kRecordsMax) {
    lines.pop_front();
    forget_before_now();
  }
  return entry([&](ByteWriter& out) { write_line(out, what); });
}

Bytes Past::tell(const Point& point) {
  points.push_back(point);
  forget_unknown();
  if (points.size() > kPointsMax) points.pop_front();
  if (!points.empty()) {
    const Point& oldest = points.front();
    for (; !records.empty() && base <= oldest.records; ++base) records.pop_front();
    while (!typed.empty() && typed.front().upto <= oldest.typed) typed.pop_front();
    std::erase_if(lines, [&](const Line& each) { return each.upto <= oldest.typed; });
  }
  return entry([&](ByteWriter& out) { write_point(out, point); });
}

/// Nothing that was before this moment can be told to the byte any more.
void Past::forget_before_now() {
  base = next();
  records.clear();
  forget_unknown();
}

/// The points behind which not every record is known.
void Past::forget_unknown() {
  while (!points.empty() && points.front().records + 1 < base) points.pop_front();
}

Bytes Past::go_on(const Point& point, uint64_t durable) {
  while (!points.empty() && points.back().elapsed > point.elapsed) points.pop_back();
  for (uint64_t number = std::max(base, point.records + 1); number < next(); ++number) {
    Record& each = records[number - base];
    each.done = durable_pieces(each, durable);
    each.first_left = 0;
  }
  while (!typed.empty() && typed.back().message > durable) typed.pop_back();
  for (Typed& each : typed) each.message = 0;
  while (!lines.empty() && lines.back().message > durable) lines.pop_back();
  for (Line& each : lines) each.message = 0;
  return entry([&](ByteWriter& out) {
    out.u8(kGoOn);
    out.u64(static_cast<uint64_t>(point.elapsed.count()));
    out.u64(durable);
  });
}

const Past::Record* Past::record(uint64_t number) const {
  const bool is_known = number >= base && number < next();
  return is_known ? &records[number - base] : nullptr;
}

const Point* Past::point(Nanos elapsed) const {
  const auto found =
      std::ranges::find_if(points, [&](const Point& each) { return each.elapsed == elapsed; });
  return found == points.end() ? nullptr : &*found;
}

uint64_t Past::typed_durable() const { return typed.empty() ? 0 : typed.back().upto; }

uint64_t Past::counted_since(uint64_t offset) const {
  uint64_t counted = 0;
  for (const Typed& each : typed)
    if (each.upto > offset) counted += each.counted;
  return counted;
}

bool Past::is_redacted(uint64_t from, uint64_t upto) const {
  for (size_t i = typed.size(); i > 0 && typed[i - 1].upto > from; --i) {
    const uint64_t begin = i > 1 ? typed[i - 2].upto : 0;
    if (typed[i - 1].is_redacted && begin < upto) return true;
  }
  return false;
}

Bytes Past::encode() const {
  Bytes file;
  ByteWriter out(file);
  out.bytes(as_bytes(kMagic));
  out.bytes(token);
  out.u64(static_cast<uint64_t>(began.time_since_epoch().count()));
  out.u64(base);
  uint64_t number = base;
  for (const Record& each : records) write_record(out, number++, each);
  for (const Typed& each : typed) write_typed(out, each);
  for (const Line& each : lines) write_line(out, each);
  for (const Point& each : points) write_point(out, each);
  return file;
}

Result<Past> parse_past(ByteSpan file) {
  ByteReader in(file);
  if (as_text(in.bytes(kMagic.size())) != kMagic) return corrupt("another format");
  Past past;
  past.token = in.array<std::tuple_size_v<Past::Token>>();
  past.began = BootTime(Micros(static_cast<int64_t>(in.u64())));
  past.base = in.u64();
  if (!in.ok() || past.base == 0 || past.base > INT64_MAX) return corrupt("its head is not whole");
  while (!in.rest().empty()) TRY_VOID(read_entry(in, past));
  return past;
}

}  // namespace stele::sudolog
