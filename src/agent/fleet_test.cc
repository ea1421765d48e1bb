// A host and a server in one simulated world: lost requests, lost answers, either side killed or
// cut off from power at any of its writes. Whatever happens, what the host promised to have is in
// the server's ledger in the end, byte for byte; and nothing was freed before it was proven.
//
// A seed that fails is printed; STELE_SEED=n runs that one alone, STELE_TEST_EFFORT=n more of them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "agent/shipper.h"
#include "crypto/sha256.h"
#include "ledger/catalog.h"
#include "ledger/test_world.h"
#include "logsrv/ingest.h"

namespace stele::agent {
namespace {

using ledger::kLayout;
using ledger::World;
using segment::Sealed;

/// The server: its processes come and go, its disk stays.
class Server {
 public:
  explicit Server(World& world) : world_(world) {
    sim::SimFileSystem files(world.disk);
    admission_.origin = "stele/test/1";
    admission_.hosts = World::trust(files).hosts;
    admission_.recipients_lists = {
        crypto::sha256(files.read(kLayout.recipients(), 1 << 16).value())};
  }
  /// Comes up if it is down. Dies at its k-th write from then on; 0: never.
  bool start(uint64_t crash_after = 0, sim::Plan::Crash crash = sim::Plan::Crash::kKill) {
    if (sequencer_ && files_->is_alive()) return true;
    stop();
    if (crash_ == sim::Plan::Crash::kPowerCut) world_.disk.restart(++restarts_);
    crash_ = crash;
    files_ = std::make_unique<sim::SimFileSystem>(world_.disk);
    auto ledger = world_.open(*files_);
    if (!ledger) return ADD_FAILURE() << ledger.error().message(), false;
    if (!(*ledger)->sync() || !(*ledger)->publish_through((*ledger)->size())) return false;
    finder_.emplace(*files_, kLayout, (*ledger)->size(), 8);
    sequencer_.emplace(*std::move(ledger), logsrv::SequencerOptions());
    ingest_.emplace(*sequencer_, *finder_, [](const std::function<void()>& work) {
      work();
      return true;
    });
    ingest_->admit(std::make_shared<const logsrv::Admission>(admission_));
    if (crash_after > 0)
      files_->set_plan({.crash_at = files_->steps().size() + crash_after, .crash = crash});
    return true;
  }
  void stop() {
    ingest_.reset();
    sequencer_.reset();
    finder_.reset();
    files_.reset();
  }
  Result<Bytes> post(ByteSpan request) {
    if (!start()) return fail(Code::kIo, "down");
    Result<Bytes> response = fail(Code::kIo, "no answer");
    ingest_->take("1", Bytes(request.begin(), request.end()), [&](auto answers) {
      if (answers) response = wire::encode(*answers);
    });
    sequencer_->step();
    return response;
  }
  void publish() {
    if (!start()) return;
    if (auto ledger = world_.open(*files_); ledger && (*ledger)->sync())
      (void)(*ledger)->publish_through((*ledger)->size());
  }
  Result<Bytes> fetch(const std::string& path) {
    sim::SimFileSystem reader(world_.disk);
    return reader.read(kLayout.vault() + "/log/" + path, 1 << 16);
  }

