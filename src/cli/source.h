// Source: where a reader gets a ledger's streams from: a directory, or a server.
#pragma once

#include <memory>

#include "cli/common.h"
#include "ledger/catalog.h"
#include "ledger/cut_marks.h"

namespace stele::cli {

/// One thread.
class Source {
 public:
  virtual ~Source() = default;

  /// Reads what there is: before all else but files() and layout().
  virtual Status load() = 0;
  const ledger::Catalog& catalog() const { return catalog_; }
  /// A whole segment. kCorrupt: not what its leaf commits to. kPermission: not for this reader.
  virtual Result<Bytes> segment(const ledger::SegmentRef& ref) = 0;
  /// A segment up to the end of its facts, at least. That they are what was sealed is for the
  /// cipher to say.
  virtual Result<Bytes> front(const ledger::SegmentRef& ref) = 0;
  /// What stands in clear in an open or rekey segment.
  Result<segment::Manifest> manifest_of(const ledger::SegmentRef& ref);
  /// What says of a stream that is gone that it expired: a leaf, and when it was received.
  /// Whether that was lawful is for verification to say.
  struct Expired {
    uint64_t record = 0;
    WallTime at;
  };
  std::optional<Expired> expired(const ledger::StreamRef& stream);
  /// kNotFound: it is gone, and what says why.
  Status check_is_there(const ledger::StreamRef& stream);
  /// Whether more may come of a stream that is not closed.
  virtual bool may_go_on(const ledger::StreamRef& stream) = 0;
  /// Learns what this stream has got meanwhile. What catalog() gave before is void.
  virtual Status look_again(const StreamId& stream) = 0;

  /// The ledger as verification reads it.
  virtual os::FileSystem& files() = 0;
  virtual const ledger::Layout& layout() const = 0;

 protected:
  /// Reads what the server took for cut since the last time, where it may be read.
  Status learn_cuts(const ledger::HostKeys& hosts);
  bool is_cut(const ledger::StreamRef& stream) const;

  ledger::Catalog catalog_;

 private:
  ledger::CutMarks cuts_;
  uint64_t cuts_through_ = 0;  // of the leaves before this one
};

/// The ledger that the person named. `purpose`: told to a server. kNotFound: there is none.
Result<std::unique_ptr<Source>> name_source(Context& context, const std::string& purpose);
/// The same, loaded.
Result<std::unique_ptr<Source>> open_source(Context& context, const std::string& purpose);

/// A stream that is not closed may go on where it is another host's than the ledger's own: until
/// its agent says that it is over, or the server that it is cut.
bool is_of_another_host(const ledger::HostKeys& hosts, const ledger::StreamRef& stream);

}  // namespace stele::cli
