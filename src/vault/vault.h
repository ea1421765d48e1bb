// The vault: write-once storage. Immutable objects by name, and volumes (docs/formats/volume.md).
// There is no delete.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "os/file_system.h"
#include "segment/leaf.h"
#include "vault/volume_name.h"

namespace stele::vault {

inline constexpr uint64_t kVolumeBytesMax = uint64_t{64} << 20;  // closed once it holds this much

/// Where a record stands, or the next one will.
struct Position {
  VolumeName volume;
  uint64_t offset = 0;
  uint64_t index = 0;  // of the leaf
  bool operator==(const Position&) const = default;

  /// The volume that follows if this one ends here.
  VolumeName successor() const {
    return {index, index == volume.first_index ? volume.attempt + 1 : 0};
  }
};

/// Any thread. Names are checked by who calls.
class Vault {
 public:
  virtual ~Vault() = default;

  /// All volumes, ascending; what lies among them and is none comes back in `strangers`, if given.
  virtual Result<std::vector<VolumeName>> volumes(std::vector<std::string>* strangers) const = 0;
  Result<std::vector<VolumeName>> volumes() const { return volumes(nullptr); }
  /// The first one behind `name`; nullopt: there is none yet.
  virtual Result<std::optional<VolumeName>> volume_after(const VolumeName& name) const = 0;
  virtual bool has_volume(const VolumeName& name) const = 0;
  virtual Result<std::unique_ptr<os::File>> read_volume(const VolumeName& name) const = 0;

  /// What has to stay of volumes that were removed (docs/formats/volume.md, "Kept"), ascending;
  /// none where nothing is removed by the volume.
  virtual Result<std::vector<VolumeName>> kept() const { return std::vector<VolumeName>(); }
  virtual Result<std::unique_ptr<os::File>> read_kept(const VolumeName& name) const {
    return fail(Code::kNotFound, to_string(name) + ": nothing is kept of a volume here");
  }

  /// Files of the public log: "checkpoint", "tile/0/000" … Written once: equal bytes already there
  /// are success, others kExists.
  virtual Status put_once(const std::string& name, ByteSpan bytes) const = 0;
  virtual Result<Bytes> get(const std::string& name, size_t bytes_max) const = 0;
  /// What a folder of the log has, sorted; kNotFound: nothing.
  virtual Result<std::vector<std::string>> list(const std::string& folder) const = 0;

  /// Where it is, for messages.
  virtual std::string path(const VolumeName& name) const = 0;
  virtual std::string log_path(const std::string& name) const = 0;
};

enum class Found {
  kRecord,  // leaf() is the next record's leaf; all bytes of its segment are there
  kEnd,     // nothing more; the volume ends here
  kTorn,    // nothing more; bytes follow that are no whole record
};

/// Walks records in the order of the ledger, from volume to volume, across torn ends.
class RecordCursor {
 public:
  RecordCursor(const Vault& vault, Position start) : vault_(vault), at_(start) {}

  /// Looks at what stands at position(), moving into the successor volume first if this one ends
  /// here. Whether the segment's bytes are right is the caller's to check (leaf().segment_hash).
  Result<Found> look();
  const segment::Leaf& leaf() const { return leaf_; }
  /// The segment's bytes (into `out`, resized).
  Status read_segment(Bytes& out);
  /// From the next volume opened on, reads come from the device: for opening after a failed sync.
  void read_past_cache() { past_cache_ = true; }
  /// Goes past the record that look() found.
  void advance();
  const Position& position() const { return at_; }
  /// The segment found by look(): where its bytes begin.
  uint64_t segment_offset() const { return at_.offset + segment::kLeafBytes; }

 private:
  Status open_volume();
  Result<Found> look_here();
  Result<ByteSpan> read_leaf();
  bool is_successor_there(Found found) const;

  const Vault& vault_;
  Position at_;
  std::unique_ptr<os::File> file_;
  std::optional<VolumeName>
      next_;  // the volume after this one, if there was one when this one was opened
  uint64_t bytes_ = 0,
           listed_bytes_ =
               0;  // the volume's size when last asked, and before the volumes were listed
  std::array<uint8_t, size_t{8} << 10> ahead_;  // what was read last, from ahead_at_ on
  uint64_t ahead_at_ = 0;
  size_t ahead_size_ = 0;
  segment::Leaf leaf_;
  bool past_cache_ = false;
};

}  // namespace stele::vault
