#include <algorithm>
#include <cstdio>
#include <thread>

#include "cli/commands.h"
#include "cli/host_facts.h"
#include "cli/memory.h"
#include "cli/source.h"
#include "codec/json.h"
#include "ledger/predecessor.h"
#include "ledger/surroundings.h"
#include "ledger/tree_check.h"
#include "os/terminal_mode.h"
#include "vault/local_vault.h"

namespace stele::cli {
namespace {

using ledger::Fault;
using ledger::Report;
using ledger::StreamReport;
using ledger::Verdict;

constexpr size_t kCheckpointBytesMax = size_t{64} << 10;

void write_faults(codec::JsonWriter& json, const std::vector<Fault>& faults) {
  json.key("faults").begin_array();
  for (const Fault& f : faults)
    json.begin_object().key("what").text(f.what).key("where").text(f.where).end_object();
  json.end_array();
}

void print_json(const Report& report, const std::vector<StreamReport>& streams) {
  std::string out;
  codec::JsonWriter json(out);
  json.begin_object()
      .key("verdict")
      .text(verdict_name(report.verdict))
      .key("origin")
      .text(report.origin);
  if (report.checkpoint) json.key("covered").number(report.checkpoint->size);
  json.key("leaves")
      .number(report.leaves)
      .key("bytes")
      .number(report.bytes)
      .key("streams")
      .begin_array();
  for (const StreamReport& s : streams) {
    json.begin_object()
        .key("stream")
        .text(to_string(s.stream))
        .key("verdict")
        .text(verdict_name(s.verdict));
    json.key("kind").text(segment::kind_name(s.kind));
    json.key("segments").number(s.segments).key("bytes").number(s.bytes).key("gaps").number(s.gaps);
    json.key("unsealed").number(s.unsealed).key("skewed").boolean(s.skewed);
    if (s.expired) {
      json.key("expired").begin_object().key("leaf").number(s.expired->record);
      json.key("at").text(rfc3339(s.expired->at)).end_object();
    }
    write_faults(json, s.faults);
    json.end_object();
  }
  json.end_array();
  write_faults(json, report.faults);
  json.key("notes").begin_array();
  for (const std::string& note : report.notes) json.text(note);
  json.end_array().end_object();
  std::printf("%s\n", out.c_str());
}

void print_faults(const std::vector<Fault>& faults) {
  for (const Fault& f : faults)
    std::printf("    %s: %s\n", f.what.c_str(), printable(f.where).c_str());
}

void print_text(const Report& report, const std::vector<StreamReport>& streams) {
  for (const StreamReport& s : streams) {
    const std::string expired = s.expired ? ", on " + rfc3339(s.expired->at).substr(0, 10) +
                                                " by leaf " + std::to_string(s.expired->record)
                                          : "";
    std::printf("%-9s %s  %llu segments, %s%s%s%s\n", std::string(verdict_name(s.verdict)).c_str(),
                to_string(s.stream).c_str(), static_cast<unsigned long long>(s.segments),
                human_bytes(s.bytes).c_str(), s.gaps > 0 ? ", with gaps" : "",
                s.skewed ? ", clock skewed" : "", expired.c_str());
    print_faults(s.faults);
  }
  if (!report.faults.empty()) std::printf("ledger\n");
  print_faults(report.faults);
  for (const std::string& note : report.notes) std::printf("  note: %s\n", note.c_str());
  std::printf("\n%s: %s. %llu leaves, %s read", report.origin.c_str(),
              std::string(verdict_name(report.verdict)).c_str(),
              static_cast<unsigned long long>(report.leaves), human_bytes(report.bytes).c_str());
  if (report.checkpoint)
    std::printf(", checkpoint covers %llu",
                static_cast<unsigned long long>(report.checkpoint->size));
  std::printf(".\n");
}

int exit_status(Verdict verdict) {
  if (verdict >= Verdict::kMissing) return kExitFault;
  return verdict == Verdict::kUnknown ? kExitUnknown : kExitOk;
}

ledger::Remembered memory_of(Source& source, const ledger::Trust& trust,
                             const receipt::Checkpoint& checkpoint) {
  const auto policy = ledger::load_verifier_key(source.files(), source.layout().policy_vkey());
  ledger::Remembered what{trust.log.to_string(),
                          {},
                          policy ? policy->to_string() : "",
                          checkpoint.size,
                          checkpoint.root};
  for (const auto& host : trust.hosts.entries()) {
    what.host_vkeys.push_back(
        receipt::VerifierKey{host.name, receipt::KeyType::kNote, host.key}.to_string());
  }
  return what;
}

ledger::VerifyOptions verifier_options(Context& context, const VerifyOptions& options) {
  ledger::VerifyOptions out;
  out.threads =
      options.threads != 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
  out.every_signature = options.every_signature;
  out.now = context.clock.wall();
  out.is_live = [&context](const StreamId& id) { return is_live(context, id); };
  if (!context.json && os::is_terminal(2)) {
    out.progress = [last = uint64_t{101}](uint64_t done, uint64_t all) mutable {
      const uint64_t percent = all == 0 ? 100 : done * 100 / all;
      if (percent != last)
        std::fprintf(stderr, "\r%3llu %% of %s ", static_cast<unsigned long long>(percent),
                     human_bytes(all).c_str());
      if (percent == 100 && last != 100) std::fputs("\r\033[K", stderr);
      last = percent;
    };
  }
  return out;
}

/// Of the streams that are the server's own, the one it writes to now is the last.
std::function<bool(const StreamId&)> written_by(Source& source) {
  return [&source](const StreamId& id) {
    if (source.catalog().streams().empty() && !source.load()) return false;
    const auto& streams = source.catalog().streams();
    const auto last = std::find_if(streams.rbegin(), streams.rend(), [](const auto& stream) {
      return stream.kind == segment::Kind::kServer;
    });
    return last != streams.rend() && last->id == id;
  };
}

// Tiles and checkpoint alone: that the log is one, and goes on from what was seen of it before.
Report verify_log(Source& source, const ledger::Trust& trust,
                  const std::optional<ledger::Remembered>& memory) {
  Report report;
  report.origin = trust.log.name;
  const vault::LocalVault vault(source.files(), source.layout().vault());
  auto tree = ledger::read_tree(vault, [&]() -> std::optional<receipt::Checkpoint> {
    const auto note = vault.get("checkpoint", kCheckpointBytesMax);
    const auto checkpoint = note ? receipt::open_checkpoint(*note, trust.log)
                                 : Result<receipt::Checkpoint>(fail(note.error()));
    if (checkpoint) return *checkpoint;
    report.faults.push_back(
        note ? Fault{Verdict::kTampered, "bad checkpoint",
                     "vault/log/checkpoint: " + checkpoint.error().context}
             : ledger::unread(note.error(), "checkpoint", "vault/log/checkpoint"));
    return std::nullopt;
  });
  if (tree) {
    report.checkpoint = tree->checkpoint();
    if (!tree->establish()) {
      report.faults.push_back({tree->unreadable() ? Verdict::kUnknown : Verdict::kTampered,
                               tree->unreadable() ? "unreadable tree" : "forked",
                               "vault/log/checkpoint: no tiles give its root"});
    } else {
      report.leaves = tree->checkpoint().size;
      for (Fault& fault : tree->check_files()) report.faults.push_back(std::move(fault));
    }
  }
  const bool is_there = tree && tree->established();
  if (memory) {
    for (Fault& fault :
         ledger::check_memory(*memory, trust, report.checkpoint, is_there ? &*tree : nullptr))
      report.faults.push_back(std::move(fault));
  }
  report.notes.push_back("the log alone: no segment was read, and no stream has a verdict");
  for (const Fault& fault : report.faults) report.verdict = std::max(report.verdict, fault.weight);
  return report;
}

// Only a checkpoint that proved good is remembered, and never an older one over a newer.
void keep_in_mind(Context& context, Source& source, const ledger::Trust& trust, Report& report) {
  const std::string memory = memory_directory();
  if (memory.empty()) {
    report.notes.push_back(
        "neither XDG_STATE_HOME nor HOME is set: nothing is remembered, and no roll-back since the "
        "last time can be noticed");
  } else if (report.checkpoint && report.verdict == Verdict::kIntact) {
    const auto what = memory_of(source, trust, *report.checkpoint);
    if (const auto kept = remember(context.files, memory, trust.log.name, what); !kept)
      report.notes.push_back("not remembered for next time: " + kept.error().message());
  }
}

// What hosts say of themselves is sealed, and of no weight in a verdict: it is for who may read it.
void add_host_notes(Source& source, const ledger::Trust& trust,
                    std::span<const crypto::Identity> identities, Report& report) {
  const auto streams =
      std::count_if(report.streams.begin(), report.streams.end(),
                    [](const StreamReport& s) { return s.kind == segment::Kind::kHost; });
  const auto say_sealed = [&](size_t count) {
    report.notes.push_back(
        std::to_string(count) +
        (count == 1 ? " stream of a host is sealed, and what it says was not looked into"
                    : " streams of hosts are sealed, and what they say was not looked into") +
        " (--identity FILE opens it)");
  };
  if (streams == 0) return;
  if (identities.empty()) return say_sealed(static_cast<size_t>(streams));
  const Status loaded = source.load();
  if (!loaded) {
    report.notes.push_back("what hosts say was not looked into: " + loaded.error().message());
    return;
  }
  HostReader reader(source, trust.hosts, identities);
  for (const HostFacts& host : reader.read()) {
    for (const std::string& line : doubts(host))
      report.notes.push_back("host " + printable(host.name) + ": " + line);
  }
  if (reader.sealed() > 0) say_sealed(reader.sealed());
  for (const Error& error : reader.unread())
    report.notes.push_back("not looked into: " + printable(error.message()));
}

// A private key that only lies there is none that was asked for.
Result<std::vector<crypto::Identity>> identities_for(Context& context,
                                                     const VerifyOptions& options) {
  auto identities = load_identities(context, options.identity);
  if (!identities && options.identity.empty()) return std::vector<crypto::Identity>{};
  return identities;
}

Result<Report> run(Context& context, const VerifyOptions& options) {
  TRY(const auto identities, identities_for(context, options));
  TRY(const auto source, name_source(context, "verify"));
  TRY(const ledger::Trust trust, load_trust(source->files(), source->layout()));
  auto how = verifier_options(context, options);
  if (!context.remote.server.empty()) how.is_live = written_by(*source);
  if (!options.forget) {
    TRY(how.memory, recall(context.files, memory_directory(), trust.log.name));
    const auto predecessor = ledger::load_predecessor(source->files(), source->layout());
    if (predecessor && *predecessor) {
      TRY(how.memory_before,
          recall(context.files, memory_directory(), (*predecessor)->before.name));
    }
  }
  if (options.log_only) {
    Report report = verify_log(*source, trust, how.memory);
    keep_in_mind(context, *source, trust, report);
    return report;
  }
  TRY(auto report, ledger::verify(source->files(), source->layout(), trust, how));
  keep_in_mind(context, *source, trust, report);
  add_host_notes(*source, trust, identities, report);
  return report;
}

}  // namespace

int verify(Context& context, const VerifyOptions& options) {
  const bool is_directory =
      context.remote.server.empty() && context.files.exists(options.session + "/log.vkey");
  if (is_directory) context.layout.directory = options.session;
  auto report = run(context, options);
  if (!report) return cli::report(report.error());
  std::vector<StreamReport> streams = report->streams;
  Verdict verdict = report->verdict;
  if (!options.session.empty() && !is_directory) {
    std::vector<StreamId> ids;
    for (const auto& s : report->streams) ids.push_back(s.stream);
    const auto id = find_session(ids, options.session);
    if (!id) return cli::report(id.error());
    std::erase_if(streams, [&](const StreamReport& s) { return s.stream != *id; });
  }
  context.json ? print_json(*report, streams) : print_text(*report, streams);
  return exit_status(verdict);
}

}  // namespace stele::cli
