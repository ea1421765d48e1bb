#include "server/routes.h"

namespace stele::server {
namespace {

constexpr std::string_view kFile = "{file}";

constexpr Route kRoutes[] = {
    {RouteId::kPostSegments, "POST", "/v1/segments", Door::kHost, std::nullopt, ""},
    {RouteId::kEnrol, "POST", "/v1/enroll", Door::kNobody, std::nullopt, "enrol"},
    {RouteId::kRenew, "POST", "/v1/certificates", Door::kHost, std::nullopt, "certificate"},
    {RouteId::kHeartbeat, "POST", "/v1/heartbeats", Door::kHost, std::nullopt, ""},
    {RouteId::kRecipients, "GET", "/v1/recipients", Door::kHost, std::nullopt, "recipients"},
    {RouteId::kHealth, "GET", "/healthz", Door::kNobody, std::nullopt, ""},
    {RouteId::kReady, "GET", "/readyz", Door::kNobody, std::nullopt, ""},
    {RouteId::kMetrics, "GET", "/metrics", Door::kNobody, std::nullopt, ""},
    {RouteId::kLog, "GET", "/log/{file}", Door::kNobody, std::nullopt, ""},
    {RouteId::kSessions, "GET", "/v1/sessions", Door::kToken, Action::kListSessions, "sessions"},
    {RouteId::kSegments, "GET", "/v1/sessions/{stream}/segments", Door::kToken,
     Action::kReadSegments, "segments"},
    {RouteId::kFacts, "GET", "/v1/sessions/{stream}/facts", Door::kToken, Action::kReadFacts,
     "facts"},
    {RouteId::kFronts, "GET", "/v1/facts", Door::kToken, Action::kReadFacts, "facts"},
    {RouteId::kLeaves, "GET", "/v1/segments", Door::kToken, Action::kReadSegments, "leaves"},
    {RouteId::kTail, "GET", "/v1/tails/{stream}", Door::kToken, Action::kReadProofs, "tail"},
    {RouteId::kHosts, "GET", "/v1/hosts", Door::kToken, Action::kListHosts, "hosts"},
    {RouteId::kProof, "GET", "/v1/proof", Door::kToken, Action::kReadProofs, "proof"},
    {RouteId::kKeys, "GET", "/v1/keys", Door::kToken, Action::kReadProofs, "keys"},
    {RouteId::kPredecessor, "GET", "/v1/predecessor", Door::kToken, Action::kReadProofs,
     "predecessor"},
    {RouteId::kPolicies, "GET", "/v1/policies", Door::kToken, Action::kReadProofs, "policies"},
    {RouteId::kAbsent, "GET", "/v1/absent", Door::kToken, Action::kReadProofs, "absent"},
    {RouteId::kHolds, "GET", "/v1/holds", Door::kToken, Action::kSeeHolds, "holds"},
    {RouteId::kAskHold, "POST", "/v1/holds", Door::kToken, Action::kAskHold, "ask-hold"},
    {RouteId::kApproveHold, "POST", "/v1/holds/{hold}/approval", Door::kToken, Action::kApprove,
     "approve-hold"},
    {RouteId::kReleaseHold, "POST", "/v1/holds/{hold}/release", Door::kToken, Action::kAskHold,
     "release-hold"},
};

/// What stands in the place of the braces; nullopt: it does not fit.
std::optional<std::string_view> match(std::string_view pattern, std::string_view path) {
  const size_t open = pattern.find('{');
  if (open == std::string_view::npos)
    return pattern == path ? std::optional(std::string_view()) : std::nullopt;
  const size_t close = pattern.find('}') + 1;
  const std::string_view before = pattern.substr(0, open), after = pattern.substr(close);
  if (path.size() < before.size() + after.size() || !path.starts_with(before) ||
      !path.ends_with(after))
    return std::nullopt;
  const std::string_view part =
      path.substr(before.size(), path.size() - before.size() - after.size());
  const bool may_have_slashes = pattern.substr(open, close - open) == kFile;
  if (part.empty() || (!may_have_slashes && part.find('/') != std::string_view::npos))
    return std::nullopt;
  return part;
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

std::optional<FoundRoute> find_route(std::string_view method, std::string_view path) {
  if (method == "HEAD") method = "GET";
  for (const Route& route : kRoutes) {
    if (route.method != method) continue;
    if (const auto part = match(route.pattern, path)) return FoundRoute{&route, *part};
  }
  return std::nullopt;
}

}  // namespace stele::server
