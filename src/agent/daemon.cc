#include "agent/daemon.h"

#include <algorithm>
#include <csignal>

#include "agent/arrivals.h"
#include "agent/config.h"
#include "agent/follow.h"
#include "agent/followed_sessions.h"
#include "agent/host_beat.h"
#include "agent/host_sessions.h"
#include "agent/http_link.h"
#include "agent/low_water.h"
#include "agent/nested_sessions.h"
#include "agent/openings.h"
#include "agent/people_book.h"
#include "agent/pins.h"
#include "agent/policy_book.h"
#include "agent/recipients_book.h"
#include "agent/renewal.h"
#include "agent/spool_sessions.h"
#include "agent/status_file.h"
#include "agent/sudo_connections.h"
#include "agent/tls_door.h"
#include "base/hex.h"
#include "base/version.h"
#include "ledger/keys.h"
#include "os/clock.h"
#include "os/directory.h"
#include "os/hardening.h"
#include "os/posix_file_system.h"
#include "os/process.h"
#include "os/pty.h"
#include "os/random.h"
#include "os/signals.h"
#include "os/supervisor.h"
#include "os/who.h"
#include "receipt/text.h"
#include "wire/enrolment.h"

namespace stele::agent {
namespace {

using os::Severity;

constexpr Micros kHousekeepingEvery = std::chrono::seconds(10);
constexpr Micros kFinishMax = std::chrono::seconds(5);    // of shipping, when the agent is to end
constexpr Micros kPolicyEvery = std::chrono::seconds(2);  // somebody may have put a new one there
constexpr Micros kCoverageEvery = std::chrono::seconds(1);
constexpr Micros kAcceptPause = std::chrono::milliseconds(200);
constexpr size_t kEpochBytesMax = 16, kMachineBytesMax = 128;

/// What a host was told when it enrolled.
struct Enrolment {
  std::string key_name;  // of the host's signing keys: ORIGIN/host/NAME
  uint32_t epoch = 1;    // of the first
  receipt::VerifierKey log_key, policy_key;
  std::string origin;  // the first log's
  std::optional<ledger::Predecessor> predecessor;
};

/// Which of the keys of this host's name it was enrolled with; hosts that were enrolled before that
/// was said have their first.
Result<uint32_t> load_epoch(os::FileSystem& files, const std::string& path) {
  const auto text = files.read(path, kEpochBytesMax);
  if (!text && text.error().code == Code::kNotFound) return 1;
  if (!text) return fail(text.error());
  std::string_view rest = as_text(*text);
  TRY(const std::string_view line, receipt::take_line(rest));
  TRY(const uint64_t epoch, receipt::parse_decimal(line, UINT32_MAX));
  if (epoch == 0 || !rest.empty()) return fail(Code::kCorrupt, path + ": no epoch");
  return static_cast<uint32_t>(epoch);
}

// A copy of this host on another machine would sign as this one.
Status check_machine(os::FileSystem& files, const std::string& directory) {
  TRY(const Bytes enrolled, files.read(directory + "/machine", kMachineBytesMax));
  TRY(const std::string id, os::read_system_file("/etc/machine-id"));
  if (as_text(enrolled) == to_hex(wire::machine_hash(id)) + "\n") return {};
  return fail(Code::kPermission,
              directory + ": it was another machine that was enrolled (/etc/machine-id). Remove " +
                  directory + " and enrol this one");
}

Result<Enrolment> load_enrolment(os::FileSystem& files, const std::string& directory) {
  if (!files.exists(directory + "/host.key")) {
    return fail(Code::kNotFound,
                directory + ": this host is not enrolled; `stele enroll` makes its keys");
  }
  TRY(const auto host, ledger::load_private_key(files, directory + "/host.key"));
  TRY(auto predecessor, follow_successor(files, directory, [](const std::string& finding) {
        os::tell_journal(Severity::kWarning, finding);
      }));
  TRY(auto log_key, ledger::load_verifier_key(files, directory + "/log.vkey"));
  TRY(auto policy_key, ledger::load_verifier_key(files, directory + "/policy.vkey"));
  TRY(const uint32_t epoch, load_epoch(files, directory + "/epoch"));
  TRY_VOID(check_machine(files, directory));
  TRY(std::string origin, ledger::first_origin(policy_key));
  return Enrolment{host.name,          epoch,
                   std::move(log_key), std::move(policy_key),
                   std::move(origin),  std::move(predecessor)};
}

// No descriptors left, say: those who wait are let in when others have gone.
template <typename Door>
void let_in(Door& door) {
  const Status accepted = door.accept_waiting();
  if (accepted) return;
  os::tell_journal(Severity::kError, accepted.error().message());
  os::wait_until_ready({}, kAcceptPause);
}

class Agent {
 public:
  Agent(Config config, Enrolment enrolment, const std::string& boot_id)
      : config_(std::move(config)),
        enrolment_(std::move(enrolment)),
        memory_(files_, config_.run + "/sessions", boot_id),
        arrivals_(files_, config_.run + "/arrivals-" + boot_id),
        log_memory_(files_, config_.directory, enrolment_.log_key, enrolment_.predecessor) {}

