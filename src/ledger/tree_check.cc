#include "ledger/tree_check.h"

#include <algorithm>

#include "merkle/bundle.h"
#include "merkle/frontier.h"

namespace stele::ledger {
namespace {

using merkle::kTileWidth;
using merkle::Tile;

/// For a log that publishes faster than its checkpoint can be read: ours does so once a second.
constexpr int kReadTreeTries = 40;

uint16_t width_at(uint64_t hashes, uint64_t tile_index) {
  return static_cast<uint16_t>(std::min<uint64_t>(kTileWidth, hashes - tile_index * kTileWidth));
}

Hash root_of(std::span<const Hash> leaves) {
  merkle::Frontier frontier;
  for (const Hash& h : leaves) frontier.append(h);
  return frontier.root();
}

}  // namespace

TreeCheck::TreeCheck(const vault::Vault& vault, const receipt::Checkpoint& checkpoint)
    : vault_(vault), checkpoint_(checkpoint) {
  for (const Tile& tile : merkle::partial_tiles(checkpoint.size))
    partial_.emplace(tile, read(tile));
}

bool TreeCheck::lacks_partial_tiles() const {
  return std::any_of(partial_.begin(), partial_.end(), [](const auto& partial) {
    return !partial.second && partial.second.error().code == Code::kNotFound;
  });
}

Result<Bytes> TreeCheck::read(const Tile& tile) const {
  if (const auto early = partial_.find(tile); early != partial_.end()) return early->second;
  return vault_.get(merkle::path(tile),
                    tile.is_bundle() ? kTileWidth * (2 + segment::kLeafBytes) : merkle::kTileBytes);
}

void TreeCheck::note_unread(const Error& error) {
  if (unread(error, "", "").weight == Verdict::kUnknown) unreadable_ = error;
}

TreeCheck::Account TreeCheck::from_tiles() {
  Account account(checkpoint_.size);
  for (uint64_t n = 0; n * kTileWidth < checkpoint_.size; ++n) {
    const uint16_t width = width_at(checkpoint_.size, n);
    const auto bytes = read({0, n, width});
    if (!bytes) {
      note_unread(bytes.error());
      continue;
    }
    const auto hashes = merkle::parse_tile(*bytes, width);
    if (hashes)
      std::copy(hashes->begin(), hashes->end(),
                account.begin() + static_cast<ptrdiff_t>(n * kTileWidth));
  }
  return account;
}

TreeCheck::Account TreeCheck::from_bundles() {
  Account account(checkpoint_.size);
  for (uint64_t n = 0; n * kTileWidth < checkpoint_.size; ++n) {
    const uint16_t width = width_at(checkpoint_.size, n);
    const auto bytes = read({merkle::kEntries, n, width});
    if (!bytes) {
      note_unread(bytes.error());
      continue;
    }
    const auto entries = merkle::parse_bundle(*bytes, width);
    if (!entries) continue;
    for (size_t i = 0; i < width; ++i)
      account[n * kTileWidth + i] = merkle::leaf_hash((*entries)[i]);
  }
  return account;
}

TreeCheck::Account TreeCheck::from_volumes() {
  Account account(checkpoint_.size);
  const auto volumes = vault_.volumes();
  if (!volumes) return account;
  for (const vault::VolumeName& name : *volumes) {
    vault::RecordCursor cursor(vault_, {name, 0, name.first_index});
    auto found = cursor.look();
    for (; found && *found == vault::Found::kRecord; found = cursor.look()) {
      if (cursor.position().volume != name || cursor.position().index >= account.size()) break;
      account[cursor.position().index] = merkle::leaf_hash(segment::encode(cursor.leaf()));
      cursor.advance();
    }
    if (!found) note_unread(found.error());
  }
  return account;
}

bool TreeCheck::believe(const Account& account) {
  std::vector<Hash> leaves;
  leaves.reserve(account.size());
  for (const auto& h : account) {
    if (!h) return false;
    leaves.push_back(*h);
  }
  if (root_of(leaves) != checkpoint_.root) return false;
  leaves_ = std::move(leaves);
  return true;
}

bool TreeCheck::establish() {
  if (checkpoint_.size == 0) return checkpoint_.root == merkle::empty_root();
  const Account tiles = from_tiles();
  if (believe(tiles)) return true;
  const Account bundles = from_bundles();
  if (believe(bundles)) return true;
  const Account volumes = from_volumes();
  if (believe(volumes)) return true;
  Account agreed(checkpoint_.size);
  for (size_t i = 0; i < agreed.size(); ++i) {
    const bool two_with_volumes =
        volumes[i] && (volumes[i] == tiles[i] || volumes[i] == bundles[i]);
    agreed[i] = two_with_volumes ? volumes[i]
                : tiles[i]       ? tiles[i]
                : bundles[i]     ? bundles[i]
                                 : volumes[i];
  }
  return believe(agreed);
}

std::optional<uint64_t> TreeCheck::index_of(const Hash& leaf_hash) const {
  if (by_hash_.empty()) {
    for (uint64_t i = 0; i < leaves_.size(); ++i) by_hash_.emplace(leaves_[i], i);
  }
  const auto found = by_hash_.find(leaf_hash);
  if (found == by_hash_.end()) return std::nullopt;
  return found->second;
}

std::optional<segment::Leaf> TreeCheck::leaf(uint64_t index) const {
  if (index >= leaves_.size()) return std::nullopt;
  const uint64_t n = index / kTileWidth;
  const uint16_t width = width_at(checkpoint_.size, n);
  const auto bytes = read({merkle::kEntries, n, width});
  if (!bytes) return std::nullopt;
  const auto entries = merkle::parse_bundle(*bytes, width);
  if (!entries) return std::nullopt;
  const ByteSpan entry = (*entries)[index % kTileWidth];
  if (merkle::leaf_hash(entry) != leaves_[index]) return std::nullopt;
  const auto leaf = segment::parse_leaf(entry);
  return leaf ? std::optional(*leaf) : std::nullopt;
}

// A bundle is read once.
void TreeCheck::each_leaf(
    uint64_t first, uint64_t next,
    const std::function<void(uint64_t, const std::optional<segment::Leaf>&)>& take) const {
  Result<Bytes> bytes = fail(Code::kNotFound, "");
  Result<std::vector<ByteSpan>> entries = fail(Code::kNotFound, "");
  for (uint64_t i = first; i < next; ++i) {
    if (i == first || i % kTileWidth == 0) {
      const uint16_t width = width_at(checkpoint_.size, i / kTileWidth);
      bytes = read({merkle::kEntries, i / kTileWidth, width});
      entries = bytes ? merkle::parse_bundle(*bytes, width) : fail(bytes.error());
    }
    std::optional<segment::Leaf> leaf;
    if (entries && merkle::leaf_hash((*entries)[i % kTileWidth]) == leaves_[i]) {
      if (const auto parsed = segment::parse_leaf((*entries)[i % kTileWidth])) leaf = *parsed;
    }
    take(i, leaf);
  }
}

Hash TreeCheck::root_at(uint64_t size) const { return root_of(std::span(leaves_).first(size)); }

// levels()[l] holds every hash of level l that some tile of that level shows.
std::vector<std::vector<Hash>> TreeCheck::levels() const {
  std::vector<std::vector<Hash>> levels = {leaves_};
  while (levels.back().size() >= kTileWidth) {
    const std::vector<Hash>& below = levels.back();
    std::vector<Hash> level;
    for (size_t i = 0; i + kTileWidth <= below.size(); i += kTileWidth) {
      level.push_back(root_of(std::span(below).subspan(i, kTileWidth)));
    }
    levels.push_back(std::move(level));
  }
  return levels;
}

void TreeCheck::check_tile(const Tile& tile, const Result<Bytes>& bytes,
                           const std::vector<Hash>& level, std::vector<Fault>& faults) const {
  const std::string where = "vault/log/" + merkle::path(tile);
  if (!bytes) {
    return faults.push_back(unread(bytes.error(), "tile", where));
  }
  const auto first = level.begin() + static_cast<ptrdiff_t>(tile.index * kTileWidth);
  const Bytes right = merkle::encode_tile({first, first + tile.width});
  if (*bytes == right) return;
  size_t at = 0;
  while (at < right.size() && at < bytes->size() && (*bytes)[at] == right[at]) ++at;
  faults.push_back({Verdict::kTampered, "altered tile",
                    where + ": wrong from byte " + std::to_string(at) + " on (hash " +
                        std::to_string(at / merkle::kHashBytes) + ")"});
}

void TreeCheck::check_bundle(const Tile& tile, const Result<Bytes>& bytes,
                             std::vector<Fault>& faults) const {
  const std::string where = "vault/log/" + merkle::path(tile);
  if (!bytes) {
    return faults.push_back(unread(bytes.error(), "bundle", where));
  }
  const auto entries = merkle::parse_bundle(*bytes, tile.width);
  if (!entries) {
    faults.push_back(
        {Verdict::kTampered, "altered bundle", where + ": " + entries.error().context});
    return;
  }
  for (size_t i = 0; i < tile.width; ++i) {
    const uint64_t index = tile.index * kTileWidth + i;
    if (merkle::leaf_hash((*entries)[i]) == leaves_[index]) continue;
    faults.push_back(
        {Verdict::kTampered, "altered bundle",
         where + ": entry " + std::to_string(i) + " is not leaf " + std::to_string(index)});
  }
}

// Whatever else lies under tile/: partial tiles of older checkpoints, which must agree too, and
// what no log has. A tile of a newer checkpoint than ours is left to whoever reads that, if there
// can be one (check_beyond()).
void TreeCheck::check_others(const std::string& folder,
                             const std::vector<std::vector<Hash>>& levels,
                             std::vector<Fault>& faults) {
  const auto names = vault_.list(folder);
  if (!names) {
    if (names.error().code != Code::kNotFound)
      faults.push_back(unread(names.error(), "folder", "vault/log/" + folder));
    return;
  }
  for (const std::string& name : *names) {
    const std::string path = folder + "/" + name;
    if (folder == "tile" || name.starts_with("x") || name.ends_with(".p")) {
      check_others(path, levels, faults);
      continue;
    }
    const auto tile = merkle::parse_tile_path(path);
    if (!tile) {
      faults.push_back({Verdict::kTampered, "stray file", "vault/log/" + path});
      continue;
    }
    if (merkle::exists(*tile, checkpoint_.size)) continue;  // checked already
    const size_t level = tile->is_bundle() ? 0 : tile->level;
    if (!merkle::fits(*tile, checkpoint_.size)) {
      beyond_.push_back(*tile);
      continue;
    }
    const auto bytes = read(*tile);
    if (!bytes && bytes.error().code == Code::kNotFound) continue;  // older ones are removed
    tile->is_bundle() ? check_bundle(*tile, bytes, faults)
                      : check_tile(*tile, bytes, levels[level], faults);
  }
}

std::vector<Fault> TreeCheck::check_files() {
  std::vector<Fault> faults;
  const auto all = levels();
  for (size_t l = 0; l < all.size(); ++l) {
    for (uint64_t n = 0; n * kTileWidth < all[l].size(); ++n) {
      const Tile tile{static_cast<uint8_t>(l), n, width_at(all[l].size(), n)};
      check_tile(tile, read(tile), all[l], faults);
    }
  }
  for (uint64_t n = 0; n * kTileWidth < leaves_.size(); ++n) {
    const Tile bundle{merkle::kEntries, n, width_at(leaves_.size(), n)};
    check_bundle(bundle, read(bundle), faults);
  }
  check_others("tile", all, faults);
  return faults;
}

std::vector<Fault> TreeCheck::check_beyond(uint64_t leaves) const {
  std::vector<Fault> faults;
  for (const Tile& tile : beyond_) {
    if (merkle::fits(tile, leaves)) continue;
    faults.push_back({Verdict::kTampered, "stray tile",
                      "vault/log/" + merkle::path(tile) + ": the log ends before it, at " +
                          std::to_string(leaves) + " leaves"});
  }
  return faults;
}

std::optional<TreeCheck> read_tree(
    const vault::Vault& vault, const std::function<std::optional<receipt::Checkpoint>()>& read) {
  std::optional<TreeCheck> tree;
  for (int tries = 0; tries < kReadTreeTries; ++tries) {
    const auto checkpoint = read();
    if (!checkpoint) return std::nullopt;
    if (tree && tree->checkpoint() == *checkpoint) break;  // nothing took them away
    tree.emplace(vault, *checkpoint);
    if (!tree->lacks_partial_tiles()) break;
  }
  return tree;
}

}  // namespace stele::ledger
