// The known word that a mistyped one is nearest to.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace stele::config {

/// By edit distance; empty where none is near enough to be meant (over a third of its letters).
std::string nearest(std::string_view word, const std::set<std::string, std::less<>>& known);

}  // namespace stele::config
