#include "cli/host_facts.h"

#include <algorithm>
#include <cstdio>

#include "base/clock.h"

namespace stele::cli {

std::vector<HostFacts> HostReader::read() {
  for (const ledger::StreamRef& stream : source_.catalog().streams()) {
    if (stream.kind != segment::Kind::kHost) continue;
    if (auto read = read_stream(stream); !read)
      unread_.push_back(std::move(read).error().within("a host's stream, " + to_string(stream.id)));
  }
  return std::move(hosts_);
}

Status HostReader::read_stream(const ledger::StreamRef& stream) {
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
Result<std::string> HostReader::name_of(const ledger::StreamRef& stream) {
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

HostFacts& HostReader::facts_of(const std::string& name) {
  const auto is_it = [&](const HostFacts& known) { return known.name == name; };
  const auto known = std::find_if(hosts_.begin(), hosts_.end(), is_it);
  return known != hosts_.end() ? *known : hosts_.emplace_back(HostFacts{.name = name});
}

void HostReader::note(HostFacts& host, const TimedEvent& e) {
  host.heard = std::max(host.heard, e.wall);
  host.coverage.note(e.wall, e.event.body);
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

void HostReader::number(HostFacts& host, const event::SessionNumber& session) {
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

std::vector<std::string> doubts(const HostFacts& host) {
  std::vector<std::string> lines;
  for (const event::SessionNumber& m : host.missing)
    lines.push_back("missing: session " + std::to_string(m.number) + " (" + to_string(m.stream) +
                    ") was begun, and the ledger has nothing of it");
  for (const auto& [from, to] : host.skipped)
    lines.push_back("skipped: session numbers " + std::to_string(from) + " to " +
                    std::to_string(to) + ", and no start of the agent says why");
  for (const auto& [at, step] : host.steps) {
    char by[32];
    std::snprintf(by, sizeof by, "%+.3f s", static_cast<double>(step.by.count()) / 1e6);
    lines.push_back("clock step: " + rfc3339(at).substr(0, 19) + ", by " + by);
  }
  return lines;
}

}  // namespace stele::cli