  Status start();
  Status serve();
  void stop();

 private:
  segment::Sealer make_sealer(const StreamId& stream, uint8_t retention_class);
  bool has_first(const StreamId& stream);
  Status open_host_stream();
  event::HostSummary measure();
  wire::Heartbeat heartbeat() const;
  Status keep_host_stream();
  void tell(const event::Finding& finding);
  void tell_of_spool();
  Status tell_of_coverage();
  Result<os::PacketListener> listen();
  Status listen_to_sudo();
  Result<std::unique_ptr<SudoConnections>> serve_sudo(os::StreamListener listener, SudoDoor& door);
  void read_certificates();
  Policy policy_of(const Submitter& who);
  std::string host_name() const;
  void renew();
  PolicyPlace policy_place() const;
  Status keep_house();
  void say_standing();

  os::PosixFileSystem files_;
  os::SystemClock clock_;
  const Config config_;
  const Enrolment enrolment_;
  SessionMemory memory_;
  Arrivals arrivals_;
  LogMemory log_memory_;
  std::optional<uint32_t> recorder_group_;
  // Made in this order, and gone in the reverse one.
  std::unique_ptr<RecipientsBook> recipients_;
  std::optional<SharedSpool> spool_;
  std::unique_ptr<HostStream> host_;
  Openings openings_{[this](const StreamId& stream) { return has_first(stream); }};
  std::optional<Shipping> shipping_;
  std::optional<PulseWatch> shipping_watch_;
  std::optional<SpoolSessions> sessions_;
  std::optional<FollowedSessions> followed_;
  std::optional<NestedSessions> nested_;
  std::optional<HostSessions> numbered_;
  std::optional<PolicyBook> policy_;
  std::optional<PeopleBook> people_;
  std::optional<HttpLink> beat_link_;
  std::optional<Renewal> renewal_;
  std::optional<HostBeat> beat_;
  std::unique_ptr<Connections> connections_;
  std::optional<HostSessions> sudo_sessions_;
  RootsDoor roots_door_;
  std::unique_ptr<TlsDoor> tls_door_;
  std::unique_ptr<SudoConnections> sudo_connections_, tls_connections_;
  LowWater low_water_{config_.quota};
  std::string followed_by_, not_followed_;  // who tells what is executed; what is missing for that
  bool is_renewal_late_ = false;
  bool was_stuck_ = false;
};

segment::Sealer Agent::make_sealer(const StreamId& stream, uint8_t retention_class) {
  segment::Sealer sealer(stream, segment::Kind::kSession, host_->keys(), recipients_->seal_for(),
                         os::system_random);
  sealer.set_retention_class(retention_class);
  return sealer;
}

/// Whether the server has the stream's first segment.
bool Agent::has_first(const StreamId& stream) {
  const auto state = spool_->with([&](const spool::Spool& spool) { return spool.find(stream); });
  return state && state->acknowledged > 0;
}

Status Agent::open_host_stream() {
  event::HostStart start;
  TRY(start.boot_id, os::read_system_file("/proc/sys/kernel/random/boot_id"));
  start.host = os::host_name();
  start.agent = std::string("stele ") + kVersion;
  start.kernel = os::kernel_release();
  TRY(start.machine_id, os::read_system_file("/etc/machine-id"));
  return host_->begin(start, [this] { return measure(); });
}

event::HostSummary Agent::measure() {
  event::HostSummary summary;
  summary.open = sessions_->count();
  summary.excluded = policy_->left_out();
  const Coverage::Counts terminals = followed_->counts();
  summary.seen = terminals.seen;
  summary.covered = terminals.covered;
  summary.unrecorded = terminals.unrecorded;
  const auto depth = spool_->with([](const spool::Spool& spool) { return spool.depth(); });
  summary.waiting = depth.segments;
  summary.waiting_bytes = depth.bytes;
  const auto believed = shipping_->believed();
  summary.checkpoint_size = believed.size;
  if (believed.size > 0) summary.checkpoint_root = believed.root;
  return summary;
}

wire::Heartbeat Agent::heartbeat() const {
  const event::HostSummary summary = host_->summary();
  wire::Heartbeat heartbeat;
  heartbeat.sessions = summary.sessions;
  heartbeat.open = summary.open;
  heartbeat.excluded = summary.excluded;
  heartbeat.lost = summary.lost;
  heartbeat.waiting = summary.waiting;
  heartbeat.waiting_bytes = summary.waiting_bytes;
  heartbeat.checkpoint_size = summary.checkpoint_size;
  heartbeat.checkpoint_root = summary.checkpoint_root.value_or(Hash{});
  heartbeat.terminals = {summary.seen, summary.covered, summary.unrecorded};
  return heartbeat;
}

// A spool that is full is a reason to wait, not to stop.
Status Agent::keep_host_stream() {
  const Status done = host_->step();
  if (done) return {};
  const Code code = done.error().code;
  if (code != Code::kNoSpace && code != Code::kLimit && code != Code::kConflict) return done;
  os::tell_journal(Severity::kWarning, "the host's own stream: " + done.error().message());
  return {};
}

Result<os::PacketListener> Agent::listen() {
  const uint32_t mode = recorder_group_ ? 0660 : 0666;
  return os::PacketListener::listen(config_.run + "/agent.sock", mode, recorder_group_);
}

// Nobody follows these sessions, and they are in no other: no process of this host's is their
// owner.
Status Agent::listen_to_sudo() {
  sudo_sessions_.emplace(*sessions_, *host_);
  if (!config_.sudo_log.empty()) {
    TRY(auto listener, os::StreamListener::listen_on_loopback(config_.sudo_log));
    TRY(sudo_connections_, serve_sudo(std::move(listener), roots_door_));
  }
  if (config_.sudo_log_tls) {
    TRY(tls_door_, TlsDoor::make(*config_.sudo_log_tls, clock_));
    TRY(auto listener, os::StreamListener::listen(config_.sudo_log_tls->listen));
    TRY(tls_connections_, serve_sudo(std::move(listener), *tls_door_));
  }
  return {};
}

Result<std::unique_ptr<SudoConnections>> Agent::serve_sudo(os::StreamListener listener,
                                                           SudoDoor& door) {
  SudoWorld world{[this](const Submitter& who) { return policy_of(who); }, *sudo_sessions_, memory_,
                  clock_, os::system_random};
  return SudoConnections::make(
      std::move(listener), door, std::move(world), [](const std::string& what) {
        os::tell_journal(Severity::kWarning, "a client of sudo's log protocol: " + what);
      });
}

Policy Agent::policy_of(const Submitter& who) {
  Policy policy = policy_->policy_for_sudo(who);
  policy.people = people_->current();
  return policy;
}

void Agent::read_certificates() {
  const Status read = tls_door_ ? tls_door_->refresh() : Status();
  if (!read)
    os::tell_journal(Severity::kError, read.error().message() + "; what was read before holds");
}

std::string Agent::host_name() const {
  const std::string& name = enrolment_.key_name;  // ORIGIN/host/NAME
  return name.substr(name.rfind('/') + 1);
}

// To the journal at once, and into the host's own stream if it has a rule. Any thread.
void Agent::tell(const event::Finding& finding) {
  os::tell_journal(finding.rule.empty() ? Severity::kNotice : Severity::kWarning, finding.what);
  if (!finding.rule.empty()) host_->find(finding);
}

// On the heartbeats' thread: with a certificate that ran out there are none.
void Agent::renew() {
  const auto renewed = renewal_->step();
  if (!renewed && !std::exchange(is_renewal_late_, true))
    tell({"certificate", "certificate: " + renewed.error().message(), {}, {}});
  if (renewed && *renewed) is_renewal_late_ = false;
}

PolicyPlace Agent::policy_place() const {
  return {.path = config_.policy,
          .directory = config_.directory,
          .key = enrolment_.policy_key,
          .origin = enrolment_.origin,
          .recipients = [this] { return recipients_->hash(); },
          .host = host_name(),
          .recorder_group = recorder_group_};
}

Status Agent::start() {
  if (!config_.recorder_group.empty()) {
    TRY(recorder_group_, os::group_id(config_.recorder_group));
  }
  TRY_VOID(os::make_public_directory(config_.run));
  TRY_VOID(files_.make_directories(config_.spool));
  TRY(auto believed, log_memory_.load());
  TRY(recipients_,
      RecipientsBook::open(files_, config_.directory + "/recipients", enrolment_.policy_key,
                           [this](const event::Finding& finding) { tell(finding); }));
  TRY(auto spool, spool::Spool::open(files_, config_.spool, clock_,
                                     spool::SpoolOptions{.quota = config_.quota}));
  spool_.emplace(std::move(spool));
  TRY(host_, HostStream::open(files_, config_.directory, enrolment_.epoch, *spool_,
                              recipients_->seal_for(), clock_, os::system_random,
                              {.rotate_every = config_.rotate_keys}));
  sessions_.emplace(
      *spool_, memory_,
      [this](const StreamId& stream, uint8_t retention_class) {
        return make_sealer(stream, retention_class);
      },
      clock_, os::system_random);
  sessions_->spare_ownerless(config_.sudo_log_patience);
  followed_.emplace(*sessions_, clock_);
  const auto pins = open_pins(config_);  // without them, programs go with this agent
  // While there is one thread, which gives rights up.
  const auto followed = followed_->begin(memory_, pins ? &*pins : nullptr);
  TRY_VOID(open_host_stream());
  followed_by_ = !followed ? "" : followed->empty() ? "ebpf" : "process connector";
  if (!followed)
    not_followed_ = "what sessions execute is not seen: " + followed.error().message() +
                    "; nor is which ports are forwarded";
  else if (!followed->empty())
    not_followed_ =
        "what sessions execute is told by the process connector: arguments of what is short, "
        "files and directories are missing, and which ports are forwarded is not seen. No programs "
        "in the kernel: " +
        *followed;
  else if (const std::string why = followed_->no_forwards(); !why.empty())
    not_followed_ = "which ports are forwarded is not seen: " + why;
  if (!not_followed_.empty()) tell({"commands", not_followed_, {}, {}});
  TRY_VOID(sessions_->begin());
  TRY_VOID(arrivals_.begin());
  nested_.emplace(*followed_);
  numbered_.emplace(*nested_, *host_);
  shipping_.emplace(
      *spool_, log_memory_, enrolment_.log_key, std::move(believed),
      std::make_unique<HttpLink>(files_, config_.directory, config_.server, clock_), openings_,
      [this](const event::Finding& finding) { tell(finding); }, clock_);
  shipping_watch_.emplace(shipping_->pulse(), Shipping::kStepMax);
  policy_.emplace(files_, policy_place(), clock_,
                  [this](const event::Finding& finding) { tell(finding); });
  TRY_VOID(policy_->begin());
  people_.emplace(config_.roles, config_.ssh_authorities,
                  [this](const event::Finding& finding) { tell(finding); });
  people_->refresh();
  beat_link_.emplace(files_, config_.directory, config_.server, clock_);
  renewal_.emplace(
      files_, config_.directory, host_name(), host_->keys(),
      [this](ByteSpan request) { return beat_link_->post_renewal(request); }, clock_);
  beat_.emplace([this] { return heartbeat(); },
                [this](ByteSpan request) {
                  renew();
                  return beat_link_->post_heartbeat(request);
                },
                [this](Micros offset, const Hash& recipients) {
                  host_->set_offset(offset);
                  recipients_->hear(recipients, [this] { return beat_link_->fetch_recipients(); });
                },
                clock_);
  TRY(auto listener, listen());
  TRY(connections_,
      Connections::make(
          std::move(listener), *numbered_,
          [this](const os::Peer& peer) {
            Policy policy = policy_->policy_for(peer);
            policy.people = people_->current();
            policy.openings = &openings_;
            policy.arrivals = &arrivals_;
            policy.person_around = [this](uint32_t pid) { return nested_->person_around(pid); };
            policy.know = [this](const os::ProcessKey& process, const event::Person& person) {
              nested_->know(process, person);
            };
            return policy;
          },
          [](const Owner& owner, const Error& error) {
            os::tell_journal(Severity::kNotice, "the recorder of uid " + std::to_string(owner.uid) +
                                                    ", pid " + std::to_string(owner.process.pid) +
                                                    ": " + error.message());
          },
          clock_, config_.connections));
  TRY_VOID(listen_to_sudo());
  return keep_house();
}

Status Agent::keep_house() {
  TRY_VOID(sessions_->end_the_dead());
  arrivals_.forget_the_dead();
  TRY_VOID(keep_host_stream());
  tell_of_spool();
  say_standing();
  return {};
}

void Agent::say_standing() {
  Standing standing{clock_.wall(), enrolment_.key_name, std::string("stele ") + kVersion,
                    followed_by_,  not_followed_,       host_->summary()};
  if (const Status said = write_standing(files_, config_.run, standing); !said)
    os::tell_journal(Severity::kWarning, said.error().message());
}

// What was set aside because the server refused it is told where it is refused.
void Agent::tell_of_spool() {
  using Kind = spool::Finding::Kind;
  const auto findings = spool_->with([](spool::Spool& spool) { return spool.take_findings(); });
  for (const spool::Finding& finding : findings) {
    const bool is_lost = finding.kind == Kind::kDamaged || finding.kind == Kind::kMissing;
    if (is_lost) host_->count_lost();
    const std::optional<uint32_t> sequence =
        finding.stream ? std::optional(finding.sequence) : std::nullopt;
    const char* const rule = finding.kind == Kind::kRefused ? "" : is_lost ? "lost" : "spool";
    tell({rule, "spool: " + finding.what, finding.stream, sequence});
  }
  const auto depth = spool_->with([](const spool::Spool& spool) { return spool.depth(); });
  if (const auto low = low_water_.look(depth.ordinary_bytes_left))
    tell({"low-water", *low, {}, {}});
}

Status Agent::tell_of_coverage() {
  auto findings = followed_->step();
  for (event::Finding& each : arrivals_.step(clock_.boot())) findings.push_back(std::move(each));
  for (const event::Finding& each : findings) tell(each);
  return findings.empty() ? Status() : keep_host_stream();  // which counts them
}

Status Agent::serve() {
  TRY(auto signals, os::SignalWatch::make({}, {SIGTERM, SIGINT, SIGHUP}));
  Micros longest = std::min({kHousekeepingEvery, kPolicyEvery, kCoverageEvery});
  const auto watchdog = os::watchdog_interval();
  if (watchdog) longest = std::min<Micros>(longest, *watchdog / 3);
  TRY_VOID(os::notify_supervisor("READY=1"));
  os::tell_journal(Severity::kInfo, "recording for " + enrolment_.key_name);
  BootTime house_due = clock_.boot() + kHousekeepingEvery;
  BootTime policy_due = clock_.boot() + kPolicyEvery;
  for (;;) {
    os::Readiness set[] = {
        {.fd = connections_->fd(), .want_read = true},
        {.fd = signals.fd(), .want_read = true},
        {.fd = sudo_connections_ ? sudo_connections_->fd() : -1, .want_read = true},
        {.fd = tls_connections_ ? tls_connections_->fd() : -1, .want_read = true}};
    os::wait_until_ready(set, longest);
    const auto came = signals.take();
    if (came.has(SIGTERM) || came.has(SIGINT)) return {};
    if (const auto failed = spool_->failure()) return fail(*failed);
    if (set[0].can_read) let_in(*connections_);
    if (set[2].can_read) let_in(*sudo_connections_);
    if (set[3].can_read) let_in(*tls_connections_);
    if (came.has(SIGHUP)) read_certificates();
    if (came.has(SIGHUP) || clock_.boot() >= policy_due) {
      policy_->refresh();
      people_->refresh();
      policy_due = clock_.boot() + kPolicyEvery;
    }
    TRY_VOID(tell_of_coverage());
    if (clock_.boot() >= house_due) {
      TRY_VOID(keep_house());
      house_due = clock_.boot() + kHousekeepingEvery;
    }
    const bool is_stuck = shipping_watch_->is_stuck(clock_.boot());
    if (is_stuck && !was_stuck_) os::tell_journal(Severity::kError, "shipping hangs");
    was_stuck_ = is_stuck;
    // Not before the spool's lock was had: an agent that hangs there is no agent.
    if (watchdog && !spool_->failure() && !is_stuck) (void)os::notify_supervisor("WATCHDOG=1");
  }
}

void Agent::stop() {
  (void)os::notify_supervisor("STOPPING=1");
  followed_->stop();
  sudo_connections_.reset();
  tls_connections_.reset();
  connections_.reset();  // seals what was taken
  (void)tell_of_coverage();
  beat_.reset();
  if (const Status ended = host_->end("asked to"); !ended)
    os::tell_journal(Severity::kWarning, "the host's own stream: " + ended.error().message());
  shipping_->finish(kFinishMax);
}

}  // namespace

Status run_agent(const std::string& config_path) {
  TRY_VOID(os::forbid_tracing());
  os::ignore_broken_pipes();
  os::raise_open_files();
  os::PosixFileSystem files;
  TRY(Config config, load_config(files, config_path));
  TRY(Enrolment enrolment, load_enrolment(files, config.directory));
  TRY(const std::string boot_id, os::read_system_file("/proc/sys/kernel/random/boot_id"));
  Agent agent(std::move(config), std::move(enrolment), boot_id);
  TRY_VOID(agent.start());
  Status served = agent.serve();
  agent.stop();
  return served;
}

}  // namespace stele::agent
