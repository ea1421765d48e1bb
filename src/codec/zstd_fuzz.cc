// Hostile compressed pieces stay within their bound; and whatever goes in, in whatever pieces,
// comes out.
#include <algorithm>

#include "base/check.h"
#include "base/fuzz.h"
#include "codec/zstd.h"

STELE_FUZZ(zstd_stream, input) {
  using namespace stele;
  using namespace stele::codec;
  constexpr size_t kBytesMax = size_t{1} << 16;

  Decompressor hostile;
  Bytes out;
  const size_t half = input.size() / 2;
  for (ByteSpan piece : {input, input.first(half), input.subspan(half)}) {
    const size_t before = out.size();
    const Status status = hostile.decompress(piece, kBytesMax, out);
    CHECK(out.size() - before <= (status ? kBytesMax : 0));
    if (!status) hostile.restart();
  }

  Compressor compressor(1, 10);
  Decompressor decompressor;
  const size_t step = input.empty() ? 1 : 1 + input[0];
  for (size_t i = 0; i < input.size(); i += step) {
    const ByteSpan piece = input.subspan(i, std::min(step, input.size() - i));
    if (piece[0] % 16 == 0) compressor.set_level(1 + piece[0] % 3);
    if (piece[0] % 16 == 1) {
      compressor.restart();
      decompressor.restart();
    }
    Bytes small, large;
    CHECK(compressor.compress(piece, small));
    CHECK(decompressor.decompress(small, piece.size(), large));
    CHECK(equal(large, piece));
  }
}
