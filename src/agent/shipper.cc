#include "agent/shipper.h"

#include <algorithm>

namespace stele::agent {
namespace {

constexpr size_t kProofsARound = 4096;
/// Nothing that this host signs is going to be taken: its next key can not be introduced either.
constexpr std::string_view kEnrolAnew =
    ". Where this disk was restored from an older copy, it has a key whose time is over: enrol "
    "this host anew (docs/operations.md, \"Keys\"); what is refused stays in spool/aside";
constexpr Micros kRefusedPauseMin = std::chrono::seconds(1);
constexpr Micros kRefusedPauseMax = std::chrono::minutes(1);
constexpr Micros kWaitingToldEvery = std::chrono::minutes(10);

bool is_guilt(const Error& error) {
  return error.code == Code::kUnauthentic || error.code == Code::kConflict;
}

// Never of what only a newer server says (docs/formats/api.md, "Versions").
bool is_final(wire::Refusal code) {
  switch (code) {
    case wire::Refusal::kMalformed:
    case wire::Refusal::kConflict:
    case wire::Refusal::kNotYours:
    case wire::Refusal::kBadSignature:
    case wire::Refusal::kClosed:
      return true;
    case wire::Refusal::kOutOfOrder:
    case wire::Refusal::kUnknownRecipients:
    case wire::Refusal::kNotNow:
    case wire::Refusal::kSkipped:
    case wire::Refusal::kUnsupported:
      break;
  }
  return false;
}

std::string name_of(const spool::Outgoing& segment) {
  return "segment " + std::to_string(segment.sequence) + " of " + to_string(segment.stream);
}

}  // namespace

Shipper::Shipper(SharedSpool& spool, LogWatch& watch, Post post, Clock& clock,
                 ShipperOptions options)
    : spool_(spool), watch_(watch), post_(std::move(post)), clock_(clock), options_(options) {}

Result<bool> Shipper::ship() {
  if (clock_.boot() < ship_from_) return false;
  TRY(const auto outgoing, spool_.with([this](spool::Spool& spool) {
    return spool.next(options_.request_bytes_max, options_.request_segments_max);
  }));
  if (outgoing.empty()) return false;
  Bytes request;
  for (const spool::Outgoing& segment : outgoing) wire::add_segment(request, segment.bytes);
  const auto response = post_(request);
  auto answers = response ? wire::parse_answers(*response, outgoing.size())
                          : Result<std::vector<wire::Answer>>(fail(response.error()));
  if (!answers) {
    spool_.with([](spool::Spool& spool) { spool.send_all_again(); });
    return fail(std::move(answers).error());
  }
  for (size_t i = 0; i < outgoing.size(); ++i) TRY_VOID(take_answer(outgoing[i], (*answers)[i]));
  pace(*answers);
  return true;
}

void Shipper::pace(const std::vector<wire::Answer>& answers) {
  const bool takes = std::ranges::any_of(answers, [](const wire::Answer& answer) {
    return std::holds_alternative<wire::Accepted>(answer);
  });
  const bool refuses = std::ranges::any_of(answers, [](const wire::Answer& answer) {
    const auto* refused = std::get_if<wire::Refused>(&answer);
    return refused != nullptr && is_final(refused->code);
  });
  if (takes) refused_pause_ = Micros(0);
  if (takes || !refuses) return;
  refused_pause_ = std::clamp(2 * refused_pause_, kRefusedPauseMin, kRefusedPauseMax);
  ship_from_ = clock_.boot() + refused_pause_;
}

Status Shipper::take_answer(const spool::Outgoing& sent, const wire::Answer& answer) {
  if (const auto* refused = std::get_if<wire::Refused>(&answer))
    return take_refusal(sent, *refused);
  const auto& accepted = std::get<wire::Accepted>(answer);
  const auto leaf = segment::encode(accepted.leaf);
  const Status taken = spool_.with([&](spool::Spool& spool) {
    return spool.accepted(sent.stream, sent.sequence, accepted.index, leaf);
  });
  if (taken) return options_.acknowledged(sent.stream, sent.sequence), Status{};
  if (!is_guilt(taken.error())) return taken;
  findings_.push_back(
      {"bad-answer",
       "the server's answer for " + name_of(sent) + " can not be right: " + taken.error().message(),
       sent.stream, sent.sequence});
  send_again(sent);
  return {};
}

Status Shipper::take_refusal(const spool::Outgoing& sent, const wire::Refused& refused) {
  if (is_final(refused.code)) return set_aside(sent, refused);
  if (refused.code == wire::Refusal::kOutOfOrder) return put_in_order(sent, refused);
  const bool is_usual =
      refused.code == wire::Refusal::kNotNow || refused.code == wire::Refusal::kSkipped;
  if (!is_usual) tell_of_waiting(sent, refused);
  send_again(sent);
  return {};
}

// It may wait for long, and somebody has to mend that; once a second would be too often to say it.
void Shipper::tell_of_waiting(const spool::Outgoing& sent, const wire::Refused& refused) {
  const BootTime now = clock_.boot();
  if (told_waiting_ && now - *told_waiting_ < kWaitingToldEvery) return;
  told_waiting_ = now;
  findings_.push_back({"not-taken",
                       "the server does not take " + name_of(sent) +
                           " yet, it waits in the spool: " +
                           std::string(wire::refusal_name(refused.code)) + ": " + refused.reason,
                       sent.stream, sent.sequence});
}

// Never a dead end by itself: the rest of the spool flows, and what is aside stays on the disk.
Status Shipper::set_aside(const spool::Outgoing& sent, const wire::Refused& refused) {
  const std::string why = std::string(wire::refusal_name(refused.code)) + ": " + refused.reason;
  const Status done = spool_.with(
      [&](spool::Spool& spool) { return spool.set_aside(sent.stream, sent.sequence, why); });
  if (!done && done.error().code == Code::kNotFound) return {};  // with one before it
  if (!done) return done;
  const bool is_key = refused.code == wire::Refusal::kBadSignature;
  const bool is_first = is_key && !std::exchange(told_of_key_, true);
  findings_.push_back({"set-aside",
                       "the server refuses " + name_of(sent) + ": " + why +
                           (is_first ? std::string(kEnrolAnew) : std::string()),
                       sent.stream, sent.sequence});
  return {};
}

// The server wants another segment first. If it had that one before, it lost it, and what was not
// freed goes out once more; what was freed was proven, and the log that proved it was rolled back.
Status Shipper::put_in_order(const spool::Outgoing& sent, const wire::Refused& refused) {
  const auto stream = spool_.with([&](spool::Spool& spool) { return spool.find(sent.stream); });
  const uint64_t first = stream ? stream->tail.next_sequence - stream->waiting : 0;
  if (stream && refused.next >= first && refused.next < sent.sequence) {
    spool_.with([](spool::Spool& spool) { spool.start_over(); });
    return {};
  }
  if (stream && refused.next < first) {
    trust_no_more({Code::kConflict,
                   "rolled back: the server wants segment " + std::to_string(refused.next) +
                       " of " + to_string(sent.stream) + ", which it had proven to have",
                   0});
  }
  send_again(sent);
  return {};
}

void Shipper::send_again(const spool::Outgoing& sent) {
  spool_.with([&](spool::Spool& spool) {
    spool.send_again(sent.stream, sent.sequence, options_.retry_after);
  });
}

void Shipper::trust_no_more(Error why) {
  if (distrust_) return;
  findings_.push_back({why.code == Code::kConflict ? "rolled-back" : "fork",
                       "the log can not be trusted, nothing is freed any more: " + why.message(),
                       {},
                       {}});
  distrust_ = std::move(why);
}

// The log is looked at until what it shows against itself is kept, whoever noticed first.
Status Shipper::confirm() {
  if (distrust_) {
    if (!watch_.contradiction()) (void)watch_.advance();
    return fail(*distrust_);
  }
  Status done = watch_.advance();
  look_for_lateness();
  if (done && !is_late_) done = free_what_is_proven();
  if (!done && is_guilt(done.error())) trust_no_more(done.error());
  return done;
}

Status Shipper::free_what_is_proven() {
  const auto waiting = spool_.with([this](const spool::Spool& spool) {
    return spool.acknowledged(watch_.last().size, kProofsARound);
  });
  for (const spool::Acknowledged& segment : waiting) {
    TRY(const segment::Leaf leaf, segment::parse_leaf(segment.leaf));
    TRY_VOID(watch_.check_included(segment.index, leaf));
    TRY_VOID(spool_.with(
        [&](spool::Spool& spool) { return spool.covered(segment.stream, segment.sequence); }));
  }
  return {};
}

// A server that keeps some of what it took out of its log is not to be believed in the rest.
void Shipper::look_for_lateness() {
  const auto oldest = spool_.with(
      [this](const spool::Spool& spool) { return spool.oldest_beyond(watch_.last().size); });
  const bool late = oldest && clock_.boot() - *oldest > options_.covered_within;
  if (late && !is_late_) {
    findings_.push_back({"not-covered",
                         "what the server acknowledged is not covered by a checkpoint within 60 s; "
                         "nothing is freed until it is",
                         {},
                         {}});
  }
  is_late_ = late;
}

}  // namespace stele::agent
