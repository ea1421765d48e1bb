// RecipientsBook: whom this host seals for (docs/formats/agent-state.md).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "ledger/recipients_list.h"
#include "os/file_system.h"

namespace stele::agent {

/// hear() is one thread's; the others any thread's. Outlives every sealer.
class RecipientsBook {
 public:
  /// Without a rule: no more than a notice.
  using Tell = std::function<void(const event::Finding&)>;
  /// GET /v1/recipients: the signed list in force at the server.
  using Fetch = std::function<Result<Bytes>()>;

  /// `path`: the list that is believed. `policy`: the pinned key. kUnauthentic: it did not sign
  /// what lies there; a person has to look.
  static Result<std::unique_ptr<RecipientsBook>> open(os::FileSystem& files, std::string path,
                                                      receipt::VerifierKey policy, Tell tell);

  segment::SealFor seal_for();
  /// Of the signed list that is believed.
  Hash hash() const;

  /// The server says which list is in force. Where that is another one, it is fetched, and believed
  /// if the policy key signed it and it is newer; otherwise the one before goes on, and that is
  /// told, once.
  void hear(const Hash& in_force, const Fetch& fetch);

 private:
  using Current = std::shared_ptr<const ledger::SignedRecipients>;
  RecipientsBook(os::FileSystem& files, std::string path, receipt::VerifierKey policy, Tell tell,
                 Current current)
      : files_(files),
        path_(std::move(path)),
        policy_(std::move(policy)),
        tell_(std::move(tell)),
        current_(std::move(current)) {}
  Current current() const;
  Status offer(Bytes note);

  os::FileSystem& files_;
  const std::string path_;
  const receipt::VerifierKey policy_;
  const Tell tell_;
  std::string told_;          // hear()'s
  mutable std::mutex mutex_;  // guards what follows
  Current current_;
};

}  // namespace stele::agent
