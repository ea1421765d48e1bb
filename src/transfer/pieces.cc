#include "transfer/pieces.h"

namespace stele::transfer {

void Pieces::keep(ByteSpan bytes) {
  if (bytes.empty()) return;
  auto* last = bodies_.empty() ? nullptr : std::get_if<event::Piped>(&bodies_.back());
  if (last == nullptr || last->pipe != pipe_)
    last = &std::get<event::Piped>(bodies_.emplace_back(event::Piped{pipe_, {}}));
  last->bytes.insert(last->bytes.end(), bytes.begin(), bytes.end());
}

void Pieces::elide(const Digest& digest) {
  if (digest.bytes > 0)
    bodies_.emplace_back(event::Elided{pipe_, digest.bytes, digest.before, digest.hash});
}

void Pieces::say(event::Transfer transfer) { bodies_.emplace_back(std::move(transfer)); }

}  // namespace stele::transfer
