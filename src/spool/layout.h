// Where things lie in a spool directory, and how they are named (docs/formats/spool.md).
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/uuid.h"

namespace stele::spool {

using stele::to_string;  // of stream ids, beside those of names

/// A spool file: its number, and where the one before it ends.
struct FileName {
  uint64_t number = 0;
  uint64_t previous_end = 0;
  auto operator<=>(const FileName&) const = default;
};
/// "000000000012-000000004096.spool"
std::string to_string(const FileName& name);
std::optional<FileName> parse_file_name(std::string_view text);

/// A file in aside/: "<stream>-0000000005.why", or ".spool" or, where there was one, ".1.spool".
struct AsideName {
  enum class What { kWhy, kRecords };
  StreamId stream{};
  uint32_t sequence = 0;
  What what = What::kWhy;
  uint32_t attempt = 0;  // of kRecords
  auto operator<=>(const AsideName&) const = default;
};
std::string to_string(const AsideName& name);
std::optional<AsideName> parse_aside_name(std::string_view text);

struct Layout {
  std::string directory;

  std::string lock() const { return directory + "/lock"; }
  std::string state() const { return directory + "/state"; }
  std::string ballast() const { return directory + "/ballast"; }
  std::string file(const FileName& name) const { return directory + "/" + to_string(name); }
  std::string aside() const { return directory + "/aside"; }
  std::string aside(const std::string& name) const { return aside() + "/" + name; }
};

}  // namespace stele::spool
