// Whatever is typed and shown: what is kept was typed, in that order; all that was typed is kept or
// counted; times never go back; a hidden byte is never kept; nothing waits for ever.
#include "base/check.h"
#include "base/fuzz.h"
#include "capture/secret_filter.h"

namespace stele::capture {
namespace {

/// Reads steps off the input: a kind, a size, and that many bytes.
class Steps {
 public:
  explicit Steps(ByteSpan input) : in_(input) {}
  bool done() const { return in_.empty(); }
  uint8_t next() {
    const uint8_t byte = in_[0];
    in_ = in_.subspan(1);
    return byte;
  }
  ByteSpan bytes(size_t size) {
    const ByteSpan taken = in_.first(std::min(size, in_.size()));
    in_ = in_.subspan(taken.size());
    return taken;
  }

 private:
  ByteSpan in_;
};

struct Ledger {
  Bytes typed, kept;
  uint64_t redacted = 0, redactions = 0;
  BootTime last{};

  void take(SecretFilter& filter) {
    for (const Decided& decided : filter.take()) {
      CHECK(decided.at >= last);
      last = decided.at;
      if (const auto* bytes = std::get_if<Bytes>(&decided.what)) {
        kept.insert(kept.end(), bytes->begin(), bytes->end());
      } else {
        const uint64_t count = std::get<event::Redaction>(decided.what).bytes_rounded;
        CHECK(count > 0 && count % 16 == 0);
        redacted += count;
        ++redactions;
      }
    }
  }
};

bool is_subsequence(ByteSpan part, ByteSpan whole) {
  size_t at = 0;
  for (const uint8_t byte : whole) {
    if (at < part.size() && part[at] == byte) ++at;
  }
  return at == part.size();
}

constexpr uint8_t kHiddenMark = 0xFF;  // typed in hidden lines only: see below

STELE_FUZZ(secret_filter, input) {
  Steps steps(input);
  const auto policy = steps.done() ? event::InputPolicy::kRedact
                                   : static_cast<event::InputPolicy>(steps.next() % 2);
  SecretFilter filter(policy, 24, 80);
  Ledger ledger;
  BootTime now{Micros(1)};
  while (!steps.done()) {
    const uint8_t kind = steps.next();
    const ByteSpan bytes = steps.bytes(kind >> 3);
    switch (kind % 8) {
      case 0:
      case 1:
        filter.output(now, bytes);
        break;
      case 2:
        now += Micros(100'000) * (kind >> 3);
        filter.tick(now);
        break;
      case 3:
        filter.resize(kind >> 3, bytes.size());
        break;
      default: {
        const auto mode = static_cast<InputMode>(kind % 4 % 3);
        Bytes typed(bytes.begin(), bytes.end());
        for (uint8_t& byte : typed) {
          byte = mode == InputMode::kHidden ? kHiddenMark : byte == kHiddenMark ? 'a' : byte;
        }
        ledger.typed.insert(ledger.typed.end(), typed.begin(), typed.end());
        filter.input(now, typed, mode);
        if (filter.wants_second_look() && kind % 8 == 7) filter.written(InputMode::kHidden);
      }
    }
    ledger.take(filter);
  }
  filter.finish(now);
  ledger.take(filter);
  CHECK(!filter.deadline());
  CHECK(is_subsequence(ledger.kept, ledger.typed));
  CHECK(std::count(ledger.kept.begin(), ledger.kept.end(), kHiddenMark) == 0);
  const uint64_t lost = ledger.typed.size() - ledger.kept.size();
  CHECK(ledger.redacted >= lost && ledger.redacted <= lost + 15 * ledger.redactions);
}

}  // namespace
}  // namespace stele::capture
