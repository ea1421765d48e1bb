// What sudo tells its plugins of a command: lists of "key=value" (sudo_plugin(5)), made into what a
// recorder says.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/event.h"
#include "wire/session.h"

namespace stele::sudo_plugin {

using Words = std::vector<std::string>;

/// A list that ends with a null pointer; nullptr: an empty one.
Words words_of(char* const* list);
/// What follows "key=" in the first word that begins so; empty: none does.
std::string value_of(const Words& words, std::string_view key);

/// Somebody asked sudo for a command.
struct Request {
  Words user;         // sudo's user_info: who, and where
  Words command;      // sudo's command_info: what, and as whom; empty: it did not come so far
  Words argv;         // the command with its arguments; at least one
  Words environment;  // of whoever asked
};

/// In facts of sudo's own, as the next but one. `why`: of what was refused or failed. `plugin`: who
/// decided. Of a command line, 28 KiB are kept; of a longer one `why` says it as well.
event::Sudo sudo_of(const Request& request, event::Sudo::What what, std::string why,
                    std::string plugin);

/// What begins the session. Claims of the environment are those of the person who asked.
wire::Hello hello_of(const Request& request);

/// A command that sudo saw executed inside.
event::Sudo command_of(const Words& command_info, Words argv);

}  // namespace stele::sudo_plugin
