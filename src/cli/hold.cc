#include "wire/hold.h"

#include <algorithm>
#include <cstdio>

#include "cli/commands.h"
#include "cli/session_reader.h"
#include "cli/time_text.h"
#include "codec/json.h"

namespace stele::cli {
namespace {

using wire::Hold;

Result<Bytes> ask(Context& context, const std::string& method, const std::string& target,
                  ByteSpan body = {}) {
  if (context.remote.server.empty())
    return fail(Code::kInvalid, "holds are a server's: --server https://NAME:PORT");
  if (!context.ask_server) return fail(Code::kUnsupported, "this program knows no network");
  return context.ask_server(context, method, target, body);
}

void print_json(const std::vector<Hold>& holds) {
  std::string out;
  codec::JsonWriter json(out);
  json.begin_array();
  for (const Hold& hold : holds) {
    json.begin_object().key("hold").text(to_string(hold.id));
    json.key("state").text(step_name(hold.state())).key("about").text(hold.about());
    json.key("steps").begin_array();
    for (size_t i = 0; i < hold.steps.size(); ++i) {
      const Hold::Taken& taken = hold.steps[i];
      json.begin_object().key("step").text(step_name(static_cast<Hold::Step>(i)));
      json.key("by").text(taken.by).key("at").text(rfc3339(taken.at));
      json.key("why").text(taken.why).end_object();
    }
    json.end_array().end_object();
  }
  json.end_array();
  std::printf("%s\n", out.c_str());
}

Status print(Context& context, ByteSpan answer) {
  TRY(const auto holds, wire::parse_holds(as_text(answer)));
  if (context.json) {
    print_json(holds);
    return {};
  }
  for (const Hold& hold : holds) {
    std::printf("%s  %-13s  %s\n", to_string(hold.id).c_str(),
                std::string(step_name(hold.state())).c_str(), printable(hold.about()).c_str());
    for (size_t i = 0; i < hold.steps.size(); ++i) {
      const Hold::Taken& taken = hold.steps[i];
      std::printf("  %-13s  %.19s  by %s%s%s\n",
                  std::string(step_name(static_cast<Hold::Step>(i))).c_str(),
                  rfc3339(taken.at).c_str(), printable(taken.by).c_str(),
                  taken.why.empty() ? "" : ": ", printable(taken.why).c_str());
    }
  }
  return {};
}

struct Session {
  uint64_t opened_at;
  StreamId id;
};

// Theirs, and those of which nobody here can tell; in the ledger's order.
Result<std::vector<Session>> sessions_of(Context& context, const HoldOptions& options,
                                         Source& source, uint64_t& leaves) {
  TRY(const auto identities, load_identities(context, options.identity));
  SessionReader reader(source, identities);
  std::vector<Session> found;
  size_t unreadable = 0;
  for (const ledger::StreamRef& stream : source.catalog().streams()) {
    leaves = std::max(leaves, stream.segments.back().index + 1);
    if (stream.kind != segment::Kind::kSession || stream.is_gone()) continue;
    const auto facts = reader.facts(stream);
    const bool is_known = facts && facts->readable;
    if (is_known && !(facts->person && facts->person->name == options.person)) continue;
    unreadable += is_known ? 0 : 1;
    found.push_back({stream.segments.front().index, stream.id});
  }
  std::sort(found.begin(), found.end(),
            [](const Session& a, const Session& b) { return a.opened_at < b.opened_at; });
  if (unreadable > 0)
    warn(std::to_string(unreadable) +
         " sessions are held too, because nobody here can tell whose they are (--identity FILE)");
  return found;
}

// What is on the list is held by name, and whatever opened behind it because it may be theirs.
Status hold_person(Context& context, const HoldOptions& options, Hold& hold) {
  TRY(const auto source, open_source(context, "hold"));
  uint64_t leaves = 0;
  TRY(auto found, sessions_of(context, options, *source, leaves));
  hold.person = options.person;
  hold.from_leaf = leaves;
  if (found.size() > segment::kHeldStreamsMax) {
    hold.from_leaf = found[segment::kHeldStreamsMax].opened_at;
    found.resize(segment::kHeldStreamsMax);
  }
  for (const Session& session : found) hold.streams.push_back(session.id);
  std::sort(hold.streams.begin(), hold.streams.end());
  return {};
}

Status run_ask(Context& context, const HoldOptions& options) {
  wire::HoldRequest request{{}, options.reason};
  Hold& hold = request.hold;
  if (!options.person.empty()) {
    TRY_VOID(hold_person(context, options, hold));
  } else if (!options.since.empty()) {
    TRY(const WallTime since, parse_wall_time(options.since));
    TRY(const WallTime until, parse_wall_time(options.until));
    hold.span = {since, until};
  } else if (!options.session.empty()) {
    TRY(const auto source, open_source(context, "hold"));
    TRY(const StreamId id, find_session(source->catalog(), options.session));
    TRY_VOID(source->check_is_there(*source->catalog().find(id)));
    hold.streams = {id};
  } else {
    return fail(Code::kInvalid, "on what? --session, --person, or --since with --until");
  }
  TRY_VOID(wire::check_reason(options.reason));
  TRY(const Bytes answer, ask(context, "POST", "/v1/holds", as_bytes(wire::encode(request))));
  return print(context, answer);
}

Status change(Context& context, const HoldOptions& options, const std::string& what) {
  TRY(const StreamId id, parse_stream_id(options.hold));
  TRY(const Bytes answer,
      ask(context, "POST", "/v1/holds/" + to_string(id) + "/" + what, as_bytes(options.reason)));
  return print(context, answer);
}

Status run_list(Context& context) {
  TRY(const Bytes answer, ask(context, "GET", "/v1/holds"));
  return print(context, answer);
}

int finish(const Status& done) { return done ? kExitOk : report(done.error()); }

}  // namespace

int ask_hold(Context& context, const HoldOptions& options) {
  return finish(run_ask(context, options));
}

int approve_hold(Context& context, const HoldOptions& options) {
  return finish(change(context, options, "approval"));
}

int release_hold(Context& context, const HoldOptions& options) {
  return finish(change(context, options, "release"));
}

int list_holds(Context& context) { return finish(run_list(context)); }

}  // namespace stele::cli
