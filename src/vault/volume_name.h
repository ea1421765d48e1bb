// The names of volumes (docs/formats/volume.md).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stele::vault {

/// A volume's name: the index of its first leaf, and how many torn predecessors began there too.
struct VolumeName {
  uint64_t first_index = 0;
  uint32_t attempt = 0;
  auto operator<=>(const VolumeName&) const = default;
};
/// "000000000123.vol", "000000000123.1.vol"
std::string to_string(const VolumeName& name);
std::optional<VolumeName> parse_volume_name(std::string_view text);

}  // namespace stele::vault
