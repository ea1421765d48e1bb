#include "event/event.h"

namespace stele::event {

std::string_view lane_name(Lane lane) {
  switch (lane) {
    case Lane::kFacts:
      return "facts";
    case Lane::kOutput:
      return "output";
    case Lane::kInput:
      return "input";
  }
  return "?";
}

std::string_view input_policy_name(InputPolicy policy) {
  switch (policy) {
    case InputPolicy::kAll:
      return "all";
    case InputPolicy::kRedact:
      return "redact";
    case InputPolicy::kNone:
      return "none";
  }
  return "?";
}

std::optional<InputPolicy> parse_input_policy(std::string_view name) {
  for (InputPolicy policy : {InputPolicy::kAll, InputPolicy::kRedact, InputPolicy::kNone}) {
    if (input_policy_name(policy) == name) return policy;
  }
  return std::nullopt;
}

}  // namespace stele::event
