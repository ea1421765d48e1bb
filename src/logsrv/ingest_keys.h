// IngestKeys: what hosts' own streams say of their keys, kept up to date as they are committed, for
// all threads of a server (docs/formats/host-stream.md).
#pragma once

#include <mutex>

#include "ledger/key_epochs.h"
#include "ledger/ledger.h"

namespace stele::logsrv {

/// Any thread.
class IngestKeys {
 public:
  /// Why a segment is not taken now, or never.
  struct Doubt {
    bool is_final = true;       // else a rotation that is still to come may make it right
    bool may_be_there = false;  // its key's time is over; it was right if it came before
    std::string why;
  };

  /// All that the ledger's host streams say, before anything is taken.
  Status read(const ledger::HostKeys& enrolled, const ledger::Ledger& ledger);

  /// The key that signed this segment; a rotation's is the one it introduces. `host`: as keys are
  /// named.
  tl::expected<ledger::KeyEpochs::Key, Doubt> signer(const ledger::HostKeys& enrolled,
                                                     const std::string& host,
                                                     const segment::View& view);
  /// Whether its key may sign this segment.
  std::optional<Doubt> check(const ledger::KeyEpochs::Key& key, const segment::Header& header,
                             const Hash& hash) const;

  /// It stands in the ledger.
  void took(const ledger::HostKeys& enrolled, const ledger::Incoming& segment,
            const ledger::Ledger& ledger);

  /// The key, if it is the one that this host signs with now, as far as its own stream has come.
  std::optional<crypto::PublicKey> newest(const ledger::HostKeys& enrolled, const std::string& host,
                                          const ledger::KeyEpochs::Named& key) const;

  /// Of a key that is introduced, or is by a rotation on its way; empty: none.
  std::string host_of(const segment::HostKeyId& key) const;

 private:
  mutable std::mutex mutex_;  // guards all
  ledger::KeyEpochs epochs_;
  std::map<std::string, segment::HostKeyId> announced_;  // each host's last, on its way
};

}  // namespace stele::logsrv
