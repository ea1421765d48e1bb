// The server's routes, in one table: what is not in it is answered 404
// (docs/api/openapi.yaml says the same, and a test holds the two together).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/people.h"

namespace stele::server {

enum class Door {
  kNobody,
  kToken,
  kHost
};  // who is asked for what: nothing, a token of people.md,
    // a host's certificate

enum class RouteId {
  kPostSegments,
  kEnrol,
  kRenew,
  kHeartbeat,
  kRecipients,
  kHealth,
  kReady,
  kMetrics,
  kLog,
  kSessions,
  kSegments,
  kFacts,
  kFronts,
  kLeaves,
  kTail,
  kHosts,
  kProof,
  kKeys,
  kPredecessor,
  kPolicies,
  kAbsent,
  kHolds,
  kAskHold,
  kApproveHold,
  kReleaseHold,
};

struct Route {
  RouteId id;
  std::string_view method;   // GET: HEAD too
  std::string_view pattern;  // "/v1/tails/{stream}"; "{file}" at the end: all that follows
  Door door;
  std::optional<Action> action;  // of a person
  std::string_view what;         // in the server's stream; empty: nothing is written there
};

std::span<const Route> routes();

struct FoundRoute {
  const Route* route = nullptr;
  std::string_view part;  // what stands for the name in braces; empty: there is none
};
/// nullopt: there is nothing by that method and path.
std::optional<FoundRoute> find_route(std::string_view method, std::string_view path);

}  // namespace stele::server
