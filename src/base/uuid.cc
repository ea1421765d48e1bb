#include "base/uuid.h"

#include <algorithm>

#include "base/hex.h"

namespace stele {

StreamId make_uuid_v7(WallTime now, const RandomSource& random) {
  StreamId id{};
  random(id);
  const auto ms = static_cast<uint64_t>(micros(now) / 1000);
  for (int i = 0; i < 6; ++i) id[i] = static_cast<uint8_t>(ms >> (40 - 8 * i));
  id[6] = static_cast<uint8_t>(0x70 | (id[6] & 0x0f));
  id[8] = static_cast<uint8_t>(0x80 | (id[8] & 0x3f));
  return id;
}

std::string to_string(const StreamId& id) {
  std::string text = to_hex(id);
  for (size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
  return text;
}

Result<StreamId> parse_stream_id(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '-');
  auto bytes = from_hex(digits);
  StreamId id{};
  if (bytes && bytes->size() == id.size()) {
    std::copy(bytes->begin(), bytes->end(), id.begin());
    if (to_string(id) == text) return id;
  }
  return fail(Code::kInvalid,
              "not a session id (a UUID such as 0197a3b2-0000-7000-8000-000000000000)");
}

}  // namespace stele
