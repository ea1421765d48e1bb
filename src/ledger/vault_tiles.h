// The tiles of a vault's public log.
#pragma once

#include "merkle/tree.h"
#include "vault/vault.h"

namespace stele::ledger {

class VaultTiles final : public merkle::HashReader {
 public:
  explicit VaultTiles(const vault::Vault& vault) : vault_(vault) {}
  Result<Bytes> read(const merkle::Tile& tile) override {
    return vault_.get(merkle::path(tile), tile.is_bundle()
                                              ? merkle::kTileWidth * (2 + segment::kLeafBytes)
                                              : merkle::kTileBytes);
  }

 private:
  const vault::Vault& vault_;
};

}  // namespace stele::ledger
