#include "agent/recipients_book.h"

namespace stele::agent {

Result<std::unique_ptr<RecipientsBook>> RecipientsBook::open(os::FileSystem& files,
                                                             std::string path,
                                                             receipt::VerifierKey policy,
                                                             Tell tell) {
  TRY(Bytes note, files.read(path, ledger::kRecipientsListBytesMax));
  auto believed = ledger::open_signed_recipients(std::move(note), policy);
  if (!believed) return fail(std::move(believed).error().within(path));
  return std::unique_ptr<RecipientsBook>(
      new RecipientsBook(files, std::move(path), std::move(policy), std::move(tell),
                         std::make_shared<const ledger::SignedRecipients>(*std::move(believed))));
}

RecipientsBook::Current RecipientsBook::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

segment::SealFor RecipientsBook::seal_for() {
  return [this] { return ledger::sealing_of(current()); };
}

Hash RecipientsBook::hash() const { return current()->hash(); }

void RecipientsBook::hear(const Hash& in_force, const Fetch& fetch) {
  const Current before = current();
  if (before->hash() == in_force) return told_.clear();
  auto note = fetch();
  const Status taken = note ? offer(*std::move(note)) : Status(fail(note.error()));
  const std::string what =
      taken
          ? "recipients: serial " + std::to_string(current()->list.serial) + " is sealed for"
          : "recipients: the server's list is not taken, serial " +
                std::to_string(before->list.serial) + " is sealed for: " + taken.error().message();
  if (std::exchange(told_, what) != what) tell_({taken ? "" : "recipients-list", what, {}, {}});
}

// Durable before anything is sealed for it: after a crash it must not be older again.
Status RecipientsBook::offer(Bytes note) {
  TRY(auto offered, ledger::open_signed_recipients(std::move(note), policy_));
  const Current before = current();
  TRY_VOID(ledger::check_succession(*before, offered));
  if (offered.hash() == before->hash()) return {};
  TRY_VOID(files_.replace(path_, offered.note));
  auto next = std::make_shared<const ledger::SignedRecipients>(std::move(offered));
  const std::lock_guard lock(mutex_);
  current_ = std::move(next);
  return {};
}

}  // namespace stele::agent
