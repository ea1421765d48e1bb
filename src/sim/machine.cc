#include "sim/machine.h"

#include <algorithm>
#include <set>

#include "os/error.h"

namespace stele::sim {

InodePtr Machine::make_directory() {
  auto inode = std::make_shared<Inode>();
  inode->is_directory = true;
  return inode;
}

InodePtr Machine::make_file() { return std::make_shared<Inode>(); }

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  for (size_t from = 0; from <= path.size();) {
    const size_t to = std::min(path.find('/', from), path.size());
    const std::string part = path.substr(from, to - from);
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
    from = to + 1;
  }
  return parts;
}

InodePtr find(const InodePtr& root, const std::string& path) {
  InodePtr at = root;
  for (const std::string& name : split(path)) {
    at = at->names.find(name);  // a file has no names
    if (!at) return nullptr;
  }
  return at;
}

Result<Place> locate(const InodePtr& root, std::string_view verb, const std::string& path) {
  std::vector<std::string> parts = split(path);
  if (parts.empty() || path.ends_with('/')) {
    return fail(Code::kInvalid, std::string(verb) + " " + path + ": names no file");
  }
  Place place{root, parts.back()};
  parts.pop_back();
  for (const std::string& name : parts) {
    place.directory = place.directory->names.find(name);
    if (!place.directory) return os::fail_errno(verb, path, ENOENT);
    if (!place.directory->is_directory) return os::fail_errno(verb, path, ENOTDIR);
  }
  return place;
}

tl::unexpected<Error> crashed() { return fail(Code::kIo, "crashed"); }

void Process::die(Plan::Crash crash) {
  killed = true;
  if (crash == Plan::Crash::kPowerCut) machine->powered = false;
  machine->changed.notify_all();
}

Status Process::step(std::string what, Needs needs) {
  if (!alive()) return crashed();
  steps.push_back(what);
  const uint64_t number = steps.size();
  if (number == plan.crash_at) {
    die(plan.crash);
    return crashed();
  }
  const bool no_space = plan.fail_code == Code::kNoSpace;
  const bool later = plan.fail_at != 0 && plan.fails_from_there && number > plan.fail_at;
  if (number == plan.fail_at || (later && !(no_space && needs == Needs::kNothing))) {
    return fail(plan.fail_code, std::move(what), no_space ? ENOSPC : EIO);
  }
  return {};
}

Status Process::sync_data(const InodePtr& file, const std::string& what) {
  if (auto taken = step(what, Needs::kNothing); !taken) {
    if (alive()) file->data.lose();
    return taken;
  }
  file->data.sync();
  return {};
}

Status Process::sync_names(const InodePtr& directory, const std::string& what) {
  if (auto taken = step(what, Needs::kNothing); !taken) {
    if (alive()) directory->names.lose();
    return taken;
  }
  directory->names.sync();
  return {};
}

Status Process::append(const InodePtr& file, std::initializer_list<ByteSpan> parts,
                       const std::string& what) {
  Bytes all;
  std::set<size_t> ends;
  for (const ByteSpan part : parts) {
    all.insert(all.end(), part.begin(), part.end());
    ends.insert(all.size());
  }
  ends.insert({size_t{1}, all.size() / 2, all.size() - 1});
  size_t done = 0;
  for (const size_t end : ends) {
    if (end <= done || end > all.size()) continue;
    TRY_VOID(step(what, Needs::kSpace));
    file->data.append(ByteSpan(all).subspan(done, end - done));
    done = end;
  }
  return {};
}

}  // namespace stele::sim
