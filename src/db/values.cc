// Values and rows as PostgreSQL's binary format has them: integers big-endian, arrays with a head
// of their own.
#include <libpq-fe.h>

#include "db/postgres.h"

namespace stele::db {
namespace {

// Of pg_type; they never change.
constexpr uint32_t kBool = 16, kBytea = 17, kInt8 = 20, kInt4 = 23, kText = 25, kUuid = 2950;
constexpr uint32_t kTextArray = 1009, kByteaArray = 1001;

uint32_t array_of(uint32_t type) {
  switch (type) {
    case kBool:
      return 1000;
    case kBytea:
      return kByteaArray;
    case kInt8:
      return 1016;
    case kText:
      return kTextArray;
    default:
      return 2951;  // uuid
  }
}

Value value(uint32_t type, ByteSpan binary) { return {type, Bytes(binary.begin(), binary.end())}; }

}  // namespace

Value Value::of(int64_t number) {
  Value made{kInt8, {}};
  ByteWriter(made.binary).u64(static_cast<uint64_t>(number));
  return made;
}
Value Value::of(bool yes) { return {kBool, {static_cast<uint8_t>(yes)}}; }
Value Value::text(std::string_view text) { return value(kText, as_bytes(text)); }
Value Value::bytes(ByteSpan bytes) { return value(kBytea, bytes); }
Value Value::uuid(const std::array<uint8_t, 16>& id) { return value(kUuid, id); }

Value Value::array(const Value& like, std::span<const Value> elements) {
  Value made{array_of(like.type), {}};
  ByteWriter writer(made.binary);
  writer.u32(elements.empty() ? 0 : 1);  // dimensions
  writer.u32(0);                         // none is NULL
  writer.u32(like.type);
  if (elements.empty()) return made;
  writer.u32(static_cast<uint32_t>(elements.size()));
  writer.u32(1);  // the index of the first
  for (const Value& element : elements) {
    writer.u32(static_cast<uint32_t>(element.binary.size()));
    writer.bytes(element.binary);
  }
  return made;
}

void Rows::Clear::operator()(pg_result* rows) const { PQclear(rows); }
Rows::Rows(pg_result* rows) : rows_(rows) {}
size_t Rows::count() const { return static_cast<size_t>(PQntuples(rows_.get())); }

ByteSpan RowReader::column(std::initializer_list<uint32_t> types) {
  const int column = column_++;
  if (column >= PQnfields(rows_) || PQgetisnull(rows_, row_, column) != 0)
    return ok_ = false, ByteSpan();
  bool fits = false;
  for (const uint32_t type : types) fits |= PQftype(rows_, column) == type;
  if (!fits) return ok_ = false, ByteSpan();
  return {reinterpret_cast<const uint8_t*>(PQgetvalue(rows_, row_, column)),
          static_cast<size_t>(PQgetlength(rows_, row_, column))};
}

int64_t RowReader::integer() {
  const ByteSpan found = column({kInt8, kInt4});
  ByteReader reader(found);
  const auto number = found.size() == 4 ? int64_t{static_cast<int32_t>(reader.u32())}
                                        : static_cast<int64_t>(reader.u64());
  ok_ = ok_ && reader.done();
  return number;
}

bool RowReader::boolean() {
  const ByteSpan found = column({kBool});
  return !found.empty() && found[0] != 0;
}

std::string RowReader::text() { return std::string(as_text(column({kText}))); }
ByteSpan RowReader::bytes() { return column({kBytea, kUuid}); }

std::vector<ByteSpan> RowReader::elements(uint32_t array_type) {
  const ByteSpan found = column({array_type});
  if (!ok_) return {};
  ByteReader reader(found);
  const uint32_t dimensions = reader.u32();
  const uint32_t has_null = reader.u32();
  reader.u32();  // the elements' type, which the array's says
  std::vector<ByteSpan> all;
  if (dimensions == 1) {
    const uint32_t count = reader.u32();
    reader.u32();  // the index of the first
    for (uint32_t i = 0; i < count && reader.ok(); ++i) all.push_back(reader.bytes(reader.u32()));
  }
  ok_ = dimensions <= 1 && has_null == 0 && reader.done();
  return all;
}

std::vector<std::string> RowReader::texts() {
  std::vector<std::string> all;
  for (const ByteSpan each : elements(kTextArray)) all.emplace_back(as_text(each));
  return all;
}

std::vector<Bytes> RowReader::byte_runs() {
  std::vector<Bytes> all;
  for (const ByteSpan each : elements(kByteaArray)) all.emplace_back(each.begin(), each.end());
  return all;
}

bool RowReader::done() const { return ok_ && column_ == PQnfields(rows_); }

}  // namespace stele::db
