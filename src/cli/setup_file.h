// Changing another program's configuration: what would change is shown, what was there stays beside
// it, and what that program would not do as it is meant is taken back.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/common.h"

namespace stele::cli {

std::vector<std::string> lines_of(std::string_view text);

/// Line by line, what is there (nothing: no such file) and what is to be, from the first line that
/// differs to the last; empty: the same.
std::string difference(const std::string& path, const std::optional<std::string>& before,
                       const std::string& after);

/// A configuration; nothing: there is none.
Result<std::optional<std::string>> read_configuration(Context& context, const std::string& path);

/// Writes it, with what was there in PATH.before; both for everybody to read, unless that was not.
/// If it does not pass `check`, all is as it was.
Status put_in_force(Context& context, const std::string& path,
                    const std::optional<std::string>& before, const std::string& after,
                    const std::function<Status()>& check);

/// Where tools/install has put what another program loads: PREFIX/lib/stele, this program being in
/// PREFIX/bin. kInvalid: it is elsewhere.
Result<std::string> installed_library(const std::string& name);

/// Without an agent whoever is to be recorded would be locked out. `who`: "nobody could log in".
Status check_agent(const std::string& who);

}  // namespace stele::cli
