// For tests only: a simulated machine with a ledger on it, and sessions to append.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "ledger/directory_ledger.h"
#include "ledger/setup.h"
#include "ledger/verify.h"
#include "segment/sealer.h"
#include "sim/clock.h"
#include "sim/disk.h"
#include "sim/file_system.h"
#include "sim/random.h"

namespace stele::ledger {

inline const Layout kLayout{"/ledger"};

/// A ledger that was just made, as an image to begin from.
class World {
 public:
  World() {
    sim::SimFileSystem files(disk);
    SetupOptions options;
    options.origin = "stele/test/1";
    report = set_up(files, kLayout, options, clock, random).value();
    fresh = disk.snapshot();
  }

  LogSigner signer(os::FileSystem& files) {
    auto key = load_private_key(files, kLayout.log_key()).value();
    return std::make_shared<receipt::NoteSigner>(
        receipt::NoteSigner::make(key.name, std::move(key.key)).value());
  }
  Result<std::unique_ptr<DirectoryLedger>> open(os::FileSystem& files) {
    return DirectoryLedger::open(files, kLayout, clock, signer(files));
  }

  static Trust trust(os::FileSystem& files) {
    return {load_verifier_key(files, kLayout.log_vkey()).value(),
            HostKeys::load(files, kLayout.host_vkey()).value()};
  }
  static Report verify_now(os::FileSystem& files, VerifyOptions options = {}) {
    auto report = verify(files, kLayout, trust(files), options);
    if (!report) {
      ADD_FAILURE() << report.error().message();
    }
    return report ? *std::move(report) : Report();
  }

  /// Told of everything the disk now holds.
  Report verify_now() {
    sim::SimFileSystem files(disk);
    return verify_now(files);
  }

  sim::Clock clock;
  sim::Disk disk;
  RandomSource random = sim::random(42);
  SetupReport report;
  sim::Image fresh;
};

/// One recorded session's segments, sealed with the ledger's own keys.
class TestStream {
 public:
  TestStream(os::FileSystem& files, sim::Clock& clock, RandomSource random)
      : clock_(clock),
        host_(std::make_unique<PrivateKey>(load_private_key(files, kLayout.host_key()).value())),
        sealer_(make_uuid_v7(clock.wall(), random), segment::Kind::kSession,
                {host_->key, segment::host_key_id(host_->name, host_->key.public_key().bytes), 1},
                recipients(files), random) {}

  segment::Sealed next(size_t bytes = 50, bool close = false) {
    segment::Batch batch;
    batch.lanes[1].resize(bytes);
    for (size_t i = 0; i < bytes; ++i)
      batch.lanes[1][i] = static_cast<uint8_t>(i * i * 31 + count_);
    batch.wall_first = clock_.wall();
    batch.boot_first = batch.boot_last = clock_.boot();
    batch.event_count = 1;
    ++count_;
    return sealer_.seal(batch, close).value();
  }
  const StreamId id() const { return sealer_.stream(); }
  void keep_as(uint8_t retention_class) { sealer_.set_retention_class(retention_class); }

 private:
  static segment::Recipients recipients(os::FileSystem& files) {
    const Bytes note = files.read(kLayout.recipients(), 1 << 16).value();
    const auto policy = load_verifier_key(files, kLayout.policy_vkey()).value();
    return sealing_recipients(open_recipients_list(note, policy).value(), note);
  }
  sim::Clock& clock_;
  std::unique_ptr<PrivateKey> host_;  // the sealer points at it
  segment::Sealer sealer_;
  size_t count_ = 0;
};

}  // namespace stele::ledger
