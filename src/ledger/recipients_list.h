// The recipients list: who may read which lane, signed by the policy key (docs/formats/ledger.md,
// "Recipients list").
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "crypto/age.h"
#include "event/event.h"
#include "receipt/note.h"
#include "segment/sealer.h"

namespace stele::ledger {

enum class Role { kAuditor, kRecovery, kServer };
std::string_view role_name(Role role);

struct ListedRecipient {
  event::Lane lane = event::Lane::kFacts;
  crypto::Recipient recipient;
  Role role = Role::kAuditor;
  bool operator==(const ListedRecipient&) const = default;
};

struct RecipientsList {
  std::string origin;
  uint64_t serial = 1;
  std::vector<ListedRecipient> entries;

  bool has_recovery() const;
  /// Adds a recipient to every lane; kExists if it stands in all of them.
  Status add(const crypto::Recipient& recipient, Role role);
  bool operator==(const RecipientsList&) const = default;
};

/// The text that is signed, without signature.
std::string encode(const RecipientsList& list);
Result<RecipientsList> parse_recipients_list(std::string_view text);

/// Opens the signed list; kUnauthentic unless the policy key signed it.
Result<RecipientsList> open_recipients_list(ByteSpan note, const receipt::VerifierKey& policy);

/// For the sealer: the list's lanes, and the hash of the signed note they come from.
segment::Recipients sealing_recipients(const RecipientsList& list, ByteSpan note);

/// A list that the policy key signed: the note, and what it says.
struct SignedRecipients {
  Bytes note;
  RecipientsList list;
  segment::Recipients sealing;
  const Hash& hash() const { return sealing.list_hash; }
};
/// For sealers: it keeps the whole alive.
std::shared_ptr<const segment::Recipients> sealing_of(std::shared_ptr<const SignedRecipients> all);
inline constexpr size_t kRecipientsListBytesMax = size_t{64} << 10;

/// kUnauthentic unless the policy key signed it.
Result<SignedRecipients> open_signed_recipients(Bytes note, const receipt::VerifierKey& policy);

/// Lists never go back: kConflict if `offered` is older than `believed`, or has its serial and is
/// another; kInvalid: it is another log's.
Status check_succession(const SignedRecipients& believed, const SignedRecipients& offered);

}  // namespace stele::ledger
