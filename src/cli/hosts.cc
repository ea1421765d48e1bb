#include <algorithm>
#include <cstdio>
#include <map>

#include "cli/commands.h"
#include "cli/session_reader.h"
#include "cli/time_text.h"
#include "codec/json.h"
#include "ledger/keys.h"

namespace stele::cli {
namespace {

// What a host's own streams say of it, in the order they were sealed.
struct HostFacts {
  std::string name;
  std::string machine_id = {}, state = {};
  WallTime heard = {};  // its last event
  uint32_t epoch = 0;
  uint64_t newest = 0,
           open = 0;  // sessions: the newest one's number, and how many are recorded now
  std::optional<uint64_t> expected = {};  // the next session's number
  std::optional<event::HostSummary> summary = {};
  std::vector<event::SessionNumber> missing = {};  // of which the ledger has no stream
  std::vector<std::pair<uint64_t, uint64_t>> skipped =
      {};  // numbers that nobody explains: from, to
  std::vector<std::pair<WallTime, event::ClockStep>> steps = {};
  std::vector<std::pair<WallTime, event::Finding>> findings = {};
};

class HostReader {
 public:
  HostReader(Source& source, ledger::HostKeys keys, std::span<const crypto::Identity> identities)
      : source_(source), keys_(std::move(keys)), reader_(source, identities) {}

  Result<std::vector<HostFacts>> read() {
    for (const ledger::StreamRef& stream : source_.catalog().streams()) {
      if (stream.kind == segment::Kind::kHost) TRY_VOID(read_stream(stream));
    }
    return std::move(hosts_);
  }
  /// Streams that this reader has no key for.
  size_t sealed() const { return sealed_; }

 private:
  Status read_stream(const ledger::StreamRef& stream) {
    TRY(const std::string name, name_of(stream));
    HostFacts& host = facts_of(name);
    const auto take = [&](const TimedEvent& e) {
      note(host, e);
      return true;
    };
    TRY(const auto unreadable, reader_.read(stream, {event::Lane::kFacts}, take));
    sealed_ += unreadable.empty() ? 0 : 1;
    TRY(const Bytes front, source_.front(stream.segments.back()));
    TRY(const auto header, segment::parse_header(front));
    host.epoch = header.key_epoch;
    host.state = stream.closed() ? "stopped" : source_.may_go_on(stream) ? "up" : "cut";
    return {};
  }

  // As it was enrolled: by the key of its first stream, which the later ones go on with.
  Result<std::string> name_of(const ledger::StreamRef& stream) {
    TRY(const auto manifest, source_.manifest_of(stream.segments.front()));
    std::string& name = names_[stream.id];
    if (manifest.continues) name = names_[manifest.continues->stream];
    for (const auto& entry : keys_.entries()) {
      if (name.empty() && entry.id == stream.segments.front().leaf.host_key)
        name = entry.name.substr(entry.name.rfind('/') + 1);
    }
    if (name.empty()) name = "?";
    return name;
  }

  HostFacts& facts_of(const std::string& name) {
    const auto is_it = [&](const HostFacts& known) { return known.name == name; };
    const auto known = std::find_if(hosts_.begin(), hosts_.end(), is_it);
    return known != hosts_.end() ? *known : hosts_.emplace_back(HostFacts{.name = name});
  }

  void note(HostFacts& host, const TimedEvent& e) {
    host.heard = std::max(host.heard, e.wall);
    if (const auto* start = std::get_if<event::HostStart>(&e.event.body)) {
      host.machine_id = start->machine_id;
      host.expected = start->sessions + 1;
    } else if (const auto* summary = std::get_if<event::HostSummary>(&e.event.body)) {
      host.summary = *summary;
    } else if (const auto* step = std::get_if<event::ClockStep>(&e.event.body)) {
      host.steps.emplace_back(e.wall, *step);
    } else if (const auto* finding = std::get_if<event::Finding>(&e.event.body)) {
      host.findings.emplace_back(e.wall, *finding);
    } else if (const auto* session = std::get_if<event::SessionNumber>(&e.event.body)) {
      number(host, *session);
    }
  }

  void number(HostFacts& host, const event::SessionNumber& session) {
    if (host.expected && session.number > *host.expected)
      host.skipped.emplace_back(*host.expected, session.number - 1);
    host.expected = session.number + 1;
    host.newest = std::max(host.newest, session.number);
    const ledger::StreamRef* stream = source_.catalog().find(session.stream);
    if (stream == nullptr) {
      host.missing.push_back(session);
    } else if (!stream->closed() && source_.may_go_on(*stream)) {
      ++host.open;
    }
  }

