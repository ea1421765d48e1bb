// Reads a spool file record by record, keeping its footing where bytes were damaged
// (docs/formats/spool.md, "Recovery").
#pragma once

#include <optional>
#include <vector>

#include "os/file_system.h"
#include "spool/record.h"

namespace stele::spool {

struct ScannedRecord {
  uint64_t offset = 0;
  Front front;  // and its segment's bytes are there; whether they are right is another question
};

struct Region {
  uint64_t offset = 0, bytes = 0;
};

struct FileScan {
  uint64_t end = 0;  // all before it is durable, or damaged; nothing behind it counts
  std::vector<ScannedRecord> records;
  std::vector<Region> damaged;  // were durable once, and are no records
  Region torn;                  // behind the end; no bytes: nothing torn
  std::optional<Front> torn_front;
};

/// A file whose end is known. Segments are not read.
Result<FileScan> scan_ended(os::File& file, uint64_t end);

/// The newest file, synced: finds its end. Segments that no sync is known to have covered are
/// hashed.
Result<FileScan> scan_newest(os::File& file);

}  // namespace stele::spool
