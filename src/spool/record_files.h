// The spool files: records in, records out, and which files still hold any that wait.
//
// Invariants
//  1. A file is synced before its successor is made; the successor's name says where it ends.
//  2. What was found at opening is never appended to.
//  3. After a failed sync nothing is appended: the caller stops.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/check.h"
#include "os/file_system.h"
#include "spool/layout.h"
#include "spool/record.h"
#include "spool/state.h"

namespace stele::spool {

/// Where a record stands.
struct Place {
  uint64_t file = 0;
  uint64_t offset = 0;
  uint32_t bytes = 0;  // of the record
};

class RecordFiles {
 public:
  RecordFiles(os::FileSystem& files, const Layout& layout, uint64_t file_bytes_max)
      : files_(files), layout_(layout), file_bytes_max_(file_bytes_max) {}

  /// Writes a record behind all others. kNoSpace: nothing was taken, and the file ends where it
  /// did; try again when there is room. Any other error: open the spool anew.
  Result<Place> append(Front front, ByteSpan segment);
  /// Makes everything appended durable.
  Status sync();

  /// Reads the first `bytes` of a record. kCorrupt: the file is shorter than that.
  Status read(const Place& place, size_t bytes, Bytes& out);
  Status read(const Place& place, Bytes& out) { return read(place, place.bytes, out); }

  /// A record waits there, or does no more.
  void keep(const Place& place);
  void release(const Place& place);

  /// Records are not moved out of this file: some can not be read as they should.
  void pin(uint64_t number) { known_.at(number).pinned = true; }

  /// A file found at opening, and that numbers up to `number` are used up.
  void adopt(const FileName& name, uint64_t end);
  void use_up(uint64_t number) { next_number_ = std::max(next_number_, number + 1); }

  /// The files of which nothing waits, and which are not appended to.
  std::vector<uint64_t> done() const;
  Status remove(uint64_t number);

  /// The file with the largest part that waits for nothing, if these parts of all ended files are
  /// more than `dead_bytes_max`.
  std::optional<uint64_t> worth_moving(uint64_t dead_bytes_max) const;

  /// All files but those `without`, for the state.
  std::vector<FileEnd> ends(const std::vector<uint64_t>& without) const;
  /// The highest number used up; there must be one.
  uint64_t through() const {
    CHECK(next_number_ > 0);
    return next_number_ - 1;
  }
  /// The smallest number of a file there is; none: the next file's.
  uint64_t oldest() const { return known_.empty() ? next_number_ : known_.begin()->first; }
  uint64_t disk_bytes() const;

 private:
  struct Known {
    FileName name;
    uint64_t end = 0;  // behind its last whole record
    uint64_t waiting = 0, waiting_bytes = 0;
    bool pinned = false;
    uint64_t dead_bytes() const { return end - waiting_bytes; }
  };
  Status open_end();
  void take_back_empty();
  bool is_current(uint64_t number) const { return writer_ != nullptr && number == current_; }

  os::FileSystem& files_;
  const Layout& layout_;
  const uint64_t file_bytes_max_;
  std::map<uint64_t, Known> known_;
  uint64_t next_number_ = 0;

  std::unique_ptr<os::File> writer_;  // of current_; null: the next append makes a file
  uint64_t current_ = 0;
  uint64_t durable_ = 0;  // of the current file
  bool ended_ = false;    // the current file takes no more

  std::unique_ptr<os::File> reader_;  // of reading_, the file read last
  uint64_t reading_ = 0;
};

}  // namespace stele::spool
