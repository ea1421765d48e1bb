// Storage: what a server keeps its ledger on.
#pragma once

#include <memory>

#include "ledger/layout.h"
#include "ledger/ledger.h"
#include "vault/local_vault.h"

namespace stele::server {

class OwnStream;

class Storage {
 public:
  virtual ~Storage() = default;

  /// Any thread.
  virtual const vault::Vault& vault() const = 0;
  /// Another object on the same ledger, which has a checkpoint when it returns.
  virtual Result<std::unique_ptr<ledger::Ledger>> open_ledger() = 0;
  /// What it does by itself begins, and is told there; and ends, before that is closed.
  virtual void start(OwnStream&) {}
  virtual void stop() {}
};

/// The server's own directory.
class DirectoryStorage final : public Storage {
 public:
  DirectoryStorage(os::FileSystem& files, ledger::Layout layout, Clock& clock)
      : files_(files), layout_(std::move(layout)), clock_(clock), vault_(files, layout_.vault()) {}

  const vault::Vault& vault() const override { return vault_; }
  Result<std::unique_ptr<ledger::Ledger>> open_ledger() override;

 private:
  os::FileSystem& files_;
  const ledger::Layout layout_;
  Clock& clock_;
  const vault::LocalVault vault_;
};

/// Who signs checkpoints, by the key in a server's directory.
Result<ledger::LogSigner> load_log_signer(os::FileSystem& files, const ledger::Layout& layout);

}  // namespace stele::server
