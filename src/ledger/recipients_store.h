// RecipientsStore: a ledger's recipients list, and every one that was in force before it
// (docs/formats/ledger.md, "Recipients list").
#pragma once

#include <memory>
#include <set>

#include "ledger/layout.h"
#include "ledger/recipients_list.h"
#include "os/file_system.h"

namespace stele::ledger {

/// Keeps a signed list for ever, under its hash; durable when it returns.
Status keep_recipients_list(os::FileSystem& files, const Layout& layout, ByteSpan note);

/// Not thread-safe. The policy key is that of the moment when it was opened.
class RecipientsStore {
 public:
  /// kUnauthentic: the policy key did not sign the list that lies there.
  static Result<RecipientsStore> open(os::FileSystem& files, const Layout& layout);

  /// Looks again at what lies there. A list comes into force once it is kept. An error: it is not
  /// to be believed, or cannot be kept or read; the one before goes on.
  Status refresh();

  /// The list in force.
  const std::shared_ptr<const SignedRecipients>& current() const { return current_; }
  /// SHA-256 of it, and of every kept one that the policy key signed.
  const std::set<Hash>& known() const { return known_; }

 private:
  RecipientsStore(os::FileSystem& files, Layout layout, receipt::VerifierKey policy)
      : files_(&files), layout_(std::move(layout)), policy_(std::move(policy)) {}
  Status take_current();
  Status take_kept();

  os::FileSystem* files_;
  Layout layout_;
  receipt::VerifierKey policy_;
  std::shared_ptr<const SignedRecipients> current_;
  std::set<Hash> known_;
  std::set<std::string> seen_;  // names in recipients.d
};

}  // namespace stele::ledger
