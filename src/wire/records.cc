#include "wire/records.h"

namespace stele::wire {

void add_record(Bytes& out, const Record& record) {
  ByteWriter w(out);
  w.u64(record.index);
  w.bytes(segment::encode(record.leaf));
  w.u32(static_cast<uint32_t>(record.bytes.size()));
  w.bytes(record.bytes);
}

Result<std::vector<Record>> parse_records(ByteSpan body) {
  if (body.size() > kRecordsBytesMax) return fail(Code::kLimit, "records: more than an answer has");
  std::vector<Record> records;
  ByteReader reader(body);
  while (reader.ok() && !reader.done()) {
    if (records.size() == kRecordsMax) return fail(Code::kLimit, "records: over 4096");
    Record record;
    record.index = reader.u64();
    const ByteSpan leaf = reader.bytes(segment::kLeafBytes);
    const uint32_t size = reader.u32();
    record.bytes = reader.bytes(size);
    if (!reader.ok()) break;
    TRY(record.leaf, segment::parse_leaf(leaf));
    if (size > record.leaf.segment_bytes)
      return fail(Code::kCorrupt, "records: more than a segment's bytes");
    records.push_back(record);
  }
  if (!reader.ok()) return fail(Code::kCorrupt, "records: cut short");
  return records;
}

size_t front_bytes(const segment::Header& header) {
  return segment::kHeaderBytes + header.manifest_bytes +
         header.part_bytes[static_cast<size_t>(event::Lane::kFacts)];
}

}  // namespace stele::wire
