#include <cstdio>

#include "cli/commands.h"
#include "cli/session_reader.h"
#include "codec/json.h"
#include "event/codec.h"
#include "ledger/directory_ledger.h"
#include "ledger/recipients_store.h"
#include "ledger/setup.h"
#include "os/random.h"

namespace stele::cli {
namespace {

using event::Lane;

Result<ledger::SignedRecipients> load_list(Context& context) {
  TRY_VOID(require_ledger(context));
  TRY(Bytes note, context.files.read(context.layout.recipients(), ledger::kRecipientsListBytesMax));
  TRY(const auto policy, ledger::load_verifier_key(context.files, context.layout.policy_vkey()));
  return ledger::open_signed_recipients(std::move(note), policy);
}

// The list with one more recipient, signed and in force for whatever is sealed from now on. Two
// lists of one serial would each be refused by who has the other: one writer at a time.
Result<ledger::SignedRecipients> extend_list(Context& context, const crypto::Recipient& recipient,
                                             ledger::Role role) {
  TRY(const auto alone,
      context.files.lock(context.layout.state() + "/recipients.lock", os::Wait::kYes));
  TRY(auto now, load_list(context));
  ledger::RecipientsList next = now.list;
  const Status added = next.add(recipient, role);
  if (!added && added.error().code == Code::kExists) return now;
  TRY_VOID(added);
  ++next.serial;
  TRY(auto key, ledger::load_private_key(context.files, context.layout.policy_key()));
  TRY(const auto signer, receipt::NoteSigner::make(key.name, std::move(key.key)));
  TRY(const std::string note, signer.sign(encode(next)));
  TRY_VOID(ledger::keep_recipients_list(context.files, context.layout, now.note));
  TRY_VOID(context.files.replace(context.layout.recipients(), as_bytes(note)));
  return ledger::open_signed_recipients(Bytes(note.begin(), note.end()), signer.key());
}

/// Lane keys on their way into the segments of one grants stream.
class Grants {
 public:
  explicit Grants(Clock& clock) : clock_(clock) { begin(); }

  void add(const StreamId& stream, uint32_t sequence, Lane lane, const crypto::SecretBytes& key) {
    event::LaneEncoder& encoder = lanes_[static_cast<size_t>(lane)];
    event::Grant grant{stream, sequence, {}};
    std::copy(key.span().begin(), key.span().end(), grant.key.begin());
    encoder.event(batch_.boot_first, grant);
    crypto::wipe(grant.key);
    ++batch_.event_count;
    ++count_;
    if (encoder.bytes().size() >= kBatchBytes) end();
  }
  size_t count() const { return count_; }
  /// Every batch, in order; empty if no key was added.
  std::vector<segment::Batch> take() {
    if (batch_.event_count > 0) end();
    return std::move(batches_);
  }

 private:
  static constexpr size_t kBatchBytes = size_t{256} << 10;

  void begin() {
    batch_ = {};
    batch_.wall_first = clock_.wall();
    batch_.boot_first = batch_.boot_last = clock_.boot();
    for (auto& lane : lanes_) lane.begin(batch_.boot_first);
  }
  void end() {
    for (size_t lane = 0; lane < event::kLaneCount; ++lane)
      batch_.lanes[lane] = lanes_[lane].take();
    batches_.push_back(std::move(batch_));
    begin();
  }

  Clock& clock_;
  std::array<event::LaneEncoder, event::kLaneCount> lanes_;
  segment::Batch batch_;
  std::vector<segment::Batch> batches_;
  size_t count_ = 0;
};

// Every lane key that the identities open, each in its own lane.
Result<Grants> gather_keys(Context& context, std::span<const crypto::Identity> identities,
                           size_t& sessions, size_t& closed_to_us) {
  TRY(const auto source, open_source(context, "grant"));
  SessionReader reader(*source, identities);
  Grants grants(context.clock);
  for (const ledger::StreamRef& stream : source->catalog().streams()) {
    if (stream.kind != segment::Kind::kSession || stream.is_gone()) continue;
    const size_t before = grants.count();
    TRY_VOID(reader.keys(stream, [&](uint32_t sequence, Lane lane, const crypto::SecretBytes& key) {
      grants.add(stream.id, sequence, lane, key);
    }));
    ++(grants.count() > before ? sessions : closed_to_us);
  }
  return grants;
}

Status record_grants(Context& context, const segment::Recipients& recipients,
                     std::vector<segment::Batch> batches) {
  TRY(const auto host, ledger::load_private_key(context.files, context.layout.host_key()));
  TRY(const auto hosts, ledger::HostKeys::load(context.files, context.layout.host_vkey()));
  const segment::HostKeyId id = segment::host_key_id(host.name, host.key.public_key().bytes);
  segment::Sealer sealer(make_uuid_v7(context.clock.wall(), os::system_random),
                         segment::Kind::kGrants, {host.key, id, hosts.entries().back().epoch},
                         recipients, os::system_random);
  TRY(auto signer, load_log_signer(context));
  TRY(auto ledger, ledger::DirectoryLedger::open(context.files, context.layout, context.clock,
                                                 std::move(signer)));
  for (segment::Batch& batch : batches) {
    auto sealed = sealer.seal(batch, &batch == &batches.back());
    for (Bytes& keys : batch.lanes) crypto::wipe(keys);
    if (!sealed) return fail(std::move(sealed).error());
    TRY_VOID(ledger->append(sealed->bytes));
  }
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
  auto recipient = crypto::Recipient::parse(options.recipient);
  if (!recipient) {
    return fail(std::move(recipient).error().within('"' + printable(options.recipient) +
                                                    "\" is no recipient (age1… is wanted)"));
  }
  TRY(const auto role, parse_role(options.role));
  TRY_VOID(load_list(context));
  TRY_VOID(ledger::check_owner(context.layout));
  TRY(const auto identities, load_identities(context, options.identity));
  if (identities.empty()) {
    return fail(Code::kNotFound,
                "granting needs an identity that opens the old sessions: --identity FILE");
  }
  size_t sessions = 0, closed_to_us = 0;
  TRY(Grants grants, gather_keys(context, identities, sessions, closed_to_us));
  TRY(const auto listed, extend_list(context, *recipient, role));
  if (auto batches = grants.take(); !batches.empty())
    TRY_VOID(record_grants(context, listed.sealing, std::move(batches)));
  std::printf("%s may read every session from now on, and %zu recorded before.\n",
              options.recipient.c_str(), sessions);
  if (context.files.exists(context.layout.directory + "/hosts")) {
    std::printf(
        "Hosts take the new list within about ten seconds; for what they seal until then, "
        "grant once more.\n");
  }
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
