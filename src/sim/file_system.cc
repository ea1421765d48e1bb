#include "sim/file_system.h"

#include "os/error.h"
#include "sim/handle.h"

namespace stele::sim {
namespace {

using os::fail_errno;
using os::Protection;

using Held = std::unique_lock<std::mutex>;

Held hold(const ProcessPtr& process) { return Held(process->machine->mutex); }

const InodePtr& root(const ProcessPtr& process) { return process->machine->root; }

// chattr(1): neither flag lets a name of a file go, or be taken over by another.
Status may_unname(const InodePtr& directory, const InodePtr& inode, const std::string& what) {
  const bool kept = directory->protection != Protection::kNone ||
                    (inode && inode->protection != Protection::kNone);
  if (kept) return fail(Code::kPermission, what, EPERM);
  return {};
}

// An append-only directory takes new names; an immutable one none.
Status may_name(const InodePtr& directory, const std::string& what) {
  if (directory->protection == Protection::kImmutable) return fail(Code::kPermission, what, EPERM);
  return {};
}

// Finds a regular file to open.
Result<InodePtr> find_file(const ProcessPtr& process, std::string_view verb,
                           const std::string& path) {
  TRY(const Place place, locate(root(process), verb, path));
  InodePtr inode = place.inode();
  if (!inode) return fail_errno(verb, path, ENOENT);
  if (inode->is_directory) return fail_errno(verb, path, EISDIR);
  return inode;
}

// One step: a new name, not yet durable.
Status name_file(const ProcessPtr& process, const Place& place, const InodePtr& inode,
                 const std::string& what) {
  TRY_VOID(may_name(place.directory, what));
  TRY_VOID(process->step(what, Needs::kSpace));
  place.directory->names.set(place.name, inode);
  return {};
}

// For lock() and share(): opens a file for writing, made if need be.
Result<InodePtr> open_or_make(const ProcessPtr& process, const std::string& verb,
                              const std::string& path) {
  TRY(const Place place, locate(root(process), verb, path));
  if (InodePtr inode = place.inode()) {
    if (inode->is_directory) return fail_errno(verb, path, EISDIR);
    if (inode->protection != Protection::kNone) return fail_errno(verb, path, EPERM);
    return inode;
  }
  InodePtr made = Machine::make_file();
  TRY_VOID(name_file(process, place, made, verb + " " + path));
  return made;
}

Status fill_and_rename(const ProcessPtr& process, const Place& place, const Place& temporary,
                       const InodePtr& inode, ByteSpan bytes, bool durable,
                       const std::string& what) {
  TRY_VOID(process->append(inode, {bytes}, what + ": write"));
  if (durable) TRY_VOID(process->sync_data(inode, what + ": sync"));
  const InodePtr old = place.inode();
  if (old && old->is_directory) return fail(Code::kInvalid, what, EISDIR);
  TRY_VOID(may_unname(place.directory, old, what));
  TRY_VOID(process->step(what + ": rename", Needs::kSpace));
  place.directory->names.move(temporary.name, place.name);
  return {};
}

Status replace_name(const ProcessPtr& process, const std::string& path, ByteSpan bytes,
                    bool durable) {
  const Held held = hold(process);
  if (!process->alive()) return crashed();
  TRY(const Place place, locate(root(process), "replace", path));
  const std::string id = std::to_string(process->machine->next_id++);
  const Place temporary{place.directory, place.name + "." + id + std::string(os::kTemporarySuffix)};
  const std::string what = "replace " + path;
  const InodePtr inode = Machine::make_file();
  TRY_VOID(name_file(process, temporary, inode, what + ": create"));
  if (auto renamed = fill_and_rename(process, place, temporary, inode, bytes, durable, what);
      !renamed) {
    const bool may_go = may_unname(place.directory, inode, what).has_value();
    if (may_go && process->step(what + ": clean up", Needs::kNothing)) {
      place.directory->names.erase(temporary.name);
    }
    return renamed;
  }
  return durable ? process->sync_names(place.directory, what + ": sync directory") : Status{};
}

Status make_directory(const ProcessPtr& process, const std::string& path) {
  const std::string what = "mkdir " + path, sync = what + ": sync directory";
  const std::vector<std::string> parts = split(path);
  std::vector<InodePtr> chain = {root(process)};
  while (chain.size() <= parts.size()) {
    const InodePtr next = chain.back()->names.find(parts[chain.size() - 1]);
    if (!next) break;
    if (!next->is_directory) return fail_errno("mkdir", path, ENOTDIR);
    chain.push_back(next);
  }
  // Whoever made the deepest one may have died before its sync, but not before those of the ones
  // above.
  if (chain.size() > 1) TRY_VOID(process->sync_names(chain[chain.size() - 2], sync));
  while (chain.size() <= parts.size()) {
    const InodePtr parent = chain.back(), made = Machine::make_directory();
    TRY_VOID(name_file(process, {parent, parts[chain.size() - 1]}, made, what));
    TRY_VOID(process->sync_names(parent, sync));
    chain.push_back(made);
  }
  return {};
}

}  // namespace

SimFileSystem::SimFileSystem(Disk& disk, Plan plan)
    : process_([&] {
        const Held held(disk.machine_->mutex);
        return std::make_shared<Process>(disk.machine_, plan);
      }()) {}

Result<std::unique_ptr<os::File>> SimFileSystem::open_read(const std::string& path) {
  const Held held = hold(process_);
  if (!process_->alive()) return crashed();
  TRY(InodePtr inode, find_file(process_, "open", path));
  return std::make_unique<SimFile>(process_, std::move(inode), path, Access::kRead);
}

Result<std::unique_ptr<os::File>> SimFileSystem::open_append(const std::string& path) {
  const Held held = hold(process_);
  if (!process_->alive()) return crashed();
  TRY(InodePtr inode, find_file(process_, "open", path));
  if (inode->protection == Protection::kImmutable) return fail_errno("open", path, EPERM);
  return std::make_unique<SimFile>(process_, std::move(inode), path, Access::kAppend);
}

Result<std::unique_ptr<os::File>> SimFileSystem::create_append(const std::string& path) {
  const Held held = hold(process_);
  if (!process_->alive()) return crashed();
  TRY(const Place place, locate(root(process_), "create", path));
  if (place.inode()) return fail_errno("create", path, EEXIST);
  const InodePtr inode = Machine::make_file();
  TRY_VOID(name_file(process_, place, inode, "create " + path));
  TRY_VOID(process_->sync_names(place.directory, "create " + path + ": sync directory"));
  return std::make_unique<SimFile>(process_, inode, path, Access::kAppend);
}

Result<Bytes> SimFileSystem::read(const std::string& path, size_t bytes_max) {
  const Held held = hold(process_);
  if (!process_->alive()) return crashed();
  TRY(const InodePtr inode, find_file(process_, "read", path));
  const Bytes& bytes = inode->data.written();
  if (bytes.size() <= bytes_max) return bytes;
  return fail(Code::kLimit,
              "read " + path + ": larger than " + std::to_string(bytes_max) + " bytes");
}

Status SimFileSystem::put_once(const std::string& path, ByteSpan bytes) {
  const Held held = hold(process_);
  if (!process_->alive()) return crashed();
  TRY(const Place place, locate(root(process_), "put", path));
  const std::string what = "put " + path;
  InodePtr inode = place.inode();
  if (inode) {
    if (inode->is_directory) return fail_errno("put", path, EISDIR);
    if (!equal(inode->data.written(), bytes))
      return fail(Code::kExists, what + ": there already, with other bytes");
    TRY_VOID(process_->sync_data(inode, what + ": sync"));
  } else {
    inode = Machine::make_file();  // without a name, like O_TMPFILE
    TRY_VOID(process_->append(inode, {bytes}, what + ": write"));
    TRY_VOID(process_->sync_data(inode, what + ": sync"));
    TRY_VOID(name_file(process_, place, inode, what + ": link"));
  }
  return process_->sync_names(place.directory, what + ": sync directory");
}

Status SimFileSystem::replace(const std::string& path, ByteSpan bytes) {
  return replace_name(process_, path, bytes, true);
}

Status SimFileSystem::replace_lazily(const std::string& path, ByteSpan bytes) {
  return replace_name(process_, path, bytes, false);
}

Status SimFileSystem::remove(const std::string& path) {
  const Held held = hold(process_);
  if (!process_->alive()) return crashed();
  const auto place = locate(root(process_), "remove", path);
  if (!place) return place.error().code == Code::kNotFound ? Status{} : fail(place.error());
  const InodePtr inode = place->inode();
  if (!inode) return {};
  if (inode->is_directory) return fail_errno("remove", path, EISDIR);
  TRY_VOID(may_unname(place->directory, inode, "remove " + path));
  TRY_VOID(process_->step("remove " + path, Needs::kNothing));
  place->directory->names.erase(place->name);
  return {};
}

Status SimFileSystem::make_directories(const std::string& path) {
  const Held held = hold(process_);
  if (!process_->alive()) return crashed();
  return make_directory(process_, path);
}

Result<std::vector<std::string>> SimFileSystem::list(const std::string& path) {
  const Held held = hold(process_);
  if (!process_->alive()) return crashed();
  const InodePtr inode = find(root(process_), path);
  if (!inode) return fail_errno("list", path, ENOENT);
  if (!inode->is_directory) return fail_errno("list", path, ENOTDIR);
  std::vector<std::string> names;
  for (const auto& [name, unused] : inode->names.written()) {
    if (!name.ends_with(os::kTemporarySuffix)) names.push_back(name);
  }
  return names;
}

bool SimFileSystem::exists(const std::string& path) {
  const Held held = hold(process_);
  return process_->alive() && find(root(process_), path) != nullptr;
}

Result<std::unique_ptr<os::Lock>> SimFileSystem::lock(const std::string& path, os::Wait wait) {
  Held held = hold(process_);
  if (!process_->alive()) return crashed();
  TRY(const InodePtr inode, open_or_make(process_, "lock", path));
  const auto is_held = [&] { return inode->lock_holder && inode->lock_holder->alive(); };
  if (is_held() && (wait == os::Wait::kNo || inode->lock_thread == std::this_thread::get_id())) {
    return fail_errno("lock", path, EWOULDBLOCK);
  }
  process_->machine->changed.wait(held, [&] { return !is_held() || !process_->alive(); });
  if (!process_->alive()) return crashed();
  inode->lock_holder = process_;
  inode->lock_id = process_->machine->next_id++;
  inode->lock_thread = std::this_thread::get_id();
  return std::make_unique<SimLock>(process_, inode, inode->lock_id);
}

Result<std::unique_ptr<os::SharedWords>> SimFileSystem::share(const std::string& path) {
  const Held held = hold(process_);
  if (!process_->alive()) return crashed();
  TRY(InodePtr inode, open_or_make(process_, "share", path));
  return std::make_unique<SimSharedWords>(process_, std::move(inode));
}

Status SimFileSystem::protect(const std::string& path, Protection protection) {
  const Held held = hold(process_);
  if (!process_->alive()) return crashed();
  const InodePtr inode = find(root(process_), path);
  if (!inode) return fail_errno("protect", path, ENOENT);
  if (!process_->machine->flags_supported) return fail_errno("protect", path, EOPNOTSUPP);
  TRY_VOID(process_->step("protect " + path, Needs::kNothing));
  inode->protection = protection;
  TRY_VOID(process_->sync_data(inode, "protect " + path + ": sync"));
  inode->durable_protection = protection;
  return {};
}

Result<Protection> SimFileSystem::protection(const std::string& path) {
  const Held held = hold(process_);
  if (!process_->alive()) return crashed();
  const InodePtr inode = find(root(process_), path);
  if (!inode) return fail_errno("protection", path, ENOENT);
  if (!process_->machine->flags_supported) return fail_errno("protection", path, EOPNOTSUPP);
  return inode->protection;
}

Result<std::optional<std::string>> SimFileSystem::verity(const std::string& path) {
  const Held held = hold(process_);
  if (!process_->alive()) return crashed();
  if (!find(root(process_), path)) return fail_errno("verity", path, ENOENT);
  return std::nullopt;
}

void SimFileSystem::kill() {
  const Held held = hold(process_);
  process_->die(Plan::Crash::kKill);
}

bool SimFileSystem::is_alive() const {
  const Held held = hold(process_);
  return process_->alive();
}

std::vector<std::string> SimFileSystem::steps() const {
  const Held held = hold(process_);
  return process_->steps;
}

void SimFileSystem::set_plan(Plan plan) {
  const Held held = hold(process_);
  process_->plan = plan;
}

}  // namespace stele::sim
