// aside/: what will never be shipped, kept for a person to look at (docs/formats/spool.md,
// "aside/"). Nothing here is ever deleted.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "os/file_system.h"
#include "spool/account.h"
#include "spool/layout.h"
#include "spool/state.h"

namespace stele::spool {

class Aside {
 public:
  Aside(os::FileSystem& files, const Layout& layout) : files_(files), layout_(layout) {}

  /// What is there already, and what it weighs.
  struct Contents {
    std::map<StreamId, std::map<uint32_t, Decision>> decisions;  // by sequence number
    std::set<StreamId> streams;                                  // with records
    std::vector<Charge> charges;
    std::vector<std::string> strange;  // names of files that could not be read as what they are
  };
  Result<Contents> load() const;

  /// Writes down that a stream is not shipped any more. If that was decided before for the same
  /// segment, the first reason stands.
  Status decide(const Decision& decision) const;

  /// What the records of a stream in aside/ say themselves; there must be some.
  Result<Kept> survey(const StreamId& stream) const;

  /// Keeps records of a stream, ascending by sequence number, always in files of their own: one
  /// that is there already need not be durable. `read` gives the bytes of the i-th.
  struct Record {
    uint32_t sequence = 0;
    size_t bytes = 0;
  };
  using Reader = std::function<Status(size_t i, Bytes& out)>;
  Status keep(const StreamId& stream, const std::vector<Record>& records, const Reader& read) const;

  /// Keeps bytes that are nothing any more, as "damaged-<what>-<their hash>.bytes".
  Status keep_damaged(const std::string& what, ByteSpan bytes) const;

 private:
  Result<Decision> read_decision(const AsideName& name, Contents& contents) const;
  std::string unused_name(AsideName name) const;

  os::FileSystem& files_;
  const Layout& layout_;
};

}  // namespace stele::spool
