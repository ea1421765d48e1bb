// For tests: a host in a simulated world: people's recorders, and an agent that is made of the same
// parts as the real one, but for its threads: their steps are called here. Not in it: sockets.
#pragma once

#include <set>

#include "agent/host_beat.h"
#include "agent/host_sessions.h"
#include "agent/log_memory.h"
#include "agent/shipper.h"
#include "agent/spool_sessions.h"
#include "os/peer.h"
#include "os/unix_socket.h"
#include "server/test_server.h"

namespace stele::server {

/// How the network behaves next.
enum class Network { kGood, kRequestLost, kAnswerLost };

/// What a recorder knows: all that it said, and how much of it its agent has durably.
struct Recorder {
  static constexpr size_t kMessages = 4;  // its start, what was shown, its end

  StreamId id{};
  bool dies_with_agent = false;
  bool is_dead = false, is_over = false;
  std::vector<std::string> said;  // what was shown by message n: said[n - 1]
  size_t sent = 0;                // messages, on this connection
  std::shared_ptr<uint64_t> durable = std::make_shared<uint64_t>(0);
  std::unique_ptr<agent::SessionSink> sink;  // the connection

  bool is_open() const { return !said.empty(); }
  /// The same person's, on a machine that was copied while it ran.
  Recorder copy() const {
    Recorder other;
    other.id = id;
    other.dies_with_agent = dies_with_agent;
    other.is_dead = is_dead;
    other.is_over = is_over;
    other.said = said;
    other.durable = std::make_shared<uint64_t>(*durable);
    return other;
  }
};

class SimHost {
 public:
  static constexpr size_t kRecorders = 2;
  static spool::SpoolOptions spool_options() {
    return {.quota = {.reserve_bytes = 4096}, .file_bytes_max = 2000};
  }

  SimHost(World& world, SimServer& server) : world_(world), server_(server), clock_(world.clock) {
    sim::SimFileSystem files(world.disk), own(disk_);
    const Bytes key = files.read(kLayout.host_key(), 4096).value();
    EXPECT_TRUE(own.make_directories("/agent") && own.make_directories("/spool"));
    EXPECT_TRUE(own.replace("/agent/host.key", key));
    add_recorders();
  }
  /// A machine with all that this one has, processes and memory too.
  SimHost(SimHost& other, std::string name)
      : world_(other.world_),
        server_(other.server_),
        name_(std::move(name)),
        clock_(other.clock_),
        boot_(other.boot_) {
    other.stop(sim::Plan::Crash::kKill);
    disk_.restore(other.disk_.snapshot());
    for (const Recorder& each : other.recorders_) recorders_.push_back(each.copy());
  }
  ~SimHost() { stop(sim::Plan::Crash::kKill); }

  /// The agent comes up if it is down; false: it died of it.
  bool start(Death death = {}) {
    if (files_ && files_->is_alive()) return true;
    stop(sim::Plan::Crash::kKill);
    if (!disk_.is_powered()) reboot();
    files_ = std::make_unique<sim::SimFileSystem>(disk_, death.plan());
    const Status started = begin();
    if (started) return true;
    if (files_->is_alive()) ADD_FAILURE() << started.error().message();
    stop(sim::Plan::Crash::kKill);
    return false;
  }
  /// In order, with what was taken sealed.
  void stop() {
    for (Recorder& each : recorders_) hang_up(each);
    if (files_ && files_->is_alive()) (void)host_->end("asked to");
    stop(sim::Plan::Crash::kKill);
  }
  void stop(sim::Plan::Crash how) {
    if (files_) files_->kill();
    if (how == sim::Plan::Crash::kPowerCut) disk_.cut_power();
    for (Recorder& each : recorders_) hang_up(each);
    shipper_.reset();
    watch_.reset();
    numbered_.reset();
    sessions_.reset();
    memory_.reset();
    host_.reset();
    spool_.reset();
    log_memory_.reset();
    files_.reset();
  }

