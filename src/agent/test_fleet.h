// For tests: a host and a server in one simulated world. Each has a disk of its own that stays
// while its processes come and go; between them lies a network that loses requests and answers.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include "agent/shipper.h"
#include "crypto/sha256.h"
#include "ledger/catalog.h"
#include "ledger/test_world.h"
#include "logsrv/ingest.h"

namespace stele::agent {
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
  virtual ~Server() = default;
  virtual Result<Bytes> post(ByteSpan request) {
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
  virtual Result<Bytes> fetch(const std::string& path) {
    sim::SimFileSystem reader(world_.disk);
    return reader.read(kLayout.vault() + "/log/" + path, 1 << 16);
  }

 protected:
  World& world_;

 private:
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
  /// Whether this segment waits, or was set aside for a person to look at.
  bool holds(const Hash& hash) {
    if (!start()) return false;
    for (const auto& sealed : sessions_) {
      for (const Sealed& segment : sealed) {
        if (segment.hash != hash) continue;
        const auto state = find(segment.header.stream);
        if (!state) return false;
        const uint32_t next = state->tail.next_sequence;
        return segment.header.sequence >= next - state->waiting &&
               (segment.header.sequence < next || is_aside(segment.bytes));
      }
    }
    return false;
  }
  /// What somebody who copies the host's disk has, and gives it again.
  sim::Image image() const { return disk_.snapshot(); }
  void become(const sim::Image& image) {
    stop();
    disk_.restore(image);
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
  bool is_aside(const Bytes& segment) const {
    const sim::Image image = disk_.snapshot();
    return std::any_of(image.begin(), image.end(), [&](const auto& file) {
      const Bytes& bytes = file.second.bytes;
      return file.first.starts_with("/spool/aside/") &&
             std::search(bytes.begin(), bytes.end(), segment.begin(), segment.end()) != bytes.end();
    });
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

/// What of the host's is in the ledger, covered, with the bytes it had.
inline std::set<Hash> found_in_ledger(World& world, const Host& host) {
  sim::SimFileSystem files(world.disk);
  const auto report = World::verify_now(files);
  EXPECT_EQ(report.verdict, ledger::Verdict::kIntact);
  EXPECT_EQ(report.checkpoint->size, report.leaves);
  const vault::Vault vault(files, kLayout.vault());
  std::set<Hash> found;
  const auto volumes = vault.volumes().value();
  for (const auto& name : volumes) {
    vault::RecordCursor cursor(vault, {name, 0, name.first_index});
    for (auto look = cursor.look(); look && *look == vault::Found::kRecord; look = cursor.look()) {
      if (cursor.position().volume != name) break;
      Bytes bytes;
      EXPECT_TRUE(cursor.read_segment(bytes).has_value());
      const Hash hash = crypto::sha256(bytes);
      if (hash == cursor.leaf().segment_hash && host.bytes_of(hash) == bytes) found.insert(hash);
      cursor.advance();
    }
  }
  return found;
}

inline void expect_all_there(World& world, const Host& host) {
  const auto found = found_in_ledger(world, host);
  for (const Hash& hash : host.promised()) ASSERT_TRUE(found.contains(hash));
}

/// The seeds of a random test: STELE_SEED=n that one alone, STELE_TEST_EFFORT=n more of them.
struct Seeds {
  explicit Seeds(uint64_t ordinary) {
    const char* effort = std::getenv("STELE_TEST_EFFORT");
    const char* only = std::getenv("STELE_SEED");
    const auto number = [](const char* text) { return std::strtoull(text, nullptr, 10); };
    first = only != nullptr ? number(only) : 1;
    end = first + (only != nullptr ? 1 : ordinary * (effort != nullptr ? number(effort) : 1));
  }
  uint64_t first = 0, end = 0;
};

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

}  // namespace stele::agent
