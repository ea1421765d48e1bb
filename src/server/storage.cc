#include "server/storage.h"

#include "ledger/directory_ledger.h"
#include "ledger/keys.h"

namespace stele::server {

Result<ledger::LogSigner> load_log_signer(os::FileSystem& files, const ledger::Layout& layout) {
  TRY(auto key, ledger::load_private_key(files, layout.log_key()));
  TRY(auto signer, receipt::NoteSigner::make(key.name, std::move(key.key)));
  return std::make_shared<const receipt::NoteSigner>(std::move(signer));
}

Result<std::unique_ptr<ledger::Ledger>> DirectoryStorage::open_ledger() {
  TRY(auto signer, load_log_signer(files_, layout_));
  TRY(auto ledger, ledger::DirectoryLedger::open(files_, layout_, clock_, std::move(signer)));
  return ledger;
}

}  // namespace stele::server
