// The start of a session that sudo's log protocol tells of, and who it is of.
#pragma once

#include "os/account.h"
#include "sudolog/facts.h"

namespace stele::agent {

/// What lets such a session begin.
inline constexpr const char* kSudoService = "sudo";

/// Who is at the other end of a connection of sudo's log protocol.
struct SudoClient {
  std::string name;     // its certificate's, printable; empty: a program of root's on this host
  std::string address;  // IP, of one with a certificate
  bool is_elsewhere() const { return !name.empty(); }
};

/// Who a session of sudo's is of: what sudo says, and what the user database has of that name,
/// unless it is another host's name.
struct Submitter {
  std::string name;
  os::Account account;
  bool is_elsewhere = false;
};
Submitter submitter_of(const event::Sudo& sudo, const SudoClient& client);

/// Stands for all accounts of other hosts where a number has to: nobody's, on any host.
inline constexpr uint32_t kUidElsewhere = 65534;

/// sudo's word, and that of the user database of a name that sudo said: claims, all of them. Of
/// another host nothing is said but what sudo says. `program`: what the client calls itself.
event::Start sudo_start(const sudolog::Facts& facts, const Submitter& who, const SudoClient& client,
                        const std::string& program, event::InputPolicy input);

/// What a client says, as one short line that does nothing to a terminal or a journal.
std::string printable(const std::string& text);

}  // namespace stele::agent