 private:
  World& world_;
  sim::Plan::Crash crash_ = sim::Plan::Crash::kKill;
  uint64_t restarts_ = 0;
  logsrv::Admission admission_;
  std::unique_ptr<sim::SimFileSystem> files_;
  std::optional<logsrv::LeafFinder> finder_;
  std::optional<logsrv::Sequencer> sequencer_;
  std::optional<logsrv::Ingest> ingest_;
};

/// How the network behaves next.
enum class Network { kGood, kRequestLost, kAnswerLost };

/// The host: an agent's spool and shipper, and sessions that are sealed already.
class Host {
 public:
  Host(World& world, Server& server) : world_(world), server_(server) {
    sim::SimFileSystem files(world.disk);
    const auto key = World::trust(files).log;
    believed_ = nothing_yet(key);
    log_key_ = key;
    for (int i = 0; i < 3; ++i) {
      ledger::TestStream stream(files, world.clock, world.random);
      auto& sealed = sessions_.emplace_back();
      for (int k = 0; k < 6; ++k) sealed.push_back(stream.next(20 + 30 * k, k == 5));
    }
  }
  bool start(uint64_t crash_after = 0, sim::Plan::Crash crash = sim::Plan::Crash::kKill) {
    if (spool_ && files_->is_alive()) return true;
    stop();
    if (crash_ == sim::Plan::Crash::kPowerCut) disk_.restart(++restarts_);
    crash_ = crash;
    files_ = std::make_unique<sim::SimFileSystem>(disk_);
    (void)files_->make_directories("/spool");
    auto spool = spool::Spool::open(*files_, "/spool", world_.clock,
                                    {.quota = {.reserve_bytes = 4096}, .file_bytes_max = 2000});
    if (!spool) return ADD_FAILURE() << spool.error().message(), false;
    spool_.emplace(*std::move(spool));
    watch_.emplace(log_key_, believed_, [this](const std::string& path) { return fetch(path); });
    shipper_.emplace(
        *spool_, *watch_, [this](ByteSpan request) { return post(request); }, world_.clock,
        ShipperOptions{.request_bytes_max = 2000, .request_segments_max = 4, .retry_after = {}});
    if (crash_after > 0)
      files_->set_plan({.crash_at = files_->steps().size() + crash_after, .crash = crash});
    return true;
  }
  void stop() {
    shipper_.reset();
    watch_.reset();
    spool_.reset();
    files_.reset();
  }
  /// The next segment of a session, if it has one. What is lost with the power is sealed again.
  void record(size_t session) {
    if (!start()) return;
    const auto& sealed = sessions_[session];
    const auto state = find(sealed[0].header.stream);
    const size_t next = state ? state->tail.next_sequence : done_.contains(session) ? 6 : 0;
    if (next == sealed.size()) return;
    (void)spool_->append(sealed[next].bytes, next + 1, 1000, spool::Room::kOrdinary);
  }
  /// From here on the recorder was told that all of it is kept.
  void sync() {
    if (!start() || !spool_->sync()) return;
    for (size_t i = 0; i < sessions_.size(); ++i) {
      const auto state = find(sessions_[i][0].header.stream);
      const size_t through = state ? state->tail.next_sequence : done_.contains(i) ? 6 : 0;
      for (size_t k = 0; k < through; ++k) promised_.insert(sessions_[i][k].hash);
      if (through == 6) done_.insert(i);
    }
  }
  void ship(Network network) {
    network_ = network;
    if (start()) (void)shipper_->ship();
    network_ = Network::kGood;
  }
  void confirm() {
    if (!start()) return;
    (void)shipper_->confirm();
    believed_ = watch_->last();
    for (std::string& finding : shipper_->take_findings()) findings.push_back(std::move(finding));
  }
  bool is_done() { return start() && done_.size() == sessions_.size() && depth().segments == 0; }
  size_t sessions() const { return sessions_.size(); }
  const std::set<Hash>& promised() const { return promised_; }
  std::optional<Error> distrust() const { return shipper_ ? shipper_->distrust() : std::nullopt; }
  spool::Depth depth() {
    if (!start()) return {};
    return spool_->with([](const spool::Spool& spool) { return spool.depth(); });
  }
  Bytes bytes_of(const Hash& hash) const {
    for (const auto& sealed : sessions_)
      for (const Sealed& segment : sealed)
        if (segment.hash == hash) return segment.bytes;
    return {};
  }

  std::vector<std::string> findings;

 private:
  std::optional<spool::StreamState> find(const StreamId& stream) {
    return spool_->with([&](const spool::Spool& spool) { return spool.find(stream); });
  }
  Result<Bytes> post(ByteSpan request) {
    if (network_ == Network::kRequestLost) return fail(Code::kIo, "lost");
    auto answer = server_.post(request);
    if (network_ == Network::kAnswerLost) return fail(Code::kOutcomeUnknown, "lost");
    return answer;
  }
  Result<Bytes> fetch(const std::string& path) { return server_.fetch(path); }