  /// A recorder's next message, and what it has to say again.
  void say(size_t i) {
    Recorder& r = recorders_[i];
    if (!start() || r.is_over || r.is_dead || (!r.sink && !connect(r))) return;
    if (r.said.size() < Recorder::kMessages) r.said.push_back(text(i, r.said.size() + 1));
    if (!send(r)) hang_up(r);
  }
  /// What the sealers' threads do all the time, and the agent's own every ten seconds.
  void do_what_is_due() {
    if (!start()) return;
    for (Recorder& each : recorders_)
      if (each.sink) each.sink->passed_on();
    if (clock_.boot() < house_due_) return;
    house_due_ = clock_.boot() + std::chrono::seconds(10);
    (void)host_->step();
    (void)sessions_->end_the_dead();
  }
  void ship(Network network) {
    if (!start()) return;
    network_ = network;
    (void)shipper_->ship();
    if (frees_too_early) free_what_was_acknowledged();
    note_findings();
  }
  void confirm() {
    if (!start()) return;
    network_ = Network::kGood;
    (void)shipper_->confirm();
    (void)log_memory_->keep(*watch_);
    note_findings();
  }
  void beat(Network network) {
    if (!start()) return;
    network_ = network;
    (void)agent::HostBeat::beat(
        [this] {
          wire::Heartbeat heartbeat;
          heartbeat.sessions = host_->summary().sessions;
          return heartbeat;
        },
        [this](ByteSpan request) -> Result<Bytes> {
          if (network_ == Network::kRequestLost) return fail(Code::kIo, "lost");
          auto answer = server_.beat(name_, request);
          if (network_ == Network::kAnswerLost) return fail(Code::kIo, "lost");
          return answer;
        },
        [this](Micros offset, const Hash&) { host_->set_offset(offset); }, clock_);
  }
  void set_clock(Micros by) { clock_.offset += by; }

  /// Everybody has said everything, and nothing waits any more.
  bool is_done() {
    for (const Recorder& r : recorders_)
      if (!r.is_over && !r.is_dead) return false;
    return depth().segments == 0;
  }
  spool::Depth depth() {
    if (!start()) return {.segments = 1};
    return spool_->with([](const spool::Spool& spool) { return spool.depth(); });
  }
  std::vector<spool::StreamState> streams() {
    if (!start()) return {};
    return spool_->with([](const spool::Spool& spool) { return spool.streams(); });
  }
  std::optional<Error> distrust() const { return shipper_ ? shipper_->distrust() : std::nullopt; }
  /// How many notes of the log it has kept as evidence against it.
  size_t evidence() {
    const auto kept = sim::SimFileSystem(disk_).list("/agent/evidence");
    return kept ? kept->size() : 0;
  }
  std::vector<Recorder>& recorders() { return recorders_; }
  /// What is on its disk.
  sim::Image image() const { return disk_.snapshot(); }
  /// An earlier disk is put in place of this one, and the machine starts: of what it had since
  /// then, only what the server has taken is still promised.
  void become(const sim::Image& image) {
    stop(sim::Plan::Crash::kKill);
    disk_.restore(image);
    reboot();
  }

  std::vector<event::Finding> findings;
  /// Other people come.
  void add_recorders() {
    for (size_t i = 0; i < kRecorders; ++i) recorders_.emplace_back().dies_with_agent = i % 2 == 1;
  }
  bool frees_too_early = false;  // a mistake, to see that it is found

 private:
  /// This host's clock, which somebody may set.
  struct OwnClock : Clock {
    explicit OwnClock(Clock& true_clock) : world(true_clock) {}
    WallTime wall() override { return world.wall() + offset; }
    BootTime boot() override { return world.boot(); }
    Clock& world;
    Micros offset{};
  };
  /// What is the same in every world, whose keys are: it takes long to read.
  struct Setup {
    receipt::VerifierKey log_key;
    segment::SealFor seal_for;
  };
  const Setup& setup() const {
    static const Setup setup = setup_of(world_);
    return setup;
  }
  static Setup setup_of(World& world) {
    sim::SimFileSystem files(world.disk);
    const Bytes note = files.read(kLayout.recipients(), 1 << 16).value();
    const auto policy = ledger::load_verifier_key(files, kLayout.policy_vkey()).value();
    const auto list = ledger::open_recipients_list(note, policy).value();
    auto recipients = ledger::sealing_recipients(list, note);
    recipients.lanes[static_cast<size_t>(event::Lane::kInput)].clear();  // costs time only
    return {World::trust(files).log, segment::always(std::move(recipients))};
  }

