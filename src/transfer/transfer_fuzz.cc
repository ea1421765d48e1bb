// Hostile bytes in the pipes of a copy: each of them is kept, or counted by a digest of it and of
// what was elided before it, in order, however the bytes are cut.
#include <algorithm>

#include "base/check.h"
#include "base/fuzz.h"
#include "crypto/sha256.h"
#include "transfer/follower.h"

namespace {

using namespace stele;
using event::Piped;

/// Some content, so far; of which file, only the protocol says.
struct Prefix {
  Piped::Pipe pipe;
  uint64_t bytes;
  crypto::Sha256 hash;
};

/// The digest is of these bytes behind those of one of the prefixes, or of these alone.
void check_digest(const event::Elided& elided, ByteSpan bytes, std::vector<Prefix>& prefixes) {
  Prefix now{elided.pipe, 0, {}};
  const auto takes = [&](const Prefix& before) {
    now = before;
    now.bytes += bytes.size();
    now.hash.update(bytes);
    return now.hash.finish() == elided.hash;
  };
  const bool is_found = elided.before == 0 ? takes(Prefix(now))
                                           : std::ranges::any_of(prefixes, [&](const Prefix& each) {
                                               return each.pipe == elided.pipe &&
                                                      each.bytes == elided.before && takes(each);
                                             });
  CHECK(is_found);
  prefixes.push_back(now);
}

void check_covers(const std::vector<event::Body>& bodies, Piped::Pipe pipe, ByteSpan bytes,
                  std::vector<Prefix>& prefixes) {
  for (const event::Body& body : bodies) {
    if (const auto* piped = std::get_if<Piped>(&body)) {
      CHECK(piped->pipe == pipe && piped->bytes.size() <= bytes.size());
      CHECK(equal(piped->bytes, bytes.first(piped->bytes.size())));
      bytes = bytes.subspan(piped->bytes.size());
    } else if (const auto* elided = std::get_if<event::Elided>(&body)) {
      CHECK(elided->pipe == pipe && elided->bytes > 0 && elided->bytes <= bytes.size());
      check_digest(*elided, bytes.first(elided->bytes), prefixes);
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
  std::vector<Prefix> prefixes;
  ByteReader in(input.subspan(1));
  while (!in.done()) {
    const uint8_t head = in.u8();
    const auto pipe = static_cast<Piped::Pipe>(head % 3);
    const ByteSpan bytes = in.bytes(std::min<size_t>(head / 3, in.rest().size()));
    check_covers(follower->take(pipe, bytes), pipe, bytes, prefixes);
  }
  (void)follower->finish();
}
