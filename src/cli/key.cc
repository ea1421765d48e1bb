#include <cstdio>

#include "cli/commands.h"
#include "cli/session_reader.h"
#include "codec/json.h"
#include "event/codec.h"
#include "ledger/recipients_list.h"
#include "os/random.h"

namespace stele::cli {
namespace {

using event::Lane;

struct Listed {
  ledger::RecipientsList list;
  Bytes note;
};

Result<Listed> load_list(Context& context) {
  TRY_VOID(require_ledger(context));
  TRY(Bytes note, context.files.read(context.layout.recipients(), size_t{64} << 10));
  TRY(const auto policy, ledger::load_verifier_key(context.files, context.layout.policy_vkey()));
  TRY(auto list, ledger::open_recipients_list(note, policy));
  return Listed{std::move(list), std::move(note)};
}

// The list with one more recipient, signed and in force for every session that starts from now on.
Result<Listed> extend_list(Context& context, Listed now, const crypto::Recipient& recipient,
                           ledger::Role role) {
  const Status added = now.list.add(recipient, role);
  if (!added && added.error().code == Code::kExists) return now;
  TRY_VOID(added);
  ++now.list.serial;
  TRY(auto key, ledger::load_private_key(context.files, context.layout.policy_key()));
  TRY(const auto signer, receipt::NoteSigner::make(key.name, std::move(key.key)));
  TRY(const std::string note, signer.sign(encode(now.list)));
  TRY_VOID(context.files.replace(context.layout.recipients(), as_bytes(note)));
  now.note.assign(note.begin(), note.end());
  return now;
}

// Every lane key that the identities open, as grant events each in its own lane.
Result<segment::Batch> gather_keys(Context& context, std::span<const crypto::Identity> identities,
                                   size_t& sessions, size_t& closed_to_us) {
  const vault::Vault vault(context.files, context.layout.vault());
  TRY(const auto catalog, ledger::Catalog::read(vault));
  SessionReader reader(vault, catalog, identities);
  const BootTime now = context.clock.boot();
  std::array<event::LaneEncoder, event::kLaneCount> lanes;
  for (auto& lane : lanes) lane.begin(now);
  segment::Batch batch;
  for (const ledger::StreamRef& stream : catalog.streams()) {
    if (stream.kind != segment::Kind::kSession) continue;
    const uint32_t before = batch.event_count;
    TRY_VOID(reader.keys(stream, [&](uint32_t sequence, Lane lane, const crypto::SecretBytes& key) {
      event::Grant grant{stream.id, sequence, {}};
      std::copy(key.span().begin(), key.span().end(), grant.key.begin());
      lanes[static_cast<size_t>(lane)].event(now, grant);
      crypto::wipe(grant.key);
      ++batch.event_count;
    }));
    ++(batch.event_count > before ? sessions : closed_to_us);
  }
  for (size_t lane = 0; lane < event::kLaneCount; ++lane) batch.lanes[lane] = lanes[lane].take();
  batch.wall_first = context.clock.wall();
  batch.boot_first = batch.boot_last = now;
  return batch;
}

Status record_grants(Context& context, const Listed& listed, const segment::Batch& batch) {
  TRY(const auto host, ledger::load_private_key(context.files, context.layout.host_key()));
  TRY(const auto hosts, ledger::HostKeys::load(context.files, context.layout.host_vkey()));
  const segment::HostKeyId id = segment::host_key_id(host.name, host.key.public_key().bytes);
  segment::Sealer sealer(make_uuid_v7(context.clock.wall(), os::system_random),
                         segment::Kind::kGrants,
                         {host.key, id, static_cast<uint32_t>(hosts.entries().size())},
                         ledger::sealing_recipients(listed.list, listed.note), os::system_random);
  TRY(const auto sealed, sealer.seal(batch, true));
  TRY(auto signer, load_log_signer(context));
  TRY(auto ledger,
      ledger::Ledger::open(context.files, context.layout, context.clock, std::move(signer)));
  TRY_VOID(ledger->append(sealed.bytes));
  TRY_VOID(ledger->sync());
  return ledger->publish_through(ledger->size());
}

Result<ledger::Role> parse_role(const std::string& name) {
  for (ledger::Role role :
       {ledger::Role::kAuditor, ledger::Role::kRecovery, ledger::Role::kServer}) {
    if (role_name(role) == name) return role;
  }
  return fail(Code::kInvalid, "--role: auditor or recovery, not " + name);
}

Status run_grant(Context& context, const GrantOptions& options) {
  TRY(const auto recipient, crypto::Recipient::parse(options.recipient));
  TRY(const auto role, parse_role(options.role));
  TRY(auto now, load_list(context));
  TRY(const auto identities, load_identities(context, options.identity));
  if (identities.empty()) {
    return fail(Code::kNotFound,
                "granting needs an identity that opens the old sessions: --identity FILE");
  }
  size_t sessions = 0, closed_to_us = 0;
  TRY(const segment::Batch batch, gather_keys(context, identities, sessions, closed_to_us));
  TRY(const Listed listed, extend_list(context, std::move(now), recipient, role));
  if (batch.event_count > 0) TRY_VOID(record_grants(context, listed, batch));
  std::printf("%s may read every session from now on, and %zu recorded before.\n",
              options.recipient.c_str(), sessions);
  if (closed_to_us > 0)
    warn(std::to_string(closed_to_us) +
         " earlier sessions stay closed: the identity used here does not open them");
  return {};
}

Status run_list(Context& context) {
  TRY(const auto now, load_list(context));
  if (!context.json) {
    for (const auto& e : now.list.entries) {
      std::printf("%-7s %s %s\n", std::string(lane_name(e.lane)).c_str(),
                  e.recipient.to_string().c_str(), std::string(role_name(e.role)).c_str());
    }
    return {};
  }
  std::string out;
  codec::JsonWriter json(out);
  json.begin_array();
  for (const auto& e : now.list.entries) {
    json.begin_object()
        .key("lane")
        .text(lane_name(e.lane))
        .key("recipient")
        .text(e.recipient.to_string());
    json.key("role").text(role_name(e.role)).end_object();
  }
  json.end_array();
  std::printf("%s\n", out.c_str());
  return {};
}

}  // namespace

int grant(Context& context, const GrantOptions& options) {
  const Status done = run_grant(context, options);
  return done ? kExitOk : report(done.error());
}

int list_keys(Context& context) {
  const Status done = run_list(context);
  return done ? kExitOk : report(done.error());
}

}  // namespace stele::cli
