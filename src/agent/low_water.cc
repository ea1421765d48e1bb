#include "agent/low_water.h"

namespace stele::agent {

// Recovered is what has an eighth more than the mark: a level that wavers at it is told of once.
std::optional<std::string> LowWater::look(uint64_t bytes_left) {
  bool is_news = false;
  for (Mark& mark : marks_) {
    if (bytes_left >= mark.bytes + mark.bytes / 8) mark.was_told = false;
    if (bytes_left < mark.bytes) is_news = !std::exchange(mark.was_told, true) || is_news;
  }
  if (!is_news) return std::nullopt;
  return "spool: only " + std::to_string(bytes_left) +
         " bytes are left; when it is full, sessions stop";
}

}  // namespace stele::agent