  Source& source_;
  const ledger::HostKeys keys_;
  SessionReader reader_;
  std::map<StreamId, std::string> names_;
  std::vector<HostFacts> hosts_;
  size_t sealed_ = 0;
};

void print_json(const std::vector<HostFacts>& hosts) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_array();
  for (const HostFacts& h : hosts) {
    json.begin_object().key("host").text(h.name).key("machine_id").text(h.machine_id);
    json.key("state").text(h.state).key("heard").text(rfc3339(h.heard));
    json.key("epoch").number(h.epoch).key("sessions").number(h.newest).key("open").number(h.open);
    if (h.summary) {
      json.key("excluded").number(h.summary->excluded).key("lost").number(h.summary->lost);
      json.key("waiting").number(h.summary->waiting);
      json.key("waiting_bytes").number(h.summary->waiting_bytes);
      json.key("checkpoint").number(h.summary->checkpoint_size);
      if (h.summary->offset) json.key("clock_offset_seconds").seconds(*h.summary->offset);
    }
    json.key("missing").begin_array();
    for (const event::SessionNumber& m : h.missing) {
      json.begin_object().key("number").number(m.number);
      json.key("session").text(to_string(m.stream)).end_object();
    }
    json.end_array().key("skipped").begin_array();
    for (const auto& [from, to] : h.skipped)
      json.begin_object().key("from").number(from).key("to").number(to).end_object();
    json.end_array().key("clock_steps").begin_array();
    for (const auto& [at, step] : h.steps)
      json.begin_object().key("at").text(rfc3339(at)).key("seconds").seconds(step.by).end_object();
    json.end_array().key("findings").begin_array();
    for (const auto& [at, finding] : h.findings) {
      json.begin_object().key("at").text(rfc3339(at)).key("rule").text(finding.rule);
      json.key("what").text(finding.what).end_object();
    }
    json.end_array().end_object();
  }
  json.end_array();
  std::printf("%s\n", text.c_str());
}

void print_host(const HostFacts& h) {
  std::printf("%-20s %-8s heard %.19s  key %u  sessions %llu, %llu open", printable(h.name).c_str(),
              h.state.c_str(), rfc3339(h.heard).c_str(), h.epoch,
              static_cast<unsigned long long>(h.newest), static_cast<unsigned long long>(h.open));
  if (h.summary) {
    std::printf("  waiting %llu  left out %llu  lost %llu",
                static_cast<unsigned long long>(h.summary->waiting),
                static_cast<unsigned long long>(h.summary->excluded),
                static_cast<unsigned long long>(h.summary->lost));
    if (h.summary->offset)
      std::printf("  clock %+.3f s", static_cast<double>(h.summary->offset->count()) / 1e6);
  }
  std::printf("\n");
  for (const event::SessionNumber& m : h.missing)
    std::printf("    missing: session %llu (%s) was begun, and the ledger has nothing of it\n",
                static_cast<unsigned long long>(m.number), to_string(m.stream).c_str());
  for (const auto& [from, to] : h.skipped)
    std::printf("    skipped: session numbers %llu to %llu, and no start of the agent says why\n",
                static_cast<unsigned long long>(from), static_cast<unsigned long long>(to));
  for (const auto& [at, step] : h.steps)
    std::printf("    clock step: %.19s, by %+.3f s\n", rfc3339(at).c_str(),
                static_cast<double>(step.by.count()) / 1e6);
  for (const auto& [at, finding] : h.findings)
    std::printf("    %s: %.19s, %s\n", printable(finding.rule).c_str(), rfc3339(at).c_str(),
                printable(finding.what).c_str());
}

Status list_hosts(Context& context, const std::string& identity) {
  TRY(auto source, open_source(context, "hosts"));
  TRY(const auto identities, load_identities(context, identity));
  TRY(auto keys, ledger::HostKeys::load(source->files(), source->layout().host_vkey()));
  HostReader reader(*source, std::move(keys), identities);
  TRY(const auto hosts, reader.read());
  if (context.json) {
    print_json(hosts);
  } else {
    for (const HostFacts& host : hosts) print_host(host);
  }
  if (reader.sealed() > 0) {
    warn(std::to_string(reader.sealed()) +
         " streams of hosts are sealed to others: name an identity that opens them (--identity)");
  }
  return {};
}

}  // namespace

int hosts(Context& context, const std::string& identity) {
  const Status listed = list_hosts(context, identity);
  return listed ? kExitOk : report(listed.error());
}

}  // namespace stele::cli
