// HoldMarks: what is not to go, as the clear manifests of a server's own streams say
// (docs/formats/server-stream.md, "Holds"). Fed in the ledger's order. No I/O.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "segment/leaf.h"
#include "segment/manifest.h"

namespace stele::ledger {

/// What the leaves of one stream say of how long it is kept.
struct StreamLife {
  segment::Kind kind = segment::Kind::kSession;
  uint8_t retention_class = 0;
  bool is_for_ever = false;        // a leaf says so, or has another class
  uint64_t opened_at = 0;          // leaf index
  WallTime from = {}, until = {};  // of its segments, by their own times and as they were received
  uint32_t until_day = 0;          // the last that a leaf names
  uint32_t received_day = 0;       // the last on which a segment was received

  static StreamLife of(uint64_t index, const segment::Leaf& leaf);
  void add(const segment::Leaf& leaf);
};

/// Days since 1970-01-01, as leaves have them.
uint32_t day_of(WallTime at);
/// "2026-11-29"
std::string day_text(uint32_t day);

class HoldMarks {
 public:
  using Id = StreamId;

  void take(const segment::Manifest& manifest);
  /// A hold that the stream is under; nullopt: none.
  std::optional<Id> on(const StreamId& stream, const StreamLife& life) const;
  bool empty() const { return holds_.empty(); }

 private:
  std::map<Id, segment::Hold> holds_;
};

}  // namespace stele::ledger
