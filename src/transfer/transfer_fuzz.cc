// Hostile bytes in the pipes of a copy: each of them is kept, or counted by a digest of exactly it,
// in order, however the bytes are cut.
#include <array>

#include "base/check.h"
#include "base/fuzz.h"
#include "crypto/sha256.h"
#include "transfer/follower.h"

namespace {

using namespace stele;
using event::Piped;

void check_covers(const std::vector<event::Body>& bodies, Piped::Pipe pipe, ByteSpan bytes) {
  for (const event::Body& body : bodies) {
    if (const auto* piped = std::get_if<Piped>(&body)) {
      CHECK(piped->pipe == pipe && piped->bytes.size() <= bytes.size());
      CHECK(equal(piped->bytes, bytes.first(piped->bytes.size())));
      bytes = bytes.subspan(piped->bytes.size());
    } else if (const auto* elided = std::get_if<event::Elided>(&body)) {
      CHECK(elided->pipe == pipe && elided->bytes > 0 && elided->bytes <= bytes.size());
      CHECK(elided->hash == crypto::sha256(bytes.first(elided->bytes)));
      bytes = bytes.subspan(elided->bytes);
    } else {
      CHECK(std::holds_alternative<event::Transfer>(body));
    }
  }
  CHECK(bytes.empty());
}

}  // namespace

/// The first byte chooses the protocol; then runs: a byte with the pipe and the size, and so many.
STELE_FUZZ(transfer, input) {
  if (input.empty()) return;
  const auto follower = input[0] % 3 == 0   ? transfer::follow_sftp()
                        : input[0] % 3 == 1 ? transfer::follow_scp(true)
                                            : transfer::follow_scp(false);
  ByteReader in(input.subspan(1));
  while (!in.done()) {
    const uint8_t head = in.u8();
    const auto pipe = static_cast<Piped::Pipe>(head % 3);
    const ByteSpan bytes = in.bytes(std::min<size_t>(head / 3, in.rest().size()));
    check_covers(follower->take(pipe, bytes), pipe, bytes);
  }
  (void)follower->finish();
}
