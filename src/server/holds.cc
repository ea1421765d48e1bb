#include "server/holds.h"

namespace stele::server {
namespace {

constexpr size_t kFileBytesMax = size_t{256} << 10;

}  // namespace

std::string Holds::path(const StreamId& id) const {
  return layout_.directory + "/holds/" + to_string(id);
}

Result<Hold> Holds::find(const StreamId& id) const {
  TRY(const Bytes text, files_.read(path(id), kFileBytesMax));
  auto hold = wire::parse_hold(as_text(text));
  if (!hold) return fail(std::move(hold).error().within(path(id)));
  if (hold->id != id) return fail(Code::kCorrupt, path(id) + " is another's file");
  return hold;
}

Result<std::vector<Hold>> Holds::all() const {
  const auto names = files_.list(layout_.directory + "/holds");
  if (!names && names.error().code == Code::kNotFound) return std::vector<Hold>();
  if (!names) return fail(names.error());
  std::vector<Hold> holds;
  for (const std::string& name : *names) {
    const auto id = parse_stream_id(name);
    if (!id) continue;
    TRY(Hold hold, find(*id));
    holds.push_back(std::move(hold));
  }
  return holds;
}

Result<Hold> Holds::approved(Hold hold, const std::string& by, WallTime at) {
  const Hold::Step now = hold.state();
  if (now != Hold::Step::kAsked && now != Hold::Step::kReleaseAsked)
    return fail(Code::kConflict, "the hold is " + std::string(wire::step_name(now)) +
                                     ": nothing of it waits for approval");
  if (hold.steps.back().by == by)
    return fail(Code::kPermission, "who asked does not approve: it takes somebody else");
  hold.steps.push_back({by, at, ""});
  return hold;
}

Result<Hold> Holds::release_asked(Hold hold, const std::string& by, WallTime at,
                                  const std::string& why) {
  TRY_VOID(wire::check_reason(why));
  if (hold.state() != Hold::Step::kPlaced)
    return fail(Code::kConflict, "the hold is " + std::string(wire::step_name(hold.state())) +
                                     ", and not in force without a release that waits");
  hold.steps.push_back({by, at, why});
  return hold;
}

Status Holds::store(const Hold& hold) {
  const std::lock_guard lock(mutex_);
  TRY_VOID(files_.make_directories(layout_.directory + "/holds"));
  return files_.replace(path(hold.id), as_bytes(wire::encode(hold)));
}

}  // namespace stele::server
