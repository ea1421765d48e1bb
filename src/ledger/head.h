// The head: the newest committed (size, root) and where to go on from there
// (docs/formats/ledger.md, "Head").
#pragma once

#include "ledger/layout.h"
#include "os/file_system.h"
#include "vault/vault.h"

namespace stele::ledger {

struct Head {
  uint64_t size = 0;
  Hash root{};
  vault::Position next;  // where the record of leaf `size` stands or will; next.index == size
  uint64_t tails_size =
      0;              // size at which the tails' snapshot was taken; 0: none, start from nothing
  Hash tails_hash{};  // of the snapshot's file
  bool operator==(const Head&) const = default;
};

std::string encode(const Head& head);
/// kCorrupt, with what is wrong.
Result<Head> parse_head(std::string_view text);

/// The head of a ledger nothing was ever appended to.
Head empty_head();

/// Where the head is kept: one server's local file. Callers hold the ledger's publish lock around
/// advance().
class HeadStore {
 public:
  HeadStore(os::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

  /// kNotFound: there is none.
  Result<Head> load() const;
  /// Compare-and-swap, durable when it returns. kConflict: it is no longer `expected`.
  Status advance(const Head& expected, const Head& next) const;
  Status create(const Head& first) const;

 private:
  os::FileSystem& files_;
  const std::string path_;
};

}  // namespace stele::ledger