  Status begin() {
    using namespace std::chrono_literals;
    log_memory_.emplace(*files_, "/agent", setup().log_key);
    TRY(auto believed, log_memory_->load());
    TRY(auto spool, spool::Spool::open(*files_, "/spool", clock_, spool_options()));
    spool_.emplace(std::move(spool));
    TRY(host_, agent::HostStream::open(*files_, "/agent", 1, *spool_, setup().seal_for, clock_,
                                       world_.random, {.rotate_every = 20s, .summary_every = 30s}));
    memory_.emplace(*files_, "/run/sessions", "boot " + std::to_string(boot_));
    sessions_.emplace(
        *spool_, *memory_,
        [this](const StreamId& stream, uint8_t) {
          return segment::Sealer(stream, segment::Kind::kSession, host_->keys(), setup().seal_for,
                                 world_.random);
        },
        clock_, world_.random, /*own_threads=*/false);
    TRY_VOID(host_->begin({}, [] { return event::HostSummary(); }));
    TRY_VOID(sessions_->begin());
    numbered_.emplace(*sessions_, *host_);
    watch_.emplace(setup().log_key, std::move(believed),
                   [this](const std::string& path) { return server_.fetch(path); });
    shipper_.emplace(
        *spool_, *watch_, [this](ByteSpan request) { return post(request); }, clock_,
        agent::ShipperOptions{
            .request_bytes_max = 4000, .request_segments_max = 6, .retry_after = {}});
    return {};
  }
  // Nothing of the processes is left, nor of what only memory held.
  void reboot() {
    ++boot_;
    disk_.restart(boot_);
    for (Recorder& each : recorders_) each.is_dead = true;
  }

  static agent::Owner owner_of(const Recorder& recorder) {
    static const os::ProcessKey kThis = [] {
      const auto pair = os::packet_pair().value();
      return os::peer_of(pair.first.get()).value().process;
    }();
    return {recorder.dies_with_agent ? os::ProcessKey{999'999'999, 1} : kThis, 1000};
  }
  std::string text(size_t recorder, size_t message) const {
    return name_ + "." + std::to_string(recorder) + "." + std::to_string(message) + ";";
  }
  bool connect(Recorder& r) {
    const auto told = r.durable;
    const agent::Durable durable = [told](uint64_t n) { *told = std::max(*told, n); };
    if (!r.is_open()) {
      auto opened = numbered_->open(owner_of(r), {}, 0, {}, durable);
      if (!opened) return false;
      r.id = opened->id;
      r.sink = std::move(opened->sink);
      r.said.emplace_back();
      r.sent = 1;
      return true;
    }
    auto resumed = numbered_->resume(r.id, *r.durable, durable);
    if (!resumed) return false;
    r.sent = resumed->durable;
    *r.durable = std::max(*r.durable, resumed->durable);
    r.sink = std::move(resumed->sink);
    r.is_over = r.sink == nullptr;
    return !r.is_over;
  }
  bool send(Recorder& r) {
    for (; r.sent < r.said.size(); ++r.sent) {
      const bool last = r.sent + 1 == Recorder::kMessages;
      const Status taken = last ? r.sink->event(clock_.boot(), event::Lane::kFacts, event::End{})
                                : r.sink->output(clock_.boot(), as_bytes(r.said[r.sent]));
      if (!taken) return false;
      r.sink->passed_on();
    }
    if (r.sent < Recorder::kMessages) return true;
    r.is_over = r.sink->close().has_value();
    return false;
  }
  void hang_up(Recorder& r) {
    r.is_dead = r.is_dead || (r.dies_with_agent && r.is_open());
    r.sink.reset();
  }

  Result<Bytes> post(ByteSpan request) {
    if (network_ == Network::kRequestLost) return fail(Code::kIo, "lost");
    auto answer = server_.post(name_, request);
    if (network_ == Network::kAnswerLost) return fail(Code::kOutcomeUnknown, "lost");
    return answer;
  }
  void free_what_was_acknowledged() {
    spool_->with([](spool::Spool& spool) {
      for (const auto& each : spool.acknowledged(UINT64_MAX, 1000))
        (void)spool.covered(each.stream, each.sequence);
    });
  }
  void note_findings() {
    for (event::Finding& finding : shipper_->take_findings())
      findings.push_back(std::move(finding));
  }

  World& world_;
  SimServer& server_;
  std::string name_ = "1";
  OwnClock clock_;
  sim::Disk disk_;
  uint64_t boot_ = 1;
  std::vector<Recorder> recorders_;
  Network network_ = Network::kGood;
  BootTime house_due_{};
  // Made in this order, and gone in the reverse one.
  std::unique_ptr<sim::SimFileSystem> files_;
  std::optional<agent::LogMemory> log_memory_;
  std::optional<agent::SharedSpool> spool_;
  std::unique_ptr<agent::HostStream> host_;
  std::optional<agent::SessionMemory> memory_;
  std::optional<agent::SpoolSessions> sessions_;
  std::optional<agent::HostSessions> numbered_;
  std::optional<agent::LogWatch> watch_;
  std::optional<agent::Shipper> shipper_;
};

}  // namespace stele::server
