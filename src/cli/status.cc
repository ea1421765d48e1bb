#include <algorithm>
#include <cstdio>

#include "agent/config.h"
#include "agent/status_file.h"
#include "cli/commands.h"
#include "codec/json.h"
#include "ledger/head.h"
#include "ledger/recipients_list.h"
#include "ledger/repair.h"
#include "vault/local_vault.h"

namespace stele::cli {
namespace {

constexpr size_t kIdLineBytesMax = 64;
constexpr Micros kSilentMin = std::chrono::seconds(30);  // an agent says how it is every 10

std::string protection_text(Context& context, const std::string& path, os::Protection wanted) {
  const auto now = context.files.protection(path);
  if (!now && now.error().code == Code::kUnsupported)
    return "none: the file system has no append-only or immutable flag";
  if (!now) return "unknown: " + now.error().message();
  if (*now == os::Protection::kImmutable)
    return "immutable (undone only with CAP_LINUX_IMMUTABLE: root)";
  if (*now == os::Protection::kAppendOnly)
    return "append-only (undone only with CAP_LINUX_IMMUTABLE: root)";
  const auto why = context.files.protect(path, wanted);
  return "none: " + (why ? std::string("the flag was off; it is set now") : why.error().message());
}

struct Volumes {
  size_t count = 0;
  uint64_t bytes = 0;
  std::string open, closed;            // protection of the newest, and of the newest closed one
  size_t immutable = 0, verified = 0;  // of the closed ones: as many have the flag, and fs-verity
  std::string verity;                  // of the newest closed one, where it has it
};

Result<Volumes> look_at_volumes(Context& context) {
  const vault::LocalVault vault(context.files, context.layout.vault());
  TRY(const auto names, vault.volumes());
  Volumes out;
  out.count = names.size();
  for (const auto& name : names) {
    TRY(const auto file, vault.read_volume(name));
    TRY(const uint64_t size, file->size());
    out.bytes += size;
    if (name == names.back()) continue;
    const auto protection = context.files.protection(vault.path(name));
    out.immutable += protection && *protection == os::Protection::kImmutable ? 1 : 0;
    const auto verity = context.files.verity(vault.path(name));
    out.verity = verity ? verity->value_or("") : "";
    out.verified += out.verity.empty() ? 0 : 1;
  }
  if (!names.empty())
    out.open = protection_text(context, vault.path(names.back()), os::Protection::kAppendOnly);
  if (names.size() > 1)
    out.closed =
        protection_text(context, vault.path(names[names.size() - 2]), os::Protection::kImmutable);
  return out;
}

// A server's own stream lives too, and is none.
Result<size_t> live_sessions(Context& context) {
  TRY(const auto names, context.files.list(context.layout.live()));
  const auto own = context.files.read(context.layout.state() + "/server-stream", kIdLineBytesMax);
  size_t live = 0;
  for (const std::string& name : names) {
    const auto id = parse_stream_id(name);
    const bool is_own = own && as_text(*own) == name + "\n";
    live += id && !is_own && is_live(context, *id) ? 1 : 0;
  }
  return live;
}

/// What the agent of an enrolled host said last.
Status print_host(Context& context, const std::string& configuration) {
  TRY(const agent::Config config, agent::load_config(context.files, configuration));
  auto said = agent::read_standing(context.files, config.run);
  if (!said && said.error().code == Code::kNotFound)
    return fail(Code::kNotFound, configuration + ": no agent ran here since the boot");
  TRY(const agent::Standing standing, std::move(said));
  const Micros ago = std::max(Micros(0), Micros(context.clock.wall() - standing.at));
  const bool is_silent = ago > kSilentMin;
  const event::HostSummary& counts = standing.counts;
  if (context.json) {
    std::string out;
    codec::JsonWriter json(out);
    json.begin_object().key("host").text(standing.host).key("agent").text(standing.agent);
    json.key("said_seconds_ago").seconds(ago).key("silent").boolean(is_silent);
    json.key("commands").text(standing.commands).key("missing").text(standing.missing);
    json.key("open").number(counts.open).key("sessions").number(counts.sessions);
    json.key("excluded").number(counts.excluded).key("lost").number(counts.lost);
    json.key("terminals_seen").number(counts.seen).key("recorded").number(counts.covered);
    json.key("unrecorded").number(counts.unrecorded).key("waiting").number(counts.waiting);
    json.key("waiting_bytes").number(counts.waiting_bytes);
    json.key("proven_leaves").number(counts.checkpoint_size).end_object();
    std::printf("%s\n", out.c_str());
    return {};
  }
  const auto number = [](uint64_t n) { return static_cast<unsigned long long>(n); };
  std::printf("%s, %s\n", printable(standing.host).c_str(), printable(standing.agent).c_str());
  std::printf(
      "  recording now   %llu; %llu in all, %llu left out by policy since the agent's start\n",
      number(counts.open), number(counts.sessions), number(counts.excluded));
  std::printf("  terminals       %llu with somebody, %llu recorded, %llu not\n",
              number(counts.seen), number(counts.covered), number(counts.unrecorded));
  std::printf("  waiting         %llu segments, %s, that no checkpoint of the server proves yet\n",
              number(counts.waiting), human_bytes(counts.waiting_bytes).c_str());
  std::printf("  commands        %s\n",
              standing.commands.empty() ? "not seen" : printable(standing.commands).c_str());
  if (!standing.missing.empty())
    std::printf("  MISSING         %s\n", printable(standing.missing).c_str());
  if (counts.lost > 0)
    std::printf("  LOST            %llu sealed records were damaged or gone\n",
                number(counts.lost));
  if (is_silent)
    std::printf("  WARNING         the agent said this %s ago, and nothing since: does it run?\n",
                human_duration(ago).c_str());
  return {};
}

void print_closed(const Volumes& volumes) {
  std::printf("  closed volumes  %s\n", volumes.closed.c_str());
  std::printf("                  of %zu, %zu immutable, %zu with fs-verity%s\n", volumes.count - 1,
              volumes.immutable, volumes.verified,
              volumes.verity.empty() ? "" : (", the newest " + volumes.verity).c_str());
}

Status print_ledger(Context& context) {
  TRY(const auto trust, load_trust(context));
  TRY(const auto head, ledger::HeadStore(context.files, context.layout.head()).load());
  TRY(const Volumes volumes, look_at_volumes(context));
  TRY(const size_t live, live_sessions(context));
  TRY(const Bytes note, context.files.read(context.layout.recipients(), size_t{64} << 10));
  TRY(const auto policy, ledger::load_verifier_key(context.files, context.layout.policy_vkey()));
  TRY(const auto recipients, ledger::open_recipients_list(note, policy));
  const bool identity_here = context.files.exists(context.layout.auditor_identity());
  const bool policy_here = context.files.exists(context.layout.policy_key());
  if (context.json) {
    std::string out;
    codec::JsonWriter json(out);
    json.begin_object()
        .key("directory")
        .text(context.layout.directory)
        .key("origin")
        .text(trust.log.name);
    json.key("leaves")
        .number(head.size)
        .key("volumes")
        .number(volumes.count)
        .key("bytes")
        .number(volumes.bytes);
    json.key("open_volume").text(volumes.open).key("closed_volumes").text(volumes.closed);
    json.key("immutable_volumes").number(volumes.immutable);
    json.key("verity_volumes").number(volumes.verified).key("verity").text(volumes.verity);
    json.key("recording_now")
        .number(live)
        .key("recovery_recipient")
        .boolean(recipients.has_recovery());
    json.key("auditor_identity_here")
        .boolean(identity_here)
        .key("policy_key_here")
        .boolean(policy_here)
        .end_object();
    std::printf("%s\n", out.c_str());
    return {};
  }
  std::printf("%s\n  log             %s\n  covered         %llu leaves\n",
              context.layout.directory.c_str(), trust.log.name.c_str(),
              static_cast<unsigned long long>(head.size));
  std::printf("  volumes         %zu, %s\n  recording now   %zu\n", volumes.count,
              human_bytes(volumes.bytes).c_str(), live);
  if (!volumes.open.empty()) std::printf("  open volume     %s\n", volumes.open.c_str());
  if (!volumes.closed.empty()) print_closed(volumes);
  std::printf(
      "  head            on the same file system as the vault: whoever rolls back one can roll "
      "back both; a checkpoint\n"
      "                  that another machine remembers (stele verify there) is what still "
      "tells\n");
  if (!recipients.has_recovery())
    std::printf("  WARNING         no recovery recipient: stele key grant age1… --role recovery\n");
  if (identity_here)
    std::printf(
        "  WARNING         auditor.age is here: whoever reads this directory reads every session. "
        "Move it offline\n");
  if (policy_here)
    std::printf(
        "  note            keys/policy.key is here; it belongs offline when recipients are "
        "settled\n");
  return {};
}

/// Of the ledger that is named or is here; on an enrolled host without one, of its agent.
Status print(Context& context, const std::string& configuration) {
  const Status is_here = require_ledger(context);
  if (is_here) return print_ledger(context);
  const bool is_host =
      is_here.error().code == Code::kNotFound && context.files.exists(configuration);
  return is_host ? print_host(context, configuration) : is_here;
}

}  // namespace

int status(Context& context, const std::string& configuration) {
  const Status done = print(context, configuration);
  return done ? kExitOk : report(done.error());
}

int repair(Context& context) {
  const auto size = [&]() -> Result<uint64_t> {
    TRY_VOID(require_ledger(context));
    TRY(const auto trust, load_trust(context));
    return ledger::repair_head(context.files, context.layout, trust.log);
  }();
  if (!size) return report(size.error());
  std::printf("The head is at %llu leaves again, as the published checkpoint says.\n",
              static_cast<unsigned long long>(*size));
  return kExitOk;
}

}  // namespace stele::cli
