// For tests only: recipients lists, signed as `stele key grant` does it.
#pragma once

#include <gtest/gtest.h>

#include "ledger/keys.h"
#include "ledger/layout.h"
#include "ledger/recipients_list.h"

namespace stele::ledger {

inline receipt::NoteSigner policy_signer(os::FileSystem& files, const Layout& layout) {
  auto key = load_private_key(files, layout.policy_key()).value();
  return receipt::NoteSigner::make(key.name, std::move(key.key)).value();
}

inline SignedRecipients list_in_force(os::FileSystem& files, const Layout& layout) {
  return open_signed_recipients(files.read(layout.recipients(), kRecipientsListBytesMax).value(),
                                load_verifier_key(files, layout.policy_vkey()).value())
      .value();
}

/// The list in force with this serial, and one more recipient.
inline Bytes next_list(os::FileSystem& files, const Layout& layout, uint64_t serial,
                       const receipt::NoteSigner& signer, const crypto::Recipient& newcomer) {
  RecipientsList list = list_in_force(files, layout).list;
  list.serial = serial;
  EXPECT_TRUE(list.add(newcomer, Role::kAuditor).has_value());
  const std::string note = signer.sign(encode(list)).value();
  return Bytes(note.begin(), note.end());
}

}  // namespace stele::ledger
