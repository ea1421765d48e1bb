#include "sim/disk.h"

#include "base/check.h"
#include "os/error.h"
#include "sim/machine.h"

namespace stele::sim {
namespace {

using Guard = std::lock_guard<std::mutex>;

void collect(const Inode& directory, const std::string& path, Image& image) {
  for (const auto& [name, inode] : directory.names.written()) {
    const std::string at = path + "/" + name;
    image[at] = {inode->is_directory, inode->data.written(), inode->protection};
    collect(*inode, at, image);
  }
}

// Puts an inode under a path, durably; the directories on the way are made.
void plant(const InodePtr& root, const std::string& path, const InodePtr& inode) {
  std::vector<std::string> parts = split(path);
  CHECK(!parts.empty());
  InodePtr at = root;
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    InodePtr next = at->names.find(parts[i]);
    if (!next) at->names.overwrite(parts[i], next = Machine::make_directory());
    at = next;
  }
  at->names.overwrite(parts.back(), inode);
}

void start(Machine& machine) {
  machine.powered = true;
  ++machine.boot;
  machine.changed.notify_all();
}

}  // namespace

Disk::Disk() : machine_(std::make_shared<Machine>()) {}

void Disk::cut_power() {
  const Guard guard(machine_->mutex);
  machine_->powered = false;
  machine_->changed.notify_all();
}

void Disk::restart(uint64_t seed) {
  const Guard guard(machine_->mutex);
  Dice dice(seed);
  machine_->root->power_cut(dice);
  start(*machine_);
}

bool Disk::is_powered() const {
  const Guard guard(machine_->mutex);
  return machine_->powered;
}

void Disk::support_flags(bool supported) {
  const Guard guard(machine_->mutex);
  machine_->flags_supported = supported;
}

Image Disk::snapshot() const {
  const Guard guard(machine_->mutex);
  Image image;
  collect(*machine_->root, "", image);
  return image;
}

void Disk::restore(const Image& image) {
  const Guard guard(machine_->mutex);
  machine_->root = Machine::make_directory();
  for (const auto& [path, entry] : image) {
    const InodePtr inode = entry.is_directory ? Machine::make_directory() : Machine::make_file();
    inode->data.overwrite(entry.bytes);
    inode->protection = inode->durable_protection = entry.protection;
    plant(machine_->root, path, inode);
  }
  start(*machine_);
}

Status Disk::tamper(const std::string& path, const std::function<void(Bytes&)>& edit) {
  const Guard guard(machine_->mutex);
  const InodePtr inode = find(machine_->root, path);
  if (!inode || inode->is_directory) return os::fail_errno("tamper", path, ENOENT);
  Bytes bytes = inode->data.written();
  edit(bytes);
  inode->data.overwrite(std::move(bytes));
  return {};
}

Status Disk::erase(const std::string& path) {
  const Guard guard(machine_->mutex);
  TRY(const Place place, locate(machine_->root, "erase", path));
  if (!place.inode()) return os::fail_errno("erase", path, ENOENT);
  place.directory->names.overwrite(place.name, nullptr);
  return {};
}

void Disk::put(const std::string& path, ByteSpan bytes) {
  const Guard guard(machine_->mutex);
  const InodePtr inode = Machine::make_file();
  inode->data.overwrite(Bytes(bytes.begin(), bytes.end()));
  plant(machine_->root, path, inode);
}

Result<Bytes> Disk::durable(const std::string& path) const {
  const Guard guard(machine_->mutex);
  InodePtr at = machine_->root;
  for (const std::string& name : split(path)) {
    const auto& names = at->names.durable();
    const auto next = names.find(name);
    if (next == names.end()) return os::fail_errno("durable", path, ENOENT);
    at = next->second;
  }
  return at->data.durable();
}

}  // namespace stele::sim
