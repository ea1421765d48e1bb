// Hostile CBOR: what is accepted is, read piece by piece and written again, the same bytes; nothing
// shorter is an item.
#include "base/check.h"
#include "base/fuzz.h"
#include "codec/cbor.h"

namespace {

using namespace stele;
using namespace stele::codec;

CborType next_type(const CborReader& in) { return static_cast<CborType>(in.rest()[0] >> 5); }

void copy(CborReader& in, CborWriter& out) {
  switch (next_type(in)) {
    case CborType::kUnsigned:
      return out.unsigned_integer(in.unsigned_integer().value());
    case CborType::kNegative:
      if (const auto number = in.integer()) return out.integer(*number);
      break;
    case CborType::kBytes:
      return out.bytes(in.bytes().value());
    case CborType::kText:
      return out.text(in.text().value());
    case CborType::kArray: {
      const uint64_t items = in.array().value();
      out.array(items);
      for (uint64_t i = 0; i < items; ++i) copy(in, out);
      return;
    }
    case CborType::kMap: {
      const uint64_t pairs = in.map().value();
      out.map(pairs);
      for (uint64_t i = 0; i < 2 * pairs; ++i) copy(in, out);
      return;
    }
    case CborType::kTag:
    case CborType::kOther:
      if (const auto boolean = in.boolean()) return out.boolean(*boolean);
      break;
  }
  out.encoded(in.skip_item().value());
}

}  // namespace

STELE_FUZZ(cbor_item, input) {
  CborReader reader(input);
  const auto item = reader.skip_item();
  if (!item) {
    CHECK(!item.error().context.empty() && reader.rest().size() == input.size());
    return;
  }
  CHECK(equal(*item, input.first(item->size())));
  CHECK(item->size() + reader.rest().size() == input.size());
  CHECK(!CborReader(item->first(item->size() - 1)).skip_item());

  Bytes again;
  CborWriter writer(again);
  CborReader second(*item);
  copy(second, writer);
  CHECK(second.done() && equal(again, *item));
}
