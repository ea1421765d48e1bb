// The word that a mistyped one was meant to be.
#pragma once

#include <span>
#include <string_view>

namespace stele::policy {

/// The known word with the fewest letters different; empty where more than a third are.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

}  // namespace stele::policy
