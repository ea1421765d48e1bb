// Holds as people ask for them, and as a server tells of them (docs/formats/holds.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "segment/manifest.h"

namespace stele::wire {

inline constexpr std::string_view kHoldType = "application/vnd.stele.hold-v1";

struct Hold {
  enum class Step { kAsked, kPlaced, kReleaseAsked, kReleased };
  struct Taken {
    std::string by;  // a person's name here
    WallTime at;
    std::string why;  // of what was asked
    bool operator==(const Taken&) const = default;
  };

  StreamId id{};
  std::string person;                                      // whose sessions; empty: not by person
  std::vector<StreamId> streams;                           // ascending
  std::optional<uint64_t> from_leaf;                       // exactly with a person
  std::optional<std::pair<WallTime, WallTime>> span = {};  // alone
  std::vector<Taken> steps = {};                           // in their order
  bool operator==(const Hold&) const = default;

  Step state() const { return static_cast<Step>(steps.size() - 1); }
  /// What stands in clear.
  segment::Hold in_clear() const { return {id, streams, from_leaf, span}; }
  /// "session …", "person …", "from … until …": in one line, for a person.
  std::string about() const;
};
std::string_view step_name(Hold::Step step);

std::string encode(const Hold& hold);
Result<Hold> parse_hold(std::string_view text);
/// Several, one behind the other.
Result<std::vector<Hold>> parse_holds(std::string_view text);
/// What somebody asks for: without an id, and without steps; and why.
struct HoldRequest {
  Hold hold;
  std::string why;
};
std::string encode(const HoldRequest& request);
/// kInvalid: it is none.
Result<HoldRequest> parse_hold_request(std::string_view text);
/// A reason: 1 to 400 bytes of UTF-8 in one line. kInvalid: it is none.
Status check_reason(std::string_view why);

}  // namespace stele::wire
