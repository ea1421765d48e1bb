#include "ledger/surroundings.h"

#include "ledger/recipients_list.h"

namespace stele::ledger {
namespace {

constexpr size_t kRecipientsBytesMax = size_t{64} << 10;

bool is_same(const HostKeys::Entry& now, std::string_view before) {
  const auto was = receipt::VerifierKey::parse(before);
  return was && now.name == was->name && now.key == was->key;
}

}  // namespace

std::vector<Fault> check_memory(const Remembered& old, const Trust& trust,
                                const std::optional<receipt::Checkpoint>& checkpoint,
                                const TreeCheck* tree) {
  std::vector<Fault> faults;
  const auto blame = [&](std::string what, std::string where) {
    faults.push_back({Verdict::kTampered, std::move(what), std::move(where)});
  };
  if (old.log_vkey != trust.log.to_string()) {
    blame("other log key",
          "log.vkey: this reader knows the log " + trust.log.name + " by another key");
  }
  const auto& hosts = trust.hosts.entries();
  for (size_t i = 0; i < old.host_vkeys.size(); ++i) {
    if (i < hosts.size() && is_same(hosts[i], old.host_vkeys[i])) continue;
    blame("other host key", "host.vkey: line " + std::to_string(i + 1) +
                                " is not the key that this reader saw there before");
  }
  if (checkpoint && checkpoint->size < old.size) {
    blame("rolled back", "vault/log/checkpoint: " + std::to_string(checkpoint->size) +
                             " leaves; this reader saw " + std::to_string(old.size) + " before");
  } else if (tree != nullptr && tree->root_at(old.size) != old.root) {
    blame("forked", "vault/log/checkpoint: the first " + std::to_string(old.size) +
                        " leaves are not those this reader saw before (other root)");
  }
  return faults;
}

std::vector<Fault> check_recipients(os::FileSystem& files, const Layout& layout,
                                    const std::optional<Remembered>& memory,
                                    std::vector<std::string>& notes) {
  const auto note = files.read(layout.recipients(), kRecipientsBytesMax);
  if (!note && note.error().code == Code::kNotFound) {
    notes.push_back("no recipients list beside the vault: not checked");
    return {};
  }
  const auto policy = load_verifier_key(files, layout.policy_vkey());
  if (!note) return {unread(note.error(), "recipients list", "recipients")};
  if (!policy) return {unread(policy.error(), "policy key", "policy.vkey")};
  std::vector<Fault> faults;
  if (const auto list = open_recipients_list(*note, *policy); !list) {
    faults.push_back(
        {Verdict::kTampered, "bad recipients list", "recipients: " + list.error().context});
  }
  if (memory && !memory->policy_vkey.empty() && memory->policy_vkey != policy->to_string()) {
    faults.push_back(
        {Verdict::kTampered, "other policy key",
         "policy.vkey: this reader knows another key that says who may read what is recorded"});
  }
  return faults;
}

}  // namespace stele::ledger
