#include <cstdio>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/host_facts.h"
#include "codec/json.h"

namespace stele::cli {
namespace {

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
  for (const std::string& line : doubts(h)) std::printf("    %s\n", line.c_str());
  for (const auto& [at, finding] : h.findings)
    std::printf("    %s: %.19s, %s\n", printable(finding.rule).c_str(), rfc3339(at).c_str(),
                printable(finding.what).c_str());
}

void print_coverage_json(const std::vector<HostFacts>& hosts) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_array();
  for (const HostFacts& h : hosts) {
    for (const auto& [date, day] : h.coverage.days()) {
      json.begin_object().key("host").text(h.name).key("day").text(date);
      json.key("seen").number(day.seen).key("recorded").number(day.covered);
      json.key("unrecorded").number(day.unrecorded).key("undecided").number(day.undecided());
      json.key("sessions").number(day.sessions).key("findings").begin_array();
      for (const auto& [at, finding] : day.findings) {
        json.begin_object().key("at").text(rfc3339(at)).key("rule").text(finding.rule);
        json.key("what").text(finding.what).end_object();
      }
      json.end_array().key("away").begin_array();
      for (const CoverageDay::Away& away : day.away) {
        json.begin_object().key("from").text(rfc3339(away.from)).key("to").text(rfc3339(away.to));
        json.key("why").text(away.why).end_object();
      }
      json.end_array().end_object();
    }
  }
  json.end_array();
  std::printf("%s\n", text.c_str());
}

Status list_hosts(Context& context, const std::string& identity, bool coverage) {
  TRY(auto source, open_source(context, "hosts"));
  TRY(const auto identities, load_identities(context, identity));
  TRY(auto keys, ledger::HostKeys::load(source->files(), source->layout().host_vkey()));
  HostReader reader(*source, std::move(keys), identities);
  const auto hosts = reader.read();
  if (context.json) {
    coverage ? print_coverage_json(hosts) : print_json(hosts);
  } else if (coverage) {
    for (const HostFacts& host : hosts)
      for (const std::string& line : lines_of(host.coverage, host.name, host.state))
        std::printf("%s\n", line.c_str());
  } else {
    for (const HostFacts& host : hosts) print_host(host);
  }
  if (reader.sealed() > 0) {
    warn(std::to_string(reader.sealed()) +
         " streams of hosts are sealed to others: name an identity that opens them (--identity)");
  }
  if (!reader.unread().empty()) return fail(reader.unread().front());
  return {};
}

}  // namespace

int hosts(Context& context, const std::string& identity, bool coverage) {
  const Status listed = list_hosts(context, identity, coverage);
  return listed ? kExitOk : report(listed.error());
}

}  // namespace stele::cli
