#include "ledger/commit_store.h"

#include <algorithm>

namespace stele::ledger {
namespace {

constexpr size_t kNameBytesMax = 1024;  // of an object's name, its version, a tile's path
constexpr size_t kCheckpointBytesMax = size_t{64} << 10;
constexpr size_t kPartialTilesMax = 64;
constexpr size_t kPartialTileBytesMax = size_t{1} << 20;
constexpr size_t kKeysBytesMax = size_t{256} << 20;

bool is_name(std::string_view text) {
  return text.size() <= kNameBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

Status invalid(std::string what) { return fail(Code::kInvalid, std::move(what)); }

}  // namespace

Status check(const merkle::Frontier& head, const Commit& commit) {
  const CommittedVolume& volume = commit.volume;
  if (volume.first_index != head.size()) {
    return invalid("commit: begins at leaf " + std::to_string(volume.first_index) +
                   "; the head is at " + std::to_string(head.size()));
  }
  if (volume.count == 0) return invalid("commit: has no leaf");
  if (commit.next.size() != head.size() + volume.count) {
    return invalid("commit: " + std::to_string(volume.count) + " leaves do not make a ledger of " +
                   std::to_string(commit.next.size()) + " of one of " +
                   std::to_string(head.size()));
  }
  if (volume.bytes == 0 || volume.bytes > INT64_MAX || volume.key.empty())
    return invalid("commit: names no object");
  if (!is_name(volume.key) || !is_name(volume.version))
    return invalid("commit: the object's name or version is no printable text of 1024 bytes");
  if (commit.next.size() > kCommittedLeavesMax)
    return fail(Code::kLimit, "commit: a ledger has at most 2^40 leaves");
  return {};
}

Status check(const Publication& next) {
  if (next.size > kCommittedLeavesMax || (next.keys && next.keys->size > kCommittedLeavesMax))
    return fail(Code::kLimit, "publication: a ledger has at most 2^40 leaves");
  if (next.checkpoint.size() > kCheckpointBytesMax)
    return fail(Code::kLimit, "publication: a checkpoint has at most 64 KiB");
  if (next.keys && next.keys->bytes.size() > kKeysBytesMax)
    return fail(Code::kLimit, "publication: hosts' keys take at most 256 MiB");
  if (next.partial.size() > kPartialTilesMax)
    return fail(Code::kLimit, "publication: a log has at most 64 partial tiles");
  for (const auto& [path, bytes] : next.partial) {
    if (path.empty() || !is_name(path)) return invalid("publication: not the path of a tile");
    if (bytes.size() > kPartialTileBytesMax)
      return fail(Code::kLimit, "publication: " + path + ": a tile has at most 1 MiB");
  }
  return {};
}

Status check_moves(const std::map<StreamId, segment::Tail>& now,
                   const std::map<StreamId, segment::Tail>& next) {
  for (const auto& [stream, tail] : next) {
    const auto before = now.find(stream);
    if (tail.next_sequence == 0 ||
        (before != now.end() && tail.next_sequence <= before->second.next_sequence)) {
      return invalid("commit: stream " + to_string(stream) + " would not move on from " +
                     std::to_string(before == now.end() ? 0 : before->second.next_sequence));
    }
  }
  return {};
}

}  // namespace stele::ledger
