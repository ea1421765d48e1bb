#include "agent/log_watch.h"

#include "merkle/hash.h"
#include "merkle/proof.h"

namespace stele::agent {
namespace {

constexpr size_t kTilesMax = 1024;  // of at most 8 KiB: 8 MiB

}  // namespace

receipt::Checkpoint nothing_yet(const receipt::VerifierKey& log_key) {
  return {log_key.name, 0, merkle::empty_root()};
}

LogWatch::LogWatch(receipt::VerifierKey log_key, receipt::Checkpoint last, Fetch fetch)
    : log_key_(std::move(log_key)), fetch_(fetch), last_(std::move(last)), tiles_(fetch) {}

Result<Bytes> LogWatch::Tiles::read(const merkle::Tile& tile) {
  if (const auto found = known_.find(tile); found != known_.end()) return found->second;
  TRY(Bytes bytes, fetch_(merkle::path(tile)));
  if (known_.size() >= kTilesMax) known_.clear();
  return known_.emplace(tile, std::move(bytes)).first->second;
}

Status LogWatch::advance() {
  TRY(Bytes note, fetch_("checkpoint"));
  TRY(auto next, receipt::open_checkpoint(note, log_key_));
  if (next == last_) {
    note_ = std::move(note);
    return {};
  }
  if (next.size < last_.size) {
    contradiction_ = std::move(note);
    return fail(Code::kConflict, "rolled back: the log shows " + std::to_string(next.size) +
                                     " leaves; this host saw " + std::to_string(last_.size));
  }
  tiles_.forget();
  TRY(const auto proof, merkle::consistency_proof(tiles_, last_.size, next.size));
  const Status extends =
      merkle::verify_consistency(last_.size, next.size, last_.root, next.root, proof);
  if (!extends) {
    contradiction_ = std::move(note);
    return fail(Code::kUnauthentic, "forked: the log's first " + std::to_string(last_.size) +
                                        " leaves are not those this host saw before");
  }
  last_ = std::move(next);
  note_ = std::move(note);
  return {};
}

Status LogWatch::check_included(uint64_t index, const segment::Leaf& leaf) {
  if (index >= last_.size) {
    return fail(Code::kBusy, "leaf " + std::to_string(index) + " is not covered yet, by " +
                                 std::to_string(last_.size));
  }
  TRY(const auto proof, merkle::inclusion_proof(tiles_, index, last_.size));
  const Status included = merkle::verify_inclusion(
      index, last_.size, merkle::leaf_hash(segment::encode(leaf)), proof, last_.root);
  if (included) return {};
  return fail(Code::kUnauthentic, "not included: the checkpoint of " + std::to_string(last_.size) +
                                      " leaves does not have at " + std::to_string(index) +
                                      " what was acknowledged");
}

}  // namespace stele::agent
