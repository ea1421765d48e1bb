#include "agent/follow.h"

#include "agent/log_memory.h"

namespace stele::agent {
namespace {

constexpr size_t kNoteBytesMax = size_t{64} << 10;

// What this host saw proven of the log before, the successor must name, and have.
Status check_memory(os::FileSystem& files, const std::string& directory,
                    const ledger::Predecessor& successor) {
  TRY(const auto believed, LogMemory(files, directory, successor.before).load());
  if (believed.size > successor.size) {
    return fail(Code::kConflict, "it names " + std::to_string(successor.size) + " leaves of " +
                                     successor.before.name +
                                     " as proven, and this host has a "
                                     "checkpoint of " +
                                     std::to_string(believed.size) + ": that is evidence, keep it");
  }
  if (believed.size > successor.kept) {
    return fail(Code::kConflict, "it lacks leaves that this host saw proven (" +
                                     std::to_string(successor.kept) + " of " +
                                     std::to_string(believed.size) +
                                     " are kept): this host has to be enrolled anew");
  }
  return {};
}

}  // namespace

Result<std::optional<ledger::Predecessor>> follow_successor(
    os::FileSystem& files, const std::string& directory,
    const std::function<void(const std::string&)>& tell) {
  const std::string path = directory + "/predecessor";
  const auto note = files.read(path, kNoteBytesMax);
  if (!note && note.error().code == Code::kNotFound) return std::nullopt;
  if (!note) return fail(note.error());
  TRY(const auto policy_key, ledger::load_verifier_key(files, directory + "/policy.vkey"));
  TRY(const auto log_key, ledger::load_verifier_key(files, directory + "/log.vkey"));
  const auto successor = ledger::open_predecessor(*note, policy_key);
  if (successor && successor->log == log_key) return *successor;
  const auto refuse = [&](const std::string& why) {
    tell(path + " does not hold, nothing changes: " + why);
    return std::optional<ledger::Predecessor>();
  };
  if (!successor) return refuse(successor.error().message());
  if (successor->before != log_key)
    return refuse("it succeeds " + successor->before.name + ", and this host's log is " +
                  log_key.name + ", or has another key");
  if (const Status fits = check_memory(files, directory, *successor); !fits)
    return refuse(fits.error().message());
  TRY_VOID(files.replace(directory + "/log.vkey", as_bytes(successor->log.to_string() + "\n")));
  tell("the log is " + successor->log.name + " from now on, the successor of " +
       successor->before.name);
  return *successor;
}

}  // namespace stele::agent
