#include <algorithm>

#include "base/check.h"
#include "base/fuzz.h"
#include "ledger/record_scan.h"
#include "sim/file_system.h"
#include "vault/local_vault.h"

namespace {

using namespace stele;

/// The input as a vault's only volume.
class OneVolume {
 public:
  explicit OneVolume(ByteSpan bytes) {
    CHECK(vault_.create().has_value());
    const auto file = vault_.create_volume({});
    CHECK(file.has_value() && (*file)->append({bytes}).has_value());
  }
  const vault::Vault& vault() const { return vault_; }

 private:
  sim::Disk disk_;
  sim::SimFileSystem files_{disk_};
  vault::LocalVault vault_{files_, "/vault"};
};

struct Scanned {
  std::vector<ledger::ScannedRecord> records;
  uint64_t tail_bytes = 0;
};

/// With so many cores, each of which reads by a handle of its own.
Scanned scan(const vault::Vault& vault, size_t cores) {
  std::vector<std::unique_ptr<os::File>> handles;
  while (handles.size() < cores) {
    auto file = vault.read_volume({});
    CHECK(file.has_value());
    handles.push_back(*std::move(file));
  }
  Scanned found;
  ledger::ScanSink sink;
  sink.record = [&](const ledger::ScannedRecord& r) { found.records.push_back(r); };
  sink.tail = [&](uint64_t, uint64_t bytes) { found.tail_bytes += bytes; };
  CHECK(ledger::scan_volume(handles, sink).has_value());
  return found;
}

}  // namespace

// Every byte of a volume belongs to one record or to the tail; and where the verifier sees whole
// records, from the front on, recovery sees the same.
STELE_FUZZ(volume_scan, input) {
  const OneVolume world(input);
  const Scanned found = scan(world.vault(), 1);
  uint64_t at = 0;
  for (const ledger::ScannedRecord& record : found.records) {
    CHECK(record.offset == at && record.bytes > 0);
    at += record.bytes;
  }
  CHECK(at + found.tail_bytes == input.size());

  vault::RecordCursor cursor(world.vault(), {});
  for (const ledger::ScannedRecord& record : found.records) {
    if (!record.whole) break;
    const auto look = cursor.look();
    CHECK(look.has_value() && *look == vault::Found::kRecord);
    CHECK(cursor.position().offset == record.offset && cursor.leaf() == record.leaf);
    cursor.advance();
  }
  for (size_t more = 0; more <= input.size(); ++more) {
    const auto look = cursor.look();
    if (!look || *look != vault::Found::kRecord) return;
    cursor.advance();
  }
  CHECK(!"a volume has more records than bytes");
}
