// For tests: a server in a simulated world. Its processes come and go, its disk stays.
#pragma once

#include <gtest/gtest.h>

#include "crypto/sha256.h"
#include "ledger/test_world.h"
#include "logsrv/ingest.h"
#include "server/heartbeats.h"

namespace stele::server {
using ledger::kLayout;
using ledger::World;

/// Which writes of a process do not happen any more.
struct Death {
  uint64_t at = 0;  // its k-th from its start on; 0: it lives
  sim::Plan::Crash how = sim::Plan::Crash::kKill;

  sim::Plan plan() const { return {.crash_at = at, .crash = how}; }
};

class SimServer {
 public:
  explicit SimServer(World& world) : world_(world) {
    sim::SimFileSystem files(world.disk);
    trust_ = World::trust(files);
    recipients_ = crypto::sha256(files.read(kLayout.recipients(), 1 << 16).value());
  }
  virtual ~SimServer() = default;

  /// Comes up if it is down, as a service does; false: it died of it.
  bool start(Death death = {}) {
    if (files_ && files_->is_alive()) return true;
    stop();
    if (!world_.disk.is_powered()) world_.disk.restart(++restarts_);
    files_ = std::make_unique<sim::SimFileSystem>(world_.disk, death.plan());
    const Status started = begin();
    if (started) return true;
    if (files_->is_alive()) ADD_FAILURE() << started.error().message();
    stop();
    return false;
  }
  void stop() {
    ingest_.reset();
    sequencer_.reset();
    publisher_.reset();
    finder_.reset();
    files_.reset();
  }
  virtual Result<Bytes> post(const std::string& host, ByteSpan request) {
    if (!start()) return fail(Code::kIo, "down");
    heartbeats_->heard(host);
    Result<Bytes> response = fail(Code::kIo, "no answer");
    ingest_->take(host, Bytes(request.begin(), request.end()), [&](auto answers) {
      if (answers) response = wire::encode(*answers);
    });
    sequencer_->step();
    return response;
  }
  Result<Bytes> beat(const std::string& host, ByteSpan request) {
    if (!start()) return fail(Code::kIo, "down");
    TRY(const auto heartbeat, wire::parse_heartbeat(request));
    heartbeats_->take(host, heartbeat);
    return wire::encode(wire::HeartbeatAnswer{world_.clock.wall(), recipients_});
  }
  /// What its publisher's thread does every second.
  void publish() {
    if (!start()) return;
    (void)publisher_->publish_if_due();
    heartbeats_->look();
  }
  virtual Result<Bytes> fetch(const std::string& path) {
    sim::SimFileSystem reader(world_.disk);
    return reader.read(kLayout.vault() + "/log/" + path, 1 << 16);
  }

  std::vector<std::string> told;  // who fell silent, and who is back

 protected:
  World& world_;

 private:
  Status begin() {
    TRY(auto ledger, world_.open(*files_));
    TRY_VOID(ledger->sync());
    TRY_VOID(ledger->publish_through(ledger->size()));
    TRY(publisher_, world_.open(*files_));
    vault_.emplace(*files_, kLayout.vault());
    finder_.emplace(*vault_, ledger->size(), 8);
    auto admission = std::make_shared<logsrv::Admission>();
    admission->origin = "stele/test/1";
    admission->hosts = trust_.hosts;
    admission->recipients_lists = {recipients_};
    TRY_VOID(admission->keys->read(admission->hosts, *ledger));
    ledger->set_owner_rule(logsrv::same_host([admission] { return admission; }));
    sequencer_.emplace(std::move(ledger), logsrv::SequencerOptions());
    ingest_.emplace(*sequencer_, *finder_, [](const std::function<void()>& work) {
      work();
      return true;
    });
    ingest_->admit(admission);
    heartbeats_.emplace(
        world_.clock, std::chrono::seconds(60), [this](const Heartbeats::Silence& silence) {
          using What = Heartbeats::Silence::What;
          if (silence.what != What::kFirst)
            told.push_back(silence.host +
                           (silence.what == What::kOver ? " is back" : " is silent"));
          return Status();
        });
    heartbeats_->expect("1");
    return {};
  }

  ledger::Trust trust_;
  Hash recipients_{};
  uint64_t restarts_ = 0;
  std::unique_ptr<sim::SimFileSystem> files_;
  std::optional<vault::LocalVault> vault_;
  std::optional<logsrv::LeafFinder> finder_;
  std::unique_ptr<ledger::Ledger> publisher_;
  std::optional<logsrv::Sequencer> sequencer_;
  std::optional<logsrv::Ingest> ingest_;
  std::optional<Heartbeats> heartbeats_;
};

}  // namespace stele::server
