#include "base/check.h"
#include "base/fuzz.h"
#include "ledger/head.h"
#include "ledger/keys.h"
#include "ledger/recipients_list.h"
#include "vault/vault.h"

// The first byte says which of the ledger's small text files the rest is. What is accepted has one
// spelling.
STELE_FUZZ(ledger_text, input) {
  if (input.empty()) return;
  const stele::ByteSpan rest = input.subspan(1);
  const std::string_view text = stele::as_text(rest);
  switch (input[0] % 5) {
    case 0:
      if (const auto head = stele::ledger::parse_head(text)) CHECK(encode(*head) == text);
      return;
    case 1:
      (void)stele::ledger::parse_private_key(rest);
      return;
    case 2:
      (void)stele::ledger::HostKeys::parse(text);
      return;
    case 3:
      if (const auto list = stele::ledger::parse_recipients_list(text))
        CHECK(encode(*list) == text);
      return;
    default:
      if (const auto name = stele::vault::parse_volume_name(text))
        CHECK(stele::vault::to_string(*name) == text);
  }
}
