// Reads volumes record by record and hashes them on all cores, keeping its footing where bytes were
// damaged.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "segment/leaf.h"
#include "vault/vault.h"

namespace stele::ledger {

/// One record as found. Where leaf or header do not parse, the rest is zero.
struct ScannedRecord {
  uint64_t offset = 0;  // in its volume
  uint64_t bytes =
      0;  // leaf, segment and, where framing was lost, everything up to the next record
  bool whole =
      false;  // leaf and segment parse, agree with each other, and the segment's hash is right
  std::string problem;  // why not
  segment::Leaf leaf;
  Hash leaf_hash{};
  segment::Header header;
  segment::Hashes hashes{};
  std::array<uint8_t, segment::kSignatureBytes> signature{};
  Bytes manifest = {};  // of a host's or a server's own stream: what it says in clear
};

struct ScanSink {
  std::function<void(const ScannedRecord&)> record;  // in order
  std::function<void(uint64_t offset, uint64_t bytes)>
      tail;  // bytes at the end that are no whole record
  std::function<void(uint64_t bytes)> progress;
};

/// Scans one volume with as many threads as it has handles: each reads and hashes through its own,
/// so that a byte is hashed by the core that just read it. Memory: a few MiB a thread.
Status scan_volume(std::span<const std::unique_ptr<os::File>> handles, const ScanSink& sink);

}  // namespace stele::ledger
