#include "base/check.h"
#include "base/fuzz.h"
#include "wire/records.h"

STELE_FUZZ(wire_records, input) {
  const auto records = stele::wire::parse_records(input);
  if (!records) return;
  stele::Bytes again;
  for (const auto& record : *records) stele::wire::add_record(again, record);
  CHECK(stele::equal(again, input));
}
