// What sudo says of a command, as stele's events say it. All of it is sudo's word.
#pragma once

#include "event/event.h"
#include "sudolog/message.h"

namespace stele::sudolog {

inline constexpr size_t kFactBytesMax = 4096;  // of one string
inline constexpr size_t kArgumentsMax = 4096, kArgumentBytesMax = size_t{28} << 10;

struct Facts {
  event::Sudo sudo;
  event::WindowSize size;
  std::string asked_in;          // the directory that it was asked for in
  std::vector<std::string> cut;  // what was too long to be kept, by sudo's word for it
};

/// `inside`: it is of a command that runs already.
Facts facts_of(const Decision& decision, bool inside);

/// How a command ended. kCorrupt: a status that no command has.
Result<event::End> end_of(const Exit& exit);

}  // namespace stele::sudolog
