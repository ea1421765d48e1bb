#include "ledger/recipients_store.h"

#include "base/hex.h"
#include "crypto/sha256.h"
#include "ledger/keys.h"

namespace stele::ledger {

Status keep_recipients_list(os::FileSystem& files, const Layout& layout, ByteSpan note) {
  TRY_VOID(files.make_directories(layout.kept_recipients()));
  return files.put_once(layout.kept_recipients() + "/" + to_hex(crypto::sha256(note)), note);
}

Result<RecipientsStore> RecipientsStore::open(os::FileSystem& files, const Layout& layout) {
  TRY(auto policy, load_verifier_key(files, layout.policy_vkey()));
  RecipientsStore store(files, layout, std::move(policy));
  TRY_VOID(store.refresh());
  return store;
}

Status RecipientsStore::refresh() {
  TRY_VOID(take_kept());
  return take_current();
}

Status RecipientsStore::take_current() {
  TRY(Bytes note, files_->read(layout_.recipients(), kRecipientsListBytesMax));
  if (current_ && current_->note == note) return {};
  auto offered = open_signed_recipients(std::move(note), policy_);
  if (!offered) return fail(std::move(offered).error().within(layout_.recipients()));
  if (current_) TRY_VOID(check_succession(*current_, *offered));
  TRY_VOID(keep_recipients_list(*files_, layout_, offered->note));
  current_ = std::make_shared<const SignedRecipients>(*std::move(offered));
  known_.insert(current_->hash());
  return {};
}

// What the policy key did not sign was never in force, whoever put it there.
Status RecipientsStore::take_kept() {
  const auto names = files_->list(layout_.kept_recipients());
  if (!names && names.error().code == Code::kNotFound) return {};
  if (!names) return fail(names.error());
  for (const std::string& name : *names) {
    if (seen_.contains(name)) continue;
    TRY(Bytes note, files_->read(layout_.kept_recipients() + "/" + name, kRecipientsListBytesMax));
    if (const auto kept = open_signed_recipients(std::move(note), policy_))
      known_.insert(kept->hash());
    seen_.insert(name);
  }
  return {};
}

}  // namespace stele::ledger
