#include "s3/json_read.h"

#include <boost/json.hpp>

namespace stele::s3 {

Result<std::map<std::string, std::string>> parse_json_strings(ByteSpan text) {
  constexpr size_t kBytesMax = 64 << 10, kDepthMax = 8;
  if (text.size() > kBytesMax) return fail(Code::kLimit, "JSON: larger than 64 KiB");
  boost::json::parse_options options;
  options.max_depth = kDepthMax;
  boost::json::error_code error;
  const auto value = boost::json::parse(
      boost::json::string_view(reinterpret_cast<const char*>(text.data()), text.size()), error, {},
      options);
  if (error == boost::json::error::too_deep) return fail(Code::kLimit, "JSON: nested too deeply");
  if (error) return fail(Code::kCorrupt, "JSON: " + error.message());
  if (!value.is_object()) return fail(Code::kCorrupt, "JSON: not an object");
  std::map<std::string, std::string> found;
  for (const auto& member : value.get_object()) {
    if (!member.value().is_string()) continue;
    const auto& string = member.value().get_string();
    found.insert_or_assign(std::string(member.key()), std::string(string.data(), string.size()));
  }
  return found;
}

}  // namespace stele::s3
