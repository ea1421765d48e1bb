#include "sim/inode.h"

#include <algorithm>

namespace stele::sim {
namespace {

// How much of what was not synced is there after a power cut: the extremes come up often, since it
// is they that most mistakes show at. kSize is for files only: the size has grown, over zeros.
enum class Survival { kNothing, kEverything, kPrefix, kAnything, kSize };

Survival roll(Dice& dice, Survival last) {
  return static_cast<Survival>(dice() % (static_cast<uint64_t>(last) + 1));
}

// How many bytes at the front of one unsynced sector are new: all, none (the old ones, or zeros),
// or a few.
size_t torn_size(Dice& dice) {
  switch (dice() % 3) {
    case 0:
      return 0;
    case 1:
      return kSectorBytes;
    default:
      return dice() % kSectorBytes;
  }
}

}  // namespace

// The kernel writes whole sectors: one that is partly clean goes out again with all that it holds.
size_t FileData::first_dirty() const {
  return clean_ == written_.size() ? clean_ : clean_ / kSectorBytes * kSectorBytes;
}

void FileData::sync() {
  const auto first = static_cast<ptrdiff_t>(first_dirty());
  durable_.resize(written_.size());
  std::copy(written_.begin() + first, written_.end(), durable_.begin() + first);
  clean_ = written_.size();
}

void FileData::drop_cache() {
  for (size_t i = 0; i < first_dirty(); ++i) written_[i] = i < durable_.size() ? durable_[i] : 0;
}

void FileData::power_cut(Dice& dice) {
  const Survival survival = roll(dice, Survival::kSize);
  const size_t grown = written_.size() - durable_.size();
  const bool whole = survival == Survival::kEverything || dice() % 2 == 0;
  Bytes left = durable_;
  if (survival != Survival::kNothing)
    left.resize(durable_.size() + (whole ? grown : dice() % (grown + 1)));
  const bool has_bytes = survival != Survival::kNothing && survival != Survival::kSize;
  for (size_t sector = first_dirty(); has_bytes && sector < left.size(); sector += kSectorBytes) {
    const size_t wanted = survival == Survival::kAnything ? torn_size(dice) : kSectorBytes;
    const size_t count = std::min(wanted, left.size() - sector);
    std::copy_n(written_.begin() + static_cast<ptrdiff_t>(sector), count,
                left.begin() + static_cast<ptrdiff_t>(sector));
  }
  overwrite(std::move(left));
}

void FileData::overwrite(Bytes bytes) {
  written_ = durable_ = std::move(bytes);
  clean_ = written_.size();
}

InodePtr Directory::find(const std::string& name) const {
  const auto at = written_.find(name);
  return at == written_.end() ? nullptr : at->second;
}

void Directory::apply(const Change& change, std::map<std::string, InodePtr>& names) {
  if (!change.from.empty()) names.erase(change.from);
  if (change.inode) {
    names[change.name] = change.inode;
  } else {
    names.erase(change.name);
  }
}

void Directory::change(Change change) {
  apply(change, written_);
  pending_.push_back(std::move(change));
}

void Directory::sync() {
  for (const Change& change : pending_) apply(change, durable_);
  pending_.clear();
}

void Directory::power_cut(Dice& dice) {
  const Survival survival = roll(dice, Survival::kAnything);
  const size_t first_few = dice() % (pending_.size() + 1);
  for (size_t i = 0; i < pending_.size(); ++i) {
    const bool survives = survival == Survival::kEverything ||
                          (survival == Survival::kPrefix && i < first_few) ||
                          (survival == Survival::kAnything && dice() % 2 == 0);
    if (survives) apply(pending_[i], durable_);
  }
  pending_.clear();
  written_ = durable_;
}

void Directory::overwrite(const std::string& name, InodePtr inode) {
  const Change forced{name, std::move(inode), ""};
  apply(forced, written_);
  apply(forced, durable_);
}

void Inode::power_cut(Dice& dice) {
  data.power_cut(dice);
  names.power_cut(dice);
  if (protection != durable_protection) {
    protection = durable_protection = dice() % 2 == 0 ? protection : durable_protection;
  }
  words = {};
  for (const auto& [name, inode] : names.written()) inode->power_cut(dice);
}

}  // namespace stele::sim
