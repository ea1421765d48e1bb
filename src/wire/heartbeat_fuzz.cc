#include "base/check.h"
#include "base/fuzz.h"
#include "wire/heartbeat.h"

STELE_FUZZ(wire_heartbeat, input) {
  if (const auto heartbeat = stele::wire::parse_heartbeat(input)) {
    const stele::Bytes again = stele::wire::encode(*heartbeat);
    CHECK(stele::equal(again, input.first(again.size())));
  }
  if (const auto answer = stele::wire::parse_heartbeat_answer(input)) {
    const stele::Bytes again = stele::wire::encode(*answer);
    CHECK(stele::equal(again, input.first(again.size())));
    (void)stele::wire::clock_offset(stele::WallTime(), answer->wall, answer->wall);
  }
}
