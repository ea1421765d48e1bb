#include "ledger/repair.h"

#include "base/check.h"
#include "crypto/sha256.h"
#include "ledger/head.h"
#include "ledger/tails.h"
#include "merkle/frontier.h"
#include "receipt/checkpoint.h"
#include "vault/local_vault.h"

namespace stele::ledger {
namespace {

constexpr size_t kCheckpointBytesMax = size_t{64} << 10;

// Reads, hashes and chains every record from the first one on, up to the checkpoint's size.
Result<Head> head_from_volumes(const vault::Vault& vault, const receipt::Checkpoint& checkpoint) {
  merkle::Frontier tree;
  Tails tails;
  vault::RecordCursor cursor(vault, {});
  Bytes segment;
  while (tree.size() < checkpoint.size) {
    TRY(const vault::Found found, cursor.look());
    if (found != vault::Found::kRecord) {
      return fail(Code::kCorrupt, "the volumes end at leaf " + std::to_string(tree.size()) +
                                      ", the checkpoint covers " + std::to_string(checkpoint.size));
    }
    TRY_VOID(cursor.read_segment(segment));
    if (crypto::sha256(segment) != cursor.leaf().segment_hash) {
      return fail(Code::kCorrupt, "leaf " + std::to_string(tree.size()) +
                                      ": its segment is not what it commits to");
    }
    TRY_VOID(tails.apply(cursor.leaf()));
    tree.append(merkle::leaf_hash(segment::encode(cursor.leaf())));
    cursor.advance();
  }
  if (tree.root() != checkpoint.root)
    return fail(Code::kCorrupt, "the volumes do not give the checkpoint's root");
  return Head{.size = checkpoint.size,
              .root = checkpoint.root,
              .next = cursor.position(),
              .tails_size = 0,
              .tails_hash = {}};
}

}  // namespace

Result<uint64_t> repair_head(os::FileSystem& files, const Layout& layout,
                             const receipt::VerifierKey& log) {
  TRY(const auto publish, files.lock(layout.publish_lock(), os::Wait::kYes));
  TRY(const auto append, files.lock(layout.append_lock(), os::Wait::kYes));
  const vault::LocalVault vault(files, layout.vault());
  TRY(const Bytes note, vault.get("checkpoint", kCheckpointBytesMax));
  TRY(const auto checkpoint, receipt::open_checkpoint(note, log));
  const HeadStore heads(files, layout.head());
  const auto old = heads.load();
  if (old && old->size >= checkpoint.size) {
    return fail(Code::kConflict, "the head (" + std::to_string(old->size) +
                                     " leaves) is not behind the checkpoint (" +
                                     std::to_string(checkpoint.size) + "); nothing to mend");
  }
  TRY(const Head head, head_from_volumes(vault, checkpoint));
  TRY_VOID(files.replace(layout.head(), as_bytes(encode(head))));
  return head.size;
}

}  // namespace stele::ledger
