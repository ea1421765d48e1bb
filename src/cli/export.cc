#include <cstdio>
#include <memory>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/session_reader.h"
#include "codec/json.h"
#include "event/asciicast.h"
#include "terminal/text.h"

namespace stele::cli {
namespace {

using event::Lane;

// Standard output, or a file that must not be there yet.
class Sink {
 public:
  static Result<Sink> open(const std::string& path) {
    if (path.empty()) return Sink(stdout);
    std::FILE* file = std::fopen(path.c_str(), "wxe");
    if (file == nullptr)
      return fail(errno == EEXIST ? Code::kExists : Code::kIo, "create " + path, errno);
    return Sink(file);
  }
  void write(std::string_view text) { std::fwrite(text.data(), 1, text.size(), file_.get()); }
  Status finish() {
    if (std::fflush(file_.get()) != 0 || std::ferror(file_.get()) != 0)
      return fail(Code::kIo, "write the export", errno);
    return {};
  }

 private:
  struct Close {
    void operator()(std::FILE* f) const {
      if (f != stdout) std::fclose(f);
    }
  };
  explicit Sink(std::FILE* file) : file_(file) {}
  std::unique_ptr<std::FILE, Close> file_;
};

struct Exported {
  SessionReader& reader;
  const ledger::StreamRef& stream;
  SessionFacts facts;
};

using Unreadable = std::set<Lane>;

// The bytes of one way alone: what was shown or written to standard output, what was typed or sent
// to standard input, or what was written to standard error.
Result<Unreadable> export_raw(Exported& source, Sink& sink, event::Piped::Pipe pipe) {
  const Lane lane = event::Piped{pipe, {}}.lane();
  return source.reader.read(source.stream, {lane}, [&](const TimedEvent& e) {
    const event::Body& body = e.event.body;
    const auto* piped = std::get_if<event::Piped>(&body);
    if (piped != nullptr && piped->pipe == pipe) sink.write(as_text(piped->bytes));
    if (const auto* output = std::get_if<event::Output>(&body);
        output != nullptr && pipe == event::Piped::Pipe::kOutput)
      sink.write(as_text(output->bytes));
    if (const auto* input = std::get_if<event::Input>(&body)) sink.write(as_text(input->bytes));
    return true;
  });
}

Result<Unreadable> export_asciicast(Exported& source, Sink& sink, event::AsciicastVersion version) {
  event::AsciicastWriter writer(version, [&](std::string_view line) { sink.write(line); });
  writer.begin(source.facts.start, source.facts.began);
  TRY(auto unreadable,
      source.reader.read(source.stream, {Lane::kFacts, Lane::kOutput, Lane::kInput},
                         [&](const TimedEvent& e) {
                           writer.event(std::max(Micros(0), e.since_start), e.event.body);
                           return true;
                         }));
  writer.finish();
  return unreadable;
}

Result<Unreadable> export_text(Exported& source, Sink& sink) {
  ScreenSize size = ScreenSize().updated(source.facts.start.size);
  terminal::Transcript transcript(size.rows, size.columns, [&](std::string_view line) {
    sink.write(line);
    sink.write("\n");
  });
  TRY(auto unreadable,
      source.reader.read(source.stream, {Lane::kFacts, Lane::kOutput}, [&](const TimedEvent& e) {
        if (const auto* o = std::get_if<event::Output>(&e.event.body)) transcript.write(o->bytes);
        if (const auto* p = std::get_if<event::Piped>(&e.event.body))
          transcript.write(event::for_screen(p->bytes));
        if (const auto* r = std::get_if<event::Resize>(&e.event.body)) {
          size = size.updated(r->size);
          transcript.resize(size.rows, size.columns);
        }
        return true;
      }));
  transcript.finish();
  return unreadable;
}

// One JSON object a line; bytes in base64, and as text where they are text.
struct JsonBody {
  codec::JsonWriter& json;

