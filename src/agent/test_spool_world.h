// For tests: a host's spool on a simulated disk, and what its sessions are sealed with.
#pragma once

#include <gtest/gtest.h>

#include "agent/spool_store.h"
#include "ledger/test_world.h"
#include "os/clock.h"
#include "os/random.h"

namespace stele::agent {

struct SpoolWorld {
  SpoolWorld() { restart(); }

  /// The spool, opened anew by another process.
  void restart() {
    shared.reset();
    disk_files.emplace(disk);
    shared.emplace(spool::Spool::open(*disk_files, "/spool", clock, options).value());
  }
  segment::Sealer sealer(const StreamId& id) {
    return {id,
            segment::Kind::kSession,
            {host.key, segment::host_key_id(host.name, host.key.public_key().bytes), 1},
            recipients(),
            os::system_random};
  }
  segment::Recipients recipients() {
    const Bytes note = files.read(ledger::kLayout.recipients(), 1 << 16).value();
    const auto policy = ledger::load_verifier_key(files, ledger::kLayout.policy_vkey()).value();
    return ledger::sealing_recipients(ledger::open_recipients_list(note, policy).value(), note);
  }
  StreamId new_id() { return make_uuid_v7(clock.wall(), world.random); }
  std::optional<spool::StreamState> state(const StreamId& id) {
    return shared->with([&](const spool::Spool& spool) { return spool.find(id); });
  }

  ledger::World world;
  sim::Disk disk;
  sim::SimFileSystem files{world.disk};
  std::optional<sim::SimFileSystem> disk_files;
  os::SystemClock clock;  // the sealer's waits are real
  ledger::PrivateKey host = ledger::load_private_key(files, ledger::kLayout.host_key()).value();
  spool::SpoolOptions options{.quota = {.owner_bytes_max = 20'000, .reserve_bytes = 4096}};
  std::optional<SharedSpool> shared;
};

}  // namespace stele::agent
