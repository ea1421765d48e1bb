#include "merkle/bundle.h"

namespace stele::merkle {

Status append_entry(Bytes& bundle, ByteSpan entry) {
  if (entry.size() > kEntryBytesMax) {
    return fail(Code::kLimit,
                "an entry of " + std::to_string(entry.size()) + " bytes: 65,535 are the most");
  }
  ByteWriter writer(bundle);
  writer.u16(static_cast<uint16_t>(entry.size()));
  writer.bytes(entry);
  return {};
}

Result<std::vector<ByteSpan>> parse_bundle(ByteSpan bytes, uint16_t width) {
  ByteReader reader(bytes);
  std::vector<ByteSpan> entries;
  entries.reserve(width);
  for (uint16_t i = 0; i < width; ++i) entries.push_back(reader.bytes(reader.u16()));
  if (!reader.done()) {
    return fail(Code::kCorrupt,
                "a bundle that is not exactly " + std::to_string(width) + " entries");
  }
  return entries;
}

}  // namespace stele::merkle