  void content(std::string_view type, const Bytes& bytes) const {
    json.key("type")
        .text(type)
        .key("text")
        .text(as_text(bytes))
        .key("base64")
        .text(to_base64(bytes));
  }
  void operator()(const event::Output& o) const { content("output", o.bytes); }
  void operator()(const event::Input& i) const { content("input", i.bytes); }
  void operator()(const event::Piped& p) const { content(event::pipe_name(p.pipe), p.bytes); }
  void operator()(const event::Elided& e) const {
    json.key("type").text("elided").key("pipe").text(event::pipe_name(e.pipe));
    json.key("bytes").number(e.bytes).key("before").number(e.before);
    json.key("sha256").text(to_hex(e.hash));
  }
  void operator()(const event::Transfer& t) const {
    json.key("type").text("transfer").key("what").text(event::transfer_name(t.what));
    json.key("protocol").text(t.protocol).key("name").text(t.name);
    if (!t.to.empty()) json.key("to").text(t.to);
    json.key("bytes").number(t.bytes);
    if (t.hash) json.key("sha256").text(to_hex(*t.hash));
    if (!t.why.empty()) json.key("why").text(t.why);
    if (t.error != 0) json.key("error").number(t.error);
    if (t.mode) json.key("mode").number(*t.mode);
    if (t.uid) json.key("uid").number(*t.uid);
    if (t.gid) json.key("gid").number(*t.gid);
  }
  void operator()(const event::Start& s) const {
    json.key("type")
        .text("start")
        .key("title")
        .text(s.title)
        .key("user")
        .text(s.user)
        .key("host")
        .text(s.host)
        .key("argv")
        .begin_array();
    for (const std::string& a : s.argv) json.text(a);
    json.end_array();
  }
  void operator()(const event::Resize& r) const {
    json.key("type")
        .text("resize")
        .key("rows")
        .number(r.size.rows)
        .key("columns")
        .number(r.size.columns);
  }
  void operator()(const event::Redaction& r) const {
    json.key("type")
        .text("redaction")
        .key("why")
        .text(r.why == event::Redaction::Why::kNoEcho ? "no-echo" : "heuristic");
    json.key("bytes_rounded").number(r.bytes_rounded);
  }
  void operator()(const event::Line& l) const {
    json.key("type").text("line").key("text").text(l.text).key("prompt").text(l.prompt);
    json.key("cut").boolean(l.is_cut);
  }
  void operator()(const event::Gap& g) const {
    json.key("type").text("gap").key("why").text(g.why).key("output_bytes").number(g.output_bytes);
    json.key("input_bytes").number(g.input_bytes).key("seconds").seconds(g.duration);
  }
  void operator()(const event::Suspend& s) const {
    json.key("type").text(s.continued ? "continued" : "suspended");
  }
  void operator()(const event::End& e) const {
    json.key("type").text("end").key("why").text(e.why);
    if (e.exit_status) json.key("exit").number(*e.exit_status);
    if (e.signal) json.key("signal").number(*e.signal);
  }
  void operator()(const event::Exec& e) const {
    json.key("type").text("exec").key("pid").number(e.pid).key("ppid").number(e.parent);
    json.key("file").text(e.file).key("argv").begin_array();
    for (const std::string& a : e.argv) json.text(a);
    json.end_array().key("cwd").text(e.cwd).key("tty").text(e.tty);
    json.key("uid").number(e.uid).key("euid").number(e.euid);
    json.key("gid").number(e.gid).key("egid").number(e.egid);
    if (e.login_uid) json.key("login_uid").number(*e.login_uid);
    if (e.audit_session) json.key("audit_session").number(*e.audit_session);
    json.key("cut").boolean(e.is_cut);
  }
  void operator()(const event::Forward& f) const {
    json.key("type").text("forward").key("what").text(event::forward_name(f.what));
    json.key("address").text(f.address).key("port").number(f.port);
    if (f.ago > Micros(0)) json.key("ago").seconds(f.ago);
  }
  void operator()(const event::Exit& e) const {
    json.key("type").text("exit").key("pid").number(e.pid);
    if (e.exit_status) json.key("exit").number(*e.exit_status);
    if (e.signal) json.key("signal").number(*e.signal).key("core").boolean(e.core_dumped);
  }
  void credentials(std::string_view key, const event::Credentials& c) const {
    json.key(key).begin_object().key("uid").number(c.uid).key("euid").number(c.euid);
    json.key("gid").number(c.gid).key("egid").number(c.egid);
    Bytes capabilities;
    ByteWriter(capabilities).u64(c.capabilities);
    json.key("capabilities").text(to_hex(capabilities)).end_object();
  }
  void operator()(const event::Privilege& p) const {
    json.key("type").text("privilege").key("pid").number(p.pid);
    credentials("from", p.before);
    credentials("to", p.now);
  }
  void operator()(const event::Grant& g) const {
    json.key("type").text("grant").key("stream").text(to_string(g.stream));
  }
  void operator()(const event::Finding& f) const {
    json.key("type").text("finding").key("rule").text(f.rule).key("what").text(f.what);
    if (f.stream) json.key("stream").text(to_string(*f.stream));
    if (f.sequence) json.key("segment").number(*f.sequence);
  }
  void operator()(const event::Terms& t) const {
    json.key("type").text("terms").key("rule").number(t.rule).key("rule_name").text(t.rule_name);
    json.key("policy_version").number(t.version);
    if (t.policy_hash) json.key("policy_hash").text(to_hex(*t.policy_hash));
    json.key("input").text(event::input_policy_name(t.input_policy));
    json.key("output").boolean(t.keeps_output).key("open").boolean(t.open);
    json.key("lines_in_facts").boolean(t.lines_in_facts);
    json.key("transfers").text(t.digests ? "digest" : "whole");
    json.key("banner").text(t.banner);
    if (!t.reason.empty()) json.key("break_glass").text(t.reason);
  }
  void operator()(const event::Person& p) const {
    json.key("type").text("person").key("name").text(p.name).key("roles").begin_array();
    for (const std::string& role : p.roles) json.text(role);
    json.end_array().key("rule").text(p.rule).key("through").text(p.through);
    if (p.by) json.key("by").text(event::known_name(*p.by));
    if (p.by_arrival) json.key("arrival").boolean(true);
    json.key("version").number(p.version);
    if (p.roles_hash) json.key("roles_hash").text(to_hex(*p.roles_hash));
  }
  void operator()(const event::Sudo& s) const {
    json.key("type").text("sudo").key("what").text(event::sudo_name(s.what));
    json.key("why").text(s.why).key("plugin").text(s.plugin).key("file").text(s.file);
    json.key("argv").begin_array();
    for (const std::string& argument : s.argv) json.text(argument);
    json.end_array().key("cwd").text(s.cwd).key("by").text(s.by);
    if (s.by_uid) json.key("by_uid").number(*s.by_uid);
    json.key("tty").text(s.tty).key("host").text(s.host).key("as").text(s.as);
    if (s.as_uid) json.key("as_uid").number(*s.as_uid);
    json.key("as_group").text(s.as_group);
    if (s.as_gid) json.key("as_gid").number(*s.as_gid);
  }
  void operator()(const event::Opening& o) const {
    json.key("type").text("opening").key("acknowledged").boolean(o.acknowledged);
    json.key("waited").seconds(o.waited);
  }
  void operator()(const event::HostStart& s) const {
    json.key("type").text("host-start").key("host").text(s.host).key("boot").text(s.boot_id);
    json.key("agent").text(s.agent).key("sessions").number(s.sessions);
  }
  void operator()(const event::HostStop& s) const {
    json.key("type").text("host-stop").key("why").text(s.why);
  }
  void operator()(const event::HostSummary& s) const {
    json.key("type").text("host-summary").key("open").number(s.open);
    json.key("sessions").number(s.sessions).key("lost").number(s.lost);
    json.key("excluded").number(s.excluded).key("waiting").number(s.waiting);
    json.key("waiting_bytes").number(s.waiting_bytes).key("checkpoint").number(s.checkpoint_size);
    json.key("seen").number(s.seen).key("covered").number(s.covered);
    json.key("unrecorded").number(s.unrecorded);
  }
  void operator()(const event::ClockStep& s) const {
    json.key("type").text("clock-step").key("seconds").seconds(s.by);
  }
  void operator()(const event::SessionNumber& s) const {
    json.key("type").text("session-number").key("number").number(s.number);
    json.key("stream").text(to_string(s.stream));
  }
  void operator()(const event::ServerStart& s) const {
    json.key("type").text("server-start").key("host").text(s.host).key("program").text(s.program);
  }
  void operator()(const event::ServerStop& s) const {
    json.key("type").text("server-stop").key("why").text(s.why);
  }
  void operator()(const event::Scrub& s) const {
    json.key("type").text("scrub").key("volumes").number(s.volumes).key("leaves").number(s.leaves);
    json.key("bytes").number(s.bytes).key("faults").number(s.faults).key("took").seconds(s.took);
  }
  void operator()(const event::Probe& p) const {
    json.key("type").text("probe").key("store").text(p.store).key("canary").text(p.canary);
    json.key("mode").text(p.mode).key("clock_ahead").seconds(p.ahead).key("failed").text(p.failed);
  }
  void operator()(const event::Asked& a) const {
    using Kind = event::Asked::Kind;
    json.key("type").text(a.kind == Kind::kLogin    ? "login"
                          : a.kind == Kind::kAccess ? "access"
                                                    : "refusal");
    json.key("person").text(a.person).key("token").text(a.token).key("peer").text(a.peer);
    json.key("what").text(a.what).key("purpose").text(a.purpose);
    if (a.stream) json.key("stream").text(to_string(*a.stream));
    if (a.next > 0) json.key("first").number(a.first).key("next").number(a.next);
    json.key("count").number(std::max<uint64_t>(1, a.count));
  }
  void operator()(const event::Change& c) const {
    json.key("type").text("change").key("what").text(c.what);
  }
  void operator()(const event::Unknown& u) const {
    json.key("type").text("unknown").key("number").number(u.type).key("hex").text(
        to_hex(u.encoded));
  }
};

Result<Unreadable> export_json(Exported& source, Sink& sink) {
  return source.reader.read(source.stream, {Lane::kFacts, Lane::kOutput, Lane::kInput},
                            [&](const TimedEvent& e) {
                              std::string line;
                              codec::JsonWriter json(line);
                              json.begin_object()
                                  .key("at")
                                  .seconds(e.since_start)
                                  .key("time")
                                  .text(rfc3339(e.wall))
                                  .key("lane")
                                  .text(lane_name(e.event.lane));
                              std::visit(JsonBody{json}, e.event.body);
                              if (!e.event.extra.empty())
                                json.key("extra").text(to_hex(e.event.extra));
                              json.end_object();
                              sink.write(line + "\n");
                              return true;
                            });
}

Result<Unreadable> write(Exported& source, Sink& sink, const std::string& format) {
  using Pipe = event::Piped::Pipe;
  if (format == "raw") return export_raw(source, sink, Pipe::kOutput);
  if (format == "raw-error") return export_raw(source, sink, Pipe::kError);
  if (format == "raw-input") return export_raw(source, sink, Pipe::kInput);
  if (format == "text") return export_text(source, sink);
  if (format == "json") return export_json(source, sink);
  return export_asciicast(
      source, sink,
      format == "asciicast-v2" ? event::AsciicastVersion::kV2 : event::AsciicastVersion::kV3);
}

Status run(Context& context, const ExportOptions& options) {
  TRY(const auto ledger, open_source(context, "export"));
  TRY(const auto identities, load_identities(context, options.identity));
  TRY(const StreamId id, find_session(ledger->catalog(), options.session));
  SessionReader reader(*ledger, identities);
  TRY_VOID(ledger->check_is_there(*ledger->catalog().find(id)));
  Exported source{reader, *ledger->catalog().find(id), {}};
  TRY(source.facts, reader.facts(source.stream));
  TRY(auto sink, Sink::open(options.output));
  TRY(auto unreadable, write(source, sink, options.format));
  TRY_VOID(sink.finish());
  const bool wants_input = options.format == "raw-input";
  if (unreadable.contains(wants_input ? Lane::kInput : Lane::kOutput)) {
    return fail(Code::kPermission, "no identity here opens what session " + to_string(id) +
                                       (wants_input ? " was sent" : " showed") +
                                       "; give one with --identity FILE");
  }
  for (Lane lane : unreadable)
    warn("no identity here opens the " + std::string(lane_name(lane)) + " lane: left out");
  return {};
}

}  // namespace

int export_session(Context& context, const ExportOptions& options) {
  const Status done = run(context, options);
  return done ? kExitOk : report(done.error());
}

}  // namespace stele::cli
