#include "server/silences.h"

#include <algorithm>
#include <span>

namespace stele::server {
namespace {

using Streams = std::span<const StreamFacts>;

event::Finding silence(std::string what) { return {"silence", std::move(what), {}, {}}; }

/// What one manifest holds, and none of nothing.
std::vector<Streams> in_parts(Streams all) {
  std::vector<Streams> parts;
  do {
    parts.push_back(all.first(std::min(all.size(), segment::kMarksMax)));
    all = all.subspan(parts.back().size());
  } while (!all.empty());
  return parts;
}

Status told(bool was_taken) {
  if (was_taken) return {};
  return fail(Code::kBusy, "too much waits for the server's own stream");
}

}  // namespace

// Ascending by stream, as manifests have them.
std::vector<StreamFacts> Silences::open_streams_of(const std::string& host) const {
  std::map<segment::HostKeyId, bool> is_its_key;
  std::vector<StreamFacts> all = streams_.open_streams();
  std::erase_if(all, [&](const StreamFacts& stream) {
    const auto [at, is_new] = is_its_key.try_emplace(stream.owner, false);
    if (is_new) at->second = host_of_(stream.owner) == host;
    return !at->second;
  });
  std::sort(all.begin(), all.end(),
            [](const StreamFacts& a, const StreamFacts& b) { return a.id < b.id; });
  return all;
}

Status Silences::fell(const std::string& host, WallTime since) {
  TRY_VOID(streams_.catch_up());
  const auto open = open_streams_of(host);
  const std::string what = host + " says nothing since " + rfc3339(since);
  for (const Streams part : in_parts(open)) {
    OwnStream::Marks marks;
    std::vector<event::Body> bodies{silence(what)};
    for (const StreamFacts& stream : part) {
      const segment::Standing standing = stream.standing();
      bodies.emplace_back(event::Finding{"cut", what + ": nothing came behind this segment",
                                         stream.id, standing.next_sequence - 1});
      marks.cut.push_back(standing);
    }
    TRY_VOID(told(own_.mark(std::move(marks), std::move(bodies))));
  }
  return {};
}

Status Silences::withdraw(const std::vector<StreamFacts>& open, const std::string& what) {
  for (const Streams part : in_parts(open)) {
    OwnStream::Marks marks;
    for (const StreamFacts& stream : part) marks.heard.push_back(stream.id);
    TRY_VOID(told(own_.mark(std::move(marks), {silence(what)})));
  }
  return {};
}

// What was told of a moment ago need not stand in the ledger yet: all that are open are named.
Status Silences::is_over(const std::string& host, WallTime since) {
  TRY_VOID(streams_.catch_up());
  return withdraw(open_streams_of(host),
                  host + " is heard again; it said nothing since " + rfc3339(since));
}

Status Silences::is_heard_first(const std::string& host) {
  TRY_VOID(streams_.catch_up());
  auto open = open_streams_of(host);
  std::erase_if(open, [](const StreamFacts& stream) { return !stream.cut; });
  if (open.empty()) return {};
  return withdraw(open, host + " is heard again; its streams had been taken for cut");
}

}  // namespace stele::server
