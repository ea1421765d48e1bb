// LogWatch: a host's eye on the server's log. Believes a checkpoint only if it extends the last one
// it believed, and a leaf only where that checkpoint has it; so that what the spool frees is
// provable.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "merkle/tree.h"
#include "receipt/checkpoint.h"
#include "segment/leaf.h"

namespace stele::agent {

/// Errors that are the log's guilt, and stop all freeing: kUnauthentic (not signed, forked, or a
/// proof that does not hold) and kConflict (rolled back). Others mean: not now. Not thread-safe.
class LogWatch {
 public:
  /// A file of the public log: "checkpoint", "tile/0/000" … kNotFound: it is not there.
  using Fetch = std::function<Result<Bytes>(const std::string& path)>;

  /// `last`: the checkpoint believed before, from durable memory; a fresh host knows the empty
  /// tree.
  LogWatch(receipt::VerifierKey log_key, receipt::Checkpoint last, Fetch fetch);

  /// Asks for the log's newest checkpoint, and believes it if it extends the last.
  Status advance();
  /// Whether the last checkpoint has this leaf at this index. kBusy: it does not reach that far
  /// yet.
  Status check_included(uint64_t index, const segment::Leaf& leaf);

  const receipt::Checkpoint& last() const { return last_; }
  /// The signed note that last() comes from: what to remember, and, with another one, what proves a
  /// fork. Empty: none was seen yet by this object.
  const Bytes& note() const { return note_; }
  /// A signed note that contradicts it, once one was seen.
  const std::optional<Bytes>& contradiction() const { return contradiction_; }

 private:
  // Tiles, each fetched once until the next checkpoint.
  class Tiles : public merkle::HashReader {
   public:
    explicit Tiles(Fetch fetch) : fetch_(std::move(fetch)) {}
    Result<Bytes> read(const merkle::Tile& tile) override;
    void forget() { known_.clear(); }

   private:
    const Fetch fetch_;
    std::map<merkle::Tile, Bytes> known_;
  };

  const receipt::VerifierKey log_key_;
  const Fetch fetch_;
  receipt::Checkpoint last_;
  Bytes note_;
  std::optional<Bytes> contradiction_;
  Tiles tiles_;
};

/// What a host knows of a log that it has just been told the key of.
receipt::Checkpoint nothing_yet(const receipt::VerifierKey& log_key);

}  // namespace stele::agent
