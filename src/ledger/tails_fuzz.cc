#include "base/check.h"
#include "base/fuzz.h"
#include "crypto/sha256.h"
#include "ledger/tails.h"
#include "sim/file_system.h"

namespace {

using namespace stele;

const ledger::Layout kDirectory{"/ledger"};

Result<ledger::Tails> load(ByteSpan bytes, sim::SimFileSystem& files, uint64_t size) {
  ledger::Head head;
  head.tails_size = size;
  head.tails_hash = crypto::sha256(bytes);
  CHECK(files.replace(kDirectory.tails(size), bytes).has_value());
  return ledger::Tails::load(files, kDirectory, head);
}

}  // namespace

// A snapshot's hash stands in the head: what is read here is wrong only where the ledger's owner
// made it so. Whatever it says, looking a stream up ends, and a snapshot of it is one again.
STELE_FUZZ(tails, input) {
  constexpr size_t kSizeAt = 16, kStreamAt = 52;
  ByteReader r(input.subspan(std::min(input.size(), kSizeAt)));
  const uint64_t size = r.u64();
  if (size == 0) return;  // none
  sim::Disk disk;
  sim::SimFileSystem files(disk);
  CHECK(files.make_directories("/ledger/state").has_value());
  const auto tails = load(input, files, size);
  if (!tails || tails->start().index == 0) return;  // of an older version: as if there were none
  CHECK(tails->start().index == size);
  StreamId stream{};
  if (input.size() >= kStreamAt + stream.size())
    std::copy_n(input.begin() + kStreamAt, stream.size(), stream.begin());
  CHECK(tails->find(stream).has_value());
  const auto keys = tails->snapshot_keys();
  if (!keys) return;
  const auto once = tails->snapshot(tails->start(), *keys);
  CHECK(once.has_value());
  const auto again = load(*once, files, size);
  CHECK(again.has_value() && again->snapshot_count() == tails->snapshot_count());
  const auto keys_again = again->snapshot_keys();
  CHECK(keys_again.has_value());
  const auto twice = again->snapshot(again->start(), *keys_again);
  CHECK(twice.has_value() && equal(*once, *twice));
}
