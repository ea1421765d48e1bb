#include <algorithm>
#include <cstdio>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/facts_text.h"
#include "cli/session_reader.h"
#include "cli/session_tree.h"
#include "cli/time_text.h"
#include "codec/json.h"

namespace stele::cli {
namespace {

std::string state_of(Source& source, const SessionFacts& facts, const ledger::StreamRef& stream) {
  if (stream.closed()) {
    if (!facts.end) return "closed";
    if (facts.end->exit_status) return "exit " + std::to_string(*facts.end->exit_status);
    if (facts.end->signal) return "signal " + std::to_string(*facts.end->signal);
    return facts.end->why.empty() ? "closed" : facts.end->why;
  }
  return source.may_go_on(stream) ? "open" : "cut";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A Filter understood. What the facts lane would have to tell is asked last: it costs a decryption.
class Wanted {
 public:
  static Result<Wanted> parse(const Filter& filter) {
    Wanted wanted(filter);
    if (!filter.since.empty()) {
      TRY(wanted.since_, parse_wall_time(filter.since));
    }
    if (!filter.until.empty()) {
      TRY(wanted.until_, parse_wall_time(filter.until));
    }
    return wanted;
  }
  bool began_in_time(const ledger::StreamRef& stream) const {
    const WallTime began = stream.segments.front().leaf.wall_first;
    return began >= since_ && began < until_;
  }
  bool matches(const SessionFacts& facts) const {
    const event::Start& start = facts.start;
    return contains(start.user, filter_.user) && contains(start.host, filter_.host) &&
           contains(join(start.argv), filter_.command) && is_of(facts.person);
  }

 private:
  explicit Wanted(const Filter& filter) : filter_(filter) {}
  bool is_of(const std::optional<event::Person>& person) const {
    if (filter_.person.empty() && filter_.role.empty()) return true;
    if (!person || person->name.empty() || !contains(person->name, filter_.person)) return false;
    return filter_.role.empty() || std::find(person->roles.begin(), person->roles.end(),
                                             filter_.role) != person->roles.end();
  }

  const Filter& filter_;
  WallTime since_ = WallTime::min(), until_ = WallTime::max();
};

// Everything the two commands read first.
struct Reading {
  std::unique_ptr<Source> source;
  std::vector<crypto::Identity> identities;
};

Result<Reading> load(Context& context, const std::string& identity, const std::string& purpose) {
  TRY(auto source, open_source(context, purpose));
  TRY(auto identities, load_identities(context, identity));
  return Reading{std::move(source), std::move(identities)};
}

void print_line(const SessionFacts& facts, const std::string& state) {
  const event::Start& start = facts.start;
  std::printf("%s  %.19s  %8s  %-10s %-12s %-12s %s\n", to_string(facts.id).c_str(),
              rfc3339(facts.began).c_str(), human_duration(facts.last - facts.began).c_str(),
              state.c_str(), printable(start.user).c_str(), printable(start.host).c_str(),
              printable(start.title.empty() ? join(start.argv) : start.title).c_str());
}

// What the leaves have of one that is not there any more.
void list_gone(Source& source, const ledger::StreamRef& stream, codec::JsonWriter* json) {
  const segment::Leaf &first = stream.segments.front().leaf, &last = stream.segments.back().leaf;
  const WallTime until = last.wall_first + Micros(last.duration_us);
  const auto expired = source.expired(stream);
  if (json != nullptr) {
    json->begin_object().key("id").text(to_string(stream.id));
    json->key("state")
        .text(expired ? "expired" : "gone")
        .key("began")
        .text(rfc3339(first.wall_first));
    json->key("last").text(rfc3339(until)).key("segments").number(stream.segments.size());
    json->key("expired");
    if (expired) {
      json->begin_object().key("leaf").number(expired->record);
      json->key("at").text(rfc3339(expired->at)).end_object();
    } else {
      json->null();
    }
    json->end_object();
    return;
  }
  std::printf("%s  %.19s  %8s  %-10s %s\n", to_string(stream.id).c_str(),
              rfc3339(first.wall_first).c_str(), human_duration(until - first.wall_first).c_str(),
              expired ? "expired" : "gone",
              expired ? ("on " + rfc3339(expired->at).substr(0, 10) + ", says leaf " +
                         std::to_string(expired->record))
                            .c_str()
                      : "and nothing says that it expired");
}

Status list(Context& context, const Filter& filter, const std::string& identity) {
  TRY(const Wanted wanted, Wanted::parse(filter));
  TRY(const Reading reading, load(context, identity, "list"));
  SessionReader reader(*reading.source, reading.identities);
  std::string out;
  codec::JsonWriter json(out);
  json.begin_array();
  size_t unreadable = 0;
  for (const ledger::StreamRef& stream : reading.source->catalog().streams()) {
    if (stream.kind != segment::Kind::kSession || !wanted.began_in_time(stream)) continue;
    if (stream.is_gone()) {
      if (filter.asks_of_facts()) continue;
      list_gone(*reading.source, stream, context.json ? &json : nullptr);
      continue;
    }
    auto facts = reader.facts(stream);
    // One damaged session must not hide the others.
    if (!facts) {
      warn(facts.error().message());
      continue;
    }
    unreadable += facts->readable ? 0 : 1;
    if (!wanted.matches(*facts)) continue;
    const std::string state = state_of(*reading.source, *facts, stream);
    if (!context.json) {
      print_line(*facts, state);
      continue;
    }
    json.begin_object();
    write_facts(json, *facts, state);
    json.end_object();
  }
  json.end_array();
  if (context.json) std::printf("%s\n", out.c_str());
  if (unreadable > 0)
    warn(std::to_string(unreadable) +
         " sessions show no facts: no identity here opens them (--identity FILE)");
  return {};
}

void print_terms(const event::Terms& terms) {
  if (terms.rule == 0) {
    std::printf("by no rule");
  } else {
    std::printf("by rule %u (%s)", terms.rule, printable(terms.rule_name).c_str());
  }
  std::printf(" of policy version %llu: input %s, output %s, %s%s\n",
              static_cast<unsigned long long>(terms.version),
              std::string(event::input_policy_name(terms.input_policy)).c_str(),
              terms.keeps_output ? "kept" : "none", terms.open ? "open" : "closed",
              terms.lines_in_facts ? ", lines in facts" : "");
  if (terms.digests)
    std::printf("               of files that are copied the content is kept as a digest\n");
  if (!terms.banner.empty())
    std::printf("               shown before: %s\n", printable(terms.banner).c_str());
  if (!terms.reason.empty())
    std::printf("               BREAK-GLASS: %s\n", printable(terms.reason).c_str());
}

std::string rights_text(const event::Credentials& c) {
  return "uid " + std::to_string(c.uid) + " as " + std::to_string(c.euid) + ", gid " +
         std::to_string(c.gid) + " as " + std::to_string(c.egid) +
         (c.capabilities == 0 ? "" : ", with capabilities");
}

/// As a shell would want it, so that one argument is told from two.
std::string quoted(const std::vector<std::string>& argv) {
  std::string text;
  for (const std::string& argument : argv) {
    text += text.empty() ? "" : " ";
    const bool is_plain = !argument.empty() &&
                          argument.find_first_of(" \t\n'\"\\$`&|;<>()*?[]{}~#!") == argument.npos;
    if (is_plain) {
      text += argument;
      continue;
    }
    text += '\'';
    for (const char c : argument) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    text += '\'';
  }
  return text;
}

std::string exec_text(const event::Exec& e) {
  return "[" + std::to_string(e.pid) + "] " + quoted(e.argv) + (e.is_cut ? " … (cut)" : "") +
         "   (" + e.file + " in " + e.cwd + ", uid " + std::to_string(e.euid) + ")";
}

std::string line_text(const event::Line& line) {
  return line.prompt + (line.prompt.empty() ? "" : " ") + line.text +
         (line.is_cut ? " … (cut)" : "");
}

std::string exit_text(const event::Exit& e) {
  const std::string how =
      e.signal ? "signal " + std::to_string(*e.signal) + (e.core_dumped ? ", core dumped" : "")
               : "exit " + std::to_string(e.exit_status.value_or(0));
  return "[" + std::to_string(e.pid) + "] " + how;
}

std::string forward_text(const event::Forward& f) {
  const bool listens = f.what == event::Forward::What::kListen;
  return std::string("sshd ") + (listens ? "listens on " : "connects to ") + f.address + " port " +
         std::to_string(f.port) +
         (f.ago > Micros(0) ? ", " + human_duration(f.ago) + " before" : "");
}

std::string sudo_text(const event::Sudo& s) {
  std::string text = s.what == event::Sudo::What::kCommand ? "sudo ran " : "sudo: ";
  if (s.what != event::Sudo::What::kCommand)
    text += std::string(event::sudo_name(s.what)) + " " + s.by + " ";
  text += quoted(s.argv) + " as " + s.as;
  if (!s.as_group.empty()) text += ":" + s.as_group;
  if (!s.cwd.empty()) text += " in " + s.cwd;
  return s.why.empty() ? text : text + ": " + s.why;
}

std::string transfer_text(const event::Transfer& t) {
  using What = event::Transfer::What;
  std::string text = t.protocol + " " + std::string(event::transfer_name(t.what));
  if (!t.name.empty()) text += " " + quoted({t.name});
  if (!t.to.empty()) text += " -> " + quoted({t.to});
  if (t.what == What::kToHost || t.what == What::kFromHost)
    text += ", " + std::to_string(t.bytes) + " bytes";
  if (t.hash) text += ", SHA-256 " + to_hex(*t.hash);
  if (t.error != 0) text += ", error " + std::to_string(t.error);
  return t.why.empty() ? text : text + ": " + t.why;
}

// What changed during the session, beside what was shown and typed.
bool print_event(const TimedEvent& e) {
  const auto at = [&] {
    std::printf("  %+11.6f  ", static_cast<double>(e.since_start.count()) / 1e6);
  };
  if (const auto* r = std::get_if<event::Resize>(&e.event.body)) {
    at();
    std::printf("resized to %ux%u\n", r->size.columns, r->size.rows);
  } else if (const auto* g = std::get_if<event::Gap>(&e.event.body)) {
    at();
    std::printf("GAP of %s: %llu bytes shown and %llu typed were not recorded: %s\n",
                human_duration(g->duration).c_str(),
                static_cast<unsigned long long>(g->output_bytes),
                static_cast<unsigned long long>(g->input_bytes), printable(g->why).c_str());
  } else if (const auto* t = std::get_if<event::Terms>(&e.event.body)) {
    at();
    print_terms(*t);
  } else if (const auto* person = std::get_if<event::Person>(&e.event.body)) {
    at();
    std::printf("%s, by roles version %llu\n", printable(person_text(*person)).c_str(),
                static_cast<unsigned long long>(person->version));
  } else if (const auto* sudo = std::get_if<event::Sudo>(&e.event.body)) {
    at();
    std::printf("%s\n", printable(sudo_text(*sudo)).c_str());
  } else if (const auto* transfer = std::get_if<event::Transfer>(&e.event.body)) {
    at();
    std::printf("%s\n", printable(transfer_text(*transfer)).c_str());
  } else if (const auto* opening = std::get_if<event::Opening>(&e.event.body)) {
    at();
    std::printf("let begin once its first segment was %s, after %.3f s\n",
                opening->acknowledged ? "acknowledged by the server" : "durable in the spool",
                static_cast<double>(opening->waited.count()) / 1e6);
  } else if (const auto* f = std::get_if<event::Finding>(&e.event.body)) {
    at();
    std::printf("FINDING %s: %s\n", printable(f->rule).c_str(), printable(f->what).c_str());
  } else if (const auto* s = std::get_if<event::Suspend>(&e.event.body)) {
    at();
    std::printf("recorder %s\n", s->continued ? "continued" : "stopped");
  } else if (const auto* x = std::get_if<event::Redaction>(&e.event.body)) {
    at();
    std::printf("not kept: up to %llu bytes typed, %s\n",
                static_cast<unsigned long long>(x->bytes_rounded),
                x->why == event::Redaction::Why::kNoEcho ? "the terminal did not echo"
                                                         : "looked like a secret (heuristic)");
  } else if (const auto* line = std::get_if<event::Line>(&e.event.body)) {
    at();
    std::printf("line, read off the screen: %s\n", printable(line_text(*line)).c_str());
  } else if (const auto* exec = std::get_if<event::Exec>(&e.event.body)) {
    at();
    std::printf("ran %s\n", printable(exec_text(*exec)).c_str());
  } else if (const auto* exit = std::get_if<event::Exit>(&e.event.body)) {
    at();
    std::printf("end %s\n", exit_text(*exit).c_str());
  } else if (const auto* p = std::get_if<event::Privilege>(&e.event.body)) {
    at();
    std::printf("RIGHTS [%u] from %s to %s\n", p->pid, rights_text(p->before).c_str(),
                rights_text(p->now).c_str());
  } else if (const auto* forward = std::get_if<event::Forward>(&e.event.body)) {
    at();
    std::printf("FORWARD %s\n", printable(forward_text(*forward)).c_str());
  } else if (const auto* u = std::get_if<event::Unknown>(&e.event.body)) {
    at();
    std::printf("event of a newer type %llu, %zu bytes\n", static_cast<unsigned long long>(u->type),
                u->encoded.size());
  }
  return true;
}

std::string verdict_of(Context& context, const StreamId& id) {
  if (!context.remote.server.empty())
    return "not checked: stele verify --server checks all that the server has";
  const auto trust = load_trust(context);
  if (!trust) return "unknown: " + trust.error().message();
  ledger::VerifyOptions options;
  options.now = context.clock.wall();
  options.is_live = [&](const StreamId& s) { return is_live(context, s); };
  const auto report = ledger::verify(context.files, context.layout, *trust, options);
  if (!report) return "unknown: " + report.error().message();
  std::string ledger = report->verdict == ledger::Verdict::kIntact
                           ? ""
                           : ", and the ledger " + std::string(verdict_name(report->verdict));
  for (const auto& s : report->streams) {
    if (s.stream == id) return std::string(verdict_name(s.verdict)) + ledger;
  }
  return "missing";
}

Status print_session(Context& context, const std::string& session, const std::string& identity) {
  TRY(const Reading reading, load(context, identity, "show"));
  TRY(const StreamId id, find_session(reading.source->catalog(), session));
  const ledger::StreamRef& stream = *reading.source->catalog().find(id);
  TRY_VOID(reading.source->check_is_there(stream));
  SessionReader reader(*reading.source, reading.identities);
  TRY(const SessionFacts facts, reader.facts(stream));
  const std::string state = state_of(*reading.source, facts, stream),
                    verdict = verdict_of(context, id);
  if (context.json) {
    std::string out;
    codec::JsonWriter json(out);
    json.begin_object();
    write_facts(json, facts, state);
    json.key("verdict").text(verdict).end_object();
    std::printf("%s\n", out.c_str());
    return {};
  }
  print_facts(facts, state);
  print_tree(*reading.source, reader, facts, context.remote.server.empty());
  std::printf("  %-10s %s\n", "verdict", verdict.c_str());
  if (!facts.readable) warn("no identity here opens this session's facts (--identity FILE)");
  auto read = reader.read(stream, {event::Lane::kFacts, event::Lane::kInput}, print_event);
  if (!read && read.error().code == Code::kPermission) {
    warn("what was typed is not for this token: facts alone are shown");
    read = reader.read(stream, {event::Lane::kFacts}, print_event);
  }
  return read.map([](const auto&) {});
}

}  // namespace

int sessions(Context& context, const Filter& filter, const std::string& identity) {
  const Status done = list(context, filter, identity);
  return done ? kExitOk : report(done.error());
}

int show(Context& context, const std::string& session, const std::string& identity) {
  const Status done = print_session(context, session, identity);
  return done ? kExitOk : report(done.error());
}

}  // namespace stele::cli
