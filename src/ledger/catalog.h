// Catalog: which streams a vault holds, and where each segment lies. Derived, made by reading
// leaves; checks nothing.
#pragma once

#include <map>
#include <vector>

#include "ledger/leaf_walk.h"

namespace stele::ledger {

struct SegmentRef {
  uint64_t index = 0;  // of the leaf
  vault::VolumeName volume;
  uint64_t offset = 0;  // of the segment's bytes in the volume
  segment::Leaf leaf;
  LeafWalk::Where where = LeafWalk::Where::kVolume;
};

struct StreamRef {
  StreamId id{};
  segment::Kind kind = segment::Kind::kSession;
  std::vector<SegmentRef> segments;  // in order

  /// Records of it are not there any more: what is left is no session.
  bool is_gone() const;
  bool closed() const { return !segments.empty() && segments.back().leaf.has(segment::kClose); }
};

class Catalog {
 public:
  /// Reads every leaf, of volumes that are not there any more too; may run beside recorders.
  static Result<Catalog> read(const vault::Vault& vault);

  /// The next leaf, in the ledger's order.
  void add(const SegmentRef& ref);

  /// In the order the streams opened.
  const std::vector<StreamRef>& streams() const { return streams_; }
  /// nullptr: no such stream.
  const StreamRef* find(const StreamId& id) const;

 private:
  std::vector<StreamRef> streams_;
  std::map<StreamId, size_t> index_;
};

/// Reads segments of a vault; keeps the volume read last open.
class SegmentReader {
 public:
  explicit SegmentReader(const vault::Vault& vault) : vault_(vault) {}
  /// kNotFound where the segment is not there any more; kCorrupt where the bytes are not those the
  /// leaf commits to.
  Result<Bytes> read(const SegmentRef& ref);

 private:
  const vault::Vault& vault_;
  std::unique_ptr<os::File> file_;
  vault::VolumeName volume_;
  LeafWalk::Where where_ = LeafWalk::Where::kVolume;
};

}  // namespace stele::ledger
