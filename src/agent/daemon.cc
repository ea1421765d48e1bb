#include "agent/daemon.h"

#include <algorithm>
#include <csignal>

#include "agent/config.h"
#include "agent/http_link.h"
#include "agent/spool_sessions.h"
#include "ledger/keys.h"
#include "ledger/recipients_list.h"
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

namespace stele::agent {
namespace {

using os::Severity;

constexpr Micros kHousekeepingEvery = std::chrono::seconds(10);
constexpr size_t kListBytesMax = size_t{64} << 10;

/// What a host was told when it enrolled.
struct Enrolment {
  ledger::PrivateKey host;
  uint32_t epoch = 1;
  receipt::VerifierKey log_key;
  segment::Recipients recipients;
};

Result<Enrolment> load_enrolment(os::FileSystem& files, const std::string& directory) {
  if (!files.exists(directory + "/host.key")) {
    return fail(Code::kNotFound,
                directory + ": this host is not enrolled; `stele enroll` makes its keys");
  }
  TRY(auto host, ledger::load_private_key(files, directory + "/host.key"));
  TRY(auto log_key, ledger::load_verifier_key(files, directory + "/log.vkey"));
  TRY(const auto policy_key, ledger::load_verifier_key(files, directory + "/policy.vkey"));
  TRY(const Bytes note, files.read(directory + "/recipients", kListBytesMax));
  auto list = ledger::open_recipients_list(note, policy_key);
  if (!list) return fail(std::move(list).error().within(directory + "/recipients"));
  return Enrolment{std::move(host), 1, std::move(log_key), ledger::sealing_recipients(*list, note)};
}

class Agent {
 public:
  Agent(Config config, Enrolment enrolment, const std::string& boot_id)
      : config_(std::move(config)),
        enrolment_(std::move(enrolment)),
        memory_(files_, config_.run + "/sessions", boot_id),
        log_memory_(files_, config_.directory, enrolment_.log_key) {}

  Status start();
  Status serve();
  void stop();

 private:
  segment::Sealer make_sealer(const StreamId& stream) const;
  Result<os::PacketListener> listen();
  Status keep_house();

  os::PosixFileSystem files_;
  os::SystemClock clock_;
  const Config config_;
  const Enrolment enrolment_;
  SessionMemory memory_;
  LogMemory log_memory_;
  std::optional<uint32_t> recorder_group_;
  // Made in this order, and gone in the reverse one.
  std::optional<SharedSpool> spool_;
  std::optional<Shipping> shipping_;
  std::optional<SpoolSessions> sessions_;
  std::unique_ptr<Connections> connections_;
  bool was_low_ = false;
};

segment::Sealer Agent::make_sealer(const StreamId& stream) const {
  const auto id =
      segment::host_key_id(enrolment_.host.name, enrolment_.host.key.public_key().bytes);
  return {stream,
          segment::Kind::kSession,
          {enrolment_.host.key, id, enrolment_.epoch},
          enrolment_.recipients,
          os::system_random};
}

Result<os::PacketListener> Agent::listen() {
  const uint32_t mode = recorder_group_ ? 0660 : 0666;
  return os::PacketListener::listen(config_.run + "/agent.sock", mode, recorder_group_);
}

Status Agent::start() {
  if (!config_.recorder_group.empty()) {
    TRY(recorder_group_, os::group_id(config_.recorder_group));
  }
  TRY_VOID(os::make_public_directory(config_.run));
  TRY_VOID(files_.make_directories(config_.spool));
  TRY(auto believed, log_memory_.load());
  TRY(auto spool, spool::Spool::open(files_, config_.spool, clock_,
                                     spool::SpoolOptions{.quota = config_.quota}));
  spool_.emplace(std::move(spool));
  sessions_.emplace(
      *spool_, memory_,
      [this](const StreamId& stream, const Continues*) -> Result<segment::Sealer> {
        return make_sealer(stream);
      },
      clock_, os::system_random);
  TRY_VOID(sessions_->begin());
  shipping_.emplace(
      *spool_, log_memory_, enrolment_.log_key, std::move(believed),
      std::make_unique<HttpLink>(files_, config_.directory, config_.server, clock_),
      [](const std::string& finding) { os::tell_journal(Severity::kWarning, finding); }, clock_);
  TRY(auto listener, listen());
  TRY(connections_, Connections::make(
                        std::move(listener), *sessions_,
                        [this](const os::Peer&) {
                          Policy policy;
                          policy.recorder_group = recorder_group_;
                          return policy;
                        },
                        [](const Owner& owner, const Error& error) {
                          os::tell_journal(Severity::kNotice,
                                           "the recorder of uid " + std::to_string(owner.uid) +
                                               ", pid " + std::to_string(owner.process.pid) + ": " +
                                               error.message());
                        },
                        clock_, config_.connections));
  return keep_house();
}

Status Agent::keep_house() {
  TRY_VOID(sessions_->end_the_dead());
  const auto findings = spool_->with([](spool::Spool& spool) { return spool.take_findings(); });
  for (const spool::Finding& finding : findings)
    os::tell_journal(Severity::kWarning, "spool: " + finding.what);
  const auto depth = spool_->with([](const spool::Spool& spool) { return spool.depth(); });
  if (depth.low && !was_low_) {
    os::tell_journal(Severity::kWarning, "spool: only " +
                                             std::to_string(depth.ordinary_bytes_left) +
                                             " bytes are left; when it is full, sessions stop");
  }
  was_low_ = depth.low;
  return {};
}

Status Agent::serve() {
  TRY(auto signals, os::SignalWatch::make({}, {SIGTERM, SIGINT}));
  Micros longest = kHousekeepingEvery;
  const auto watchdog = os::watchdog_interval();
  if (watchdog) longest = std::min<Micros>(longest, *watchdog / 3);
  TRY_VOID(os::notify_supervisor("READY=1"));
  os::tell_journal(Severity::kInfo, "recording for " + enrolment_.host.name);
  BootTime house_due = clock_.boot() + kHousekeepingEvery;
  for (;;) {
    os::Readiness set[] = {{.fd = connections_->fd(), .want_read = true},
                           {.fd = signals.fd(), .want_read = true}};
    os::wait_until_ready(set, longest);
    if (const auto came = signals.take(); came.has(SIGTERM) || came.has(SIGINT)) return {};
    if (const auto failed = spool_->failure()) return fail(*failed);
    if (set[0].can_read) {
      // No descriptors left, say: those who wait are let in when others have gone.
      if (const Status accepted = connections_->accept_waiting(); !accepted) {
        os::tell_journal(Severity::kError, accepted.error().message());
        os::wait_until_ready({}, std::chrono::milliseconds(200));
      }
    }
    if (clock_.boot() >= house_due) {
      TRY_VOID(keep_house());
      house_due = clock_.boot() + kHousekeepingEvery;
    }
    // Not before the spool's lock was had: an agent that hangs there is no agent.
    if (watchdog && !spool_->failure()) (void)os::notify_supervisor("WATCHDOG=1");
  }
}

void Agent::stop() {
  (void)os::notify_supervisor("STOPPING=1");
  connections_.reset();  // seals what was taken
  shipping_.reset();
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