  World& world_;
  Server& server_;
  sim::Disk disk_;
  sim::Plan::Crash crash_ = sim::Plan::Crash::kKill;
  uint64_t restarts_ = 0;
  std::unique_ptr<sim::SimFileSystem> files_;
  std::optional<SharedSpool> spool_;
  std::optional<LogWatch> watch_;
  std::optional<Shipper> shipper_;
  receipt::VerifierKey log_key_;
  receipt::Checkpoint believed_;  // an agent keeps it durably
  Network network_ = Network::kGood;
  std::vector<std::vector<Sealed>> sessions_;
  std::set<size_t> done_;  // sessions whose close was promised
  std::set<Hash> promised_;
};

/// Everything promised is in the ledger, covered, with the bytes it had.
void expect_all_there(World& world, const Host& host) {
  sim::SimFileSystem files(world.disk);
  const auto report = World::verify_now(files);
  ASSERT_EQ(report.verdict, ledger::Verdict::kIntact);
  ASSERT_EQ(report.checkpoint->size, report.leaves);
  const vault::Vault vault(files, kLayout.vault());
  std::set<Hash> found;
  const auto volumes = vault.volumes().value();
  for (const auto& name : volumes) {
    vault::RecordCursor cursor(vault, {name, 0, name.first_index});
    for (auto look = cursor.look(); look && *look == vault::Found::kRecord; look = cursor.look()) {
      if (cursor.position().volume != name) break;
      Bytes bytes;
      ASSERT_TRUE(cursor.read_segment(bytes).has_value());
      const Hash hash = crypto::sha256(bytes);
      if (hash == cursor.leaf().segment_hash && host.bytes_of(hash) == bytes) found.insert(hash);
      cursor.advance();
    }
  }
  for (const Hash& hash : host.promised()) ASSERT_TRUE(found.contains(hash));
}

class FleetTest : public ::testing::Test {
 protected:
  void finish(Server& server, Host& host) {
    for (int round = 0; round < 200 && !host.is_done(); ++round) {
      server.start();
      for (size_t i = 0; i < host.sessions(); ++i) host.record(i);
      host.sync();
      host.ship(Network::kGood);
      server.publish();
      host.confirm();
      world.clock.advance(std::chrono::seconds(11));
    }
    ASSERT_TRUE(host.is_done()) << host.depth().segments << " segments still wait";
  }
  World world;
};

TEST_F(FleetTest, without_faults_everything_arrives_and_is_freed) {
  Server server(world);
  Host host(world, server);
  finish(server, host);
  EXPECT_EQ(host.promised().size(), 18U);
  expect_all_there(world, host);
  EXPECT_TRUE(host.findings.empty()) << host.findings[0];
}

TEST_F(FleetTest, nothing_is_freed_before_a_checkpoint_covers_it) {
  Server server(world);
  Host host(world, server);
  host.record(0);
  host.sync();
  host.ship(Network::kGood);
  host.confirm();
  EXPECT_EQ(host.depth().segments, 1U) << "acknowledged is not covered";
  world.clock.advance(std::chrono::seconds(61));
  host.confirm();
  EXPECT_EQ(host.findings.size(), 1U) << "and somebody is told after a minute";
  server.publish();
  host.confirm();
  EXPECT_EQ(host.depth().segments, 0U);
}

TEST_F(FleetTest, a_server_restored_from_an_old_copy_is_not_trusted_again) {
  Server server(world);
  Host host(world, server);
  const sim::Image old = world.disk.snapshot();
  host.record(0);
  host.sync();
  host.ship(Network::kGood);
  server.publish();
  host.confirm();
  host.record(0);
  host.sync();
  server.stop();
  world.disk.restore(old);
  host.ship(Network::kGood);
  server.publish();
  host.confirm();
  ASSERT_TRUE(host.distrust().has_value());
  EXPECT_NE(host.distrust()->context.find("rolled back"), std::string::npos);
  EXPECT_EQ(host.depth().segments, 1U) << "what was not proven stays";
}

TEST_F(FleetTest, whatever_dies_and_gets_lost_what_was_promised_arrives) {
  const char* effort = std::getenv("STELE_TEST_EFFORT");
  const char* only = std::getenv("STELE_SEED");
  const uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  const uint64_t count =
      only != nullptr ? 1 : 300 * (effort != nullptr ? std::strtoull(effort, nullptr, 10) : 1);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("STELE_SEED=" + std::to_string(seed));
    world.disk.restore(world.fresh);
    std::mt19937_64 random(seed);
    const auto pick = [&](uint64_t n) { return random() % n; };
    const auto crash = [&] {
      return pick(2) == 0 ? sim::Plan::Crash::kKill : sim::Plan::Crash::kPowerCut;
    };
    Server server(world);
    Host host(world, server);
    for (int step = 0; step < 60; ++step) {
      server.start(pick(3) == 0 ? 1 + pick(12) : 0, crash());
      host.start(pick(3) == 0 ? 1 + pick(12) : 0, crash());
      switch (pick(8)) {
        case 0:
        case 1:
        case 2:
          host.record(pick(host.sessions()));
          break;
        case 3:
          host.sync();
          break;
        case 4:
          host.ship(static_cast<Network>(pick(3)));
          break;
        case 5:
          host.ship(Network::kGood);
          break;
        case 6:
          server.publish();
          break;
        default:
          host.confirm();
      }
      world.clock.advance(std::chrono::milliseconds(pick(3000)));
    }
    host.stop();
    server.stop();
    finish(server, host);
    expect_all_there(world, host);
    EXPECT_FALSE(host.distrust().has_value()) << host.distrust()->message();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace stele::agent
