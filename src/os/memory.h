// What of the program is in memory.
#pragma once

namespace stele::os {

/// Unmaps the pages of code and constants, the program's and its libraries'; those still needed
/// come back by themselves from the page cache. For a process that starts with much and then waits
/// for days: of some 7 MiB that starting touches, little is used again.
void release_code();

}  // namespace stele::os
