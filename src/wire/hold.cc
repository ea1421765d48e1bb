#include "wire/hold.h"

#include <algorithm>
#include <array>

#include "codec/utf8.h"
#include "crypto/x509.h"
#include "receipt/text.h"

namespace stele::wire {
namespace {

using receipt::take_line;

constexpr std::string_view kFile = "stele-hold-v1";
constexpr size_t kFileBytesMax = size_t{256} << 10, kReasonBytesMax = 400, kPersonBytesMax = 255;
constexpr std::array<std::string_view, 4> kSteps = {"asked", "placed", "release-asked", "released"};

tl::unexpected<Error> wrong(const std::string& what) {
  return fail(Code::kInvalid, "hold: " + what);
}

bool is_line(std::string_view text, size_t bytes_max) {
  if (text.empty() || text.size() > bytes_max) return false;
  for (size_t at = 0; at < text.size();) {
    const size_t size = codec::utf8_sequence(text.substr(at));
    const auto c = static_cast<unsigned char>(text[at]);
    const bool is_c1 = size == 2 && c == 0xc2 && static_cast<unsigned char>(text[at + 1]) < 0xa0;
    if (size == 0 || c < 0x20 || c == 0x7f || is_c1) return false;
    at += size;
  }
  return true;
}

std::string_view take_word(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

Result<WallTime> take_time(std::string_view& line) {
  TRY(const uint64_t at, receipt::parse_decimal(take_word(line), INT64_MAX));
  return WallTime(Micros(static_cast<int64_t>(at)));
}

std::string scope_text(const Hold& hold) {
  std::string text = "session\n";
  if (hold.span) {
    text = "span " + std::to_string(micros(hold.span->first)) + " " +
           std::to_string(micros(hold.span->second)) + "\n";
  } else if (hold.from_leaf) {
    text = "person " + std::to_string(*hold.from_leaf) + " " + hold.person + "\n";
  }
  for (const StreamId& stream : hold.streams) text += "stream " + to_string(stream) + "\n";
  return text;
}

// Scope and streams, up to the first line that is neither.
Result<Hold> take_scope(std::string_view& text) {
  Hold hold;
  TRY(std::string_view line, take_line(text));
  const std::string_view kind = take_word(line);
  if (kind == "person") {
    TRY(hold.from_leaf, receipt::parse_decimal(take_word(line), INT64_MAX));
    if (!is_line(line, kPersonBytesMax)) return wrong("a person's name is wanted");
    hold.person = line;
  } else if (kind == "span") {
    TRY(const WallTime from, take_time(line));
    TRY(const WallTime until, take_time(line));
    if (until < from) return wrong("its time ends before it begins");
    hold.span = {from, until};
  } else if (kind != "session") {
    return wrong("on a session, a person or a span of time");
  }
  while (text.starts_with("stream ")) {
    TRY(line, take_line(text));
    TRY(const StreamId stream, parse_stream_id(line.substr(7)));
    if (!hold.streams.empty() && hold.streams.back() >= stream)
      return wrong("streams ascend, each once");
    hold.streams.push_back(stream);
  }
  if (hold.streams.size() > segment::kHeldStreamsMax)
    return wrong("more than " + std::to_string(segment::kHeldStreamsMax) + " streams");
  const bool is_session = !hold.span && !hold.from_leaf;
  if ((is_session && hold.streams.size() != 1) || (hold.span && !hold.streams.empty()))
    return wrong("one session, or none beside a span of time");
  return hold;
}

}  // namespace

std::string_view step_name(Hold::Step step) { return kSteps[static_cast<size_t>(step)]; }

Status check_reason(std::string_view why) {
  if (is_line(why, kReasonBytesMax)) return {};
  return wrong("a reason is wanted, up to 400 bytes in one line");
}

std::string Hold::about() const {
  if (span) return "from " + rfc3339(span->first) + " until " + rfc3339(span->second);
  if (from_leaf) {
    return "person " + person + ": " + std::to_string(streams.size()) +
           " sessions, and all that opened at leaf " + std::to_string(*from_leaf) + " or later";
  }
  return "session " + to_string(streams.front());
}

std::string encode(const Hold& hold) {
  std::string text = std::string(kFile) + "\n" + to_string(hold.id) + "\n" + scope_text(hold);
  for (size_t i = 0; i < hold.steps.size(); ++i) {
    const Hold::Taken& step = hold.steps[i];
    text += std::string(kSteps[i]) + " " + step.by + " " + std::to_string(micros(step.at)) +
            (step.why.empty() ? "" : " " + step.why) + "\n";
  }
  return text;
}

Result<Hold> parse_hold(std::string_view text) {
  const auto corrupt = [] { return fail(Code::kCorrupt, "not a " + std::string(kFile)); };
  if (text.size() > kFileBytesMax) return fail(Code::kLimit, "a hold's file over 256 KiB");
  std::string_view rest = text;
  TRY(std::string_view line, take_line(rest));
  if (line != kFile) return corrupt();
  TRY(line, take_line(rest));
  TRY(const StreamId id, parse_stream_id(line));
  TRY(Hold hold, take_scope(rest));
  hold.id = id;
  while (!rest.empty()) {
    TRY(line, take_line(rest));
    if (hold.steps.size() == kSteps.size() || take_word(line) != kSteps[hold.steps.size()])
      return corrupt();
    Hold::Taken step;
    step.by = take_word(line);
    TRY(step.at, take_time(line));
    step.why = line;
    const bool is_asked = hold.steps.size() % 2 == 0;
    if (!crypto::is_certificate_host(step.by) || is_asked == step.why.empty() ||
        (is_asked && !check_reason(step.why)))
      return corrupt();
    hold.steps.push_back(std::move(step));
  }
  if (hold.steps.empty() || encode(hold) != text) return corrupt();
  return hold;
}

std::string encode(const HoldRequest& request) {
  return std::string(kFile) + "\n" + scope_text(request.hold) + "for " + request.why + "\n";
}

Result<HoldRequest> parse_hold_request(std::string_view text) {
  std::string_view rest = text;
  const auto first = take_line(rest);
  if (!first || *first != kFile) return wrong("its first line is " + std::string(kFile));
  auto scope = take_scope(rest);
  if (!scope) return wrong(scope.error().context);
  const auto line = take_line(rest);
  if (!line || !line->starts_with("for ") || !rest.empty())
    return wrong("its last line is a reason");
  HoldRequest request{*std::move(scope), std::string(line->substr(4))};
  TRY_VOID(check_reason(request.why));
  if (encode(request) != text) return wrong("another spelling of one");
  return request;
}

Result<std::vector<Hold>> parse_holds(std::string_view text) {
  std::vector<Hold> holds;
  const std::string front = std::string(kFile) + "\n";
  while (!text.empty()) {
    const size_t next = text.find("\n" + front);
    const size_t size = next == std::string_view::npos ? text.size() : next + 1;
    TRY(Hold hold, parse_hold(text.substr(0, size)));
    holds.push_back(std::move(hold));
    text.remove_prefix(size);
  }
  return holds;
}

}  // namespace stele::wire
