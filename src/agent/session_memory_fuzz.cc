#include "agent/session_memory.h"
#include "base/check.h"
#include "base/fuzz.h"

namespace {
constexpr const char* kBoot = "5f0c2a91-7c1e-4a31-9d0b-0b6f3c1a2e44";
}

// What is taken for a session has one spelling.
STELE_FUZZ(session_memory, bytes) {
  using namespace stele;
  const auto session = agent::parse_session(as_text(bytes), kBoot);
  if (session) CHECK(agent::encode(*session, kBoot) == as_text(bytes));
}
