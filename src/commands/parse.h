// From a record of the kernel's to events. Pure.
#pragma once

#include <string>
#include <vector>

#include "event/event.h"

namespace stele::commands {

/// What was seen of one session.
struct Seen {
  uint64_t session = 0;  // as Watch::follow() named it
  BootTime at;
  std::vector<event::Body> bodies;  // of one moment, in this order
};

/// kCorrupt: not a record (kernel_record.h). A privilege comes before the exec or exit that showed
/// it. Terminals are left as numbers' names by `terminal`.
Result<Seen> parse_record(ByteSpan record, std::string (*terminal)(uint32_t number));

}  // namespace stele::commands
