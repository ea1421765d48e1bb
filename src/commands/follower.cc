#include "commands/follower.h"

#include "commands/process_events.h"
#include "commands/watch.h"
#include "os/hardening.h"

namespace stele::commands {

Result<Following> start_following(const Follower::Sink& sink,
                                  const std::vector<Follower::Known>& known, const Pins* pins) {
  auto watch = Watch::start(sink, known, pins);
  if (watch) return Following{*std::move(watch), ""};
  auto events = ProcessEvents::start(sink, known);
  if (events) return Following{*std::move(events), watch.error().message()};
  TRY_VOID(os::give_up_watching());
  return fail(std::move(watch).error().within(events.error().message()));
}

}  // namespace stele::commands
