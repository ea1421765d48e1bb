// The start of a session that sudo's log protocol tells of, and who it is of.
#pragma once

#include "os/account.h"
#include "sudolog/facts.h"

namespace stele::agent {

/// What lets such a session begin.
inline constexpr const char* kSudoService = "sudo";

/// Who a session of sudo's is of: what sudo says, and what the user database has of that name.
struct Submitter {
  std::string name;
  os::Account account;
};
Submitter submitter_of(const event::Sudo& sudo);

/// sudo's word, and that of the user database of a name that sudo said: claims, all of them.
/// `client`: what the program calls itself.
event::Start sudo_start(const sudolog::Facts& facts, const Submitter& who,
                        const std::string& client, event::InputPolicy input);

/// What a client says, as one short line that does nothing to a terminal or a journal.
std::string printable(const std::string& text);

}  // namespace stele::agent
