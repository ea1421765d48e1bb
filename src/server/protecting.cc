#include "server/protecting.h"

#include "os/supervisor.h"
#include "vault/local_vault.h"

namespace stele::server {

std::string protect_open_volume(os::FileSystem& files, const ledger::Layout& layout) {
  const vault::LocalVault vault(files, layout.vault());
  const auto volumes = vault.volumes();
  if (!volumes || volumes->empty()) return "none";  // opening the ledger says what that means
  const std::string path = vault.path(volumes->back());
  const auto before = files.protection(path);
  if (before && *before != os::Protection::kNone) return "append-only";
  const Status done =
      before ? files.protect(path, os::Protection::kAppendOnly) : fail(before.error());
  if (done) return "append-only";
  os::tell_journal(
      os::Severity::kWarning,
      "volumes are not protected from whoever may write to them: " + done.error().message());
  return "unprotected";
}

void protect_if_closed(os::FileSystem& files, const ledger::Layout& layout,
                       const vault::VolumeName& volume) {
  const vault::LocalVault vault(files, layout.vault());
  const auto volumes = vault.volumes();
  if (!volumes || volumes->empty() || volume == volumes->back()) return;
  const auto now = files.protection(vault.path(volume));
  if (now && *now != os::Protection::kImmutable) vault.close_volume(volume);
}

}  // namespace stele::server
