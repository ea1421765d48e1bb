#include "base/check.h"
#include "base/fuzz.h"
#include "sudolog/facts.h"
#include "sudolog/test_client.h"

STELE_FUZZ(sudolog_message, input) {
  namespace sudolog = stele::sudolog;
  const auto message = sudolog::parse_client_message(input);
  if (!message) return;
  const auto again = sudolog::parse_client_message(sudolog::encode_client(*message));
  CHECK(again && *again == *message);
  if (const auto* decision = std::get_if<sudolog::Decision>(&*message))
    (void)sudolog::facts_of(*decision, true);
  if (const auto* exit = std::get_if<sudolog::Exit>(&*message)) (void)sudolog::end_of(*exit);
}
