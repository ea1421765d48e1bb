// For tests only: a simulated ledger under a policy, a volume for each batch, years that pass.
#pragma once

#include "ledger/policy_history.h"
#include "ledger/test_report.h"
#include "ledger/test_rotation.h"
#include "policy/text.h"
#include "retention/prune.h"

namespace stele::retention {

using ledger::kLayout;
using ledger::Report;
using ledger::Verdict;
using segment::Kind;
using segment::Sealed;

/// "short" keeps a session 30 days, "long" 400.
inline constexpr uint8_t kShort = 1, kLong = 2;

class RetentionWorld {
 public:
  RetentionWorld() : prune_key{"stele/test/1/prune", crypto::SigningKey(Bytes(32, 9))} {
    // Here an I/O is a step; that it is one machine is nobody's business.
    sign_policy(1, "retention short class 1 30 days\nretention long class 2 400 days\n");
  }

  static std::string day_text(WallTime at) { return rfc3339(at).substr(0, 10); }

  /// As somebody puts it into the directory, and a server keeps it.
  void sign_policy(uint32_t version, const std::string& classes, bool names_key = true) {
    sim::SimFileSystem files(world.disk);
    auto key = ledger::load_private_key(files, kLayout.policy_key()).value();
    const auto signer = receipt::NoteSigner::make(key.name, std::move(key.key)).value();
    const receipt::VerifierKey prune{prune_key.name, receipt::KeyType::kNote,
                                     prune_key.key.public_key()};
    const std::string note =
        signer
            .sign("stele-policy-v1\nstele/test/1\n" + std::to_string(version) + "\n" +
                  day_text(world.clock.wall()) + "\n" +
                  (names_key ? "prune " + prune.to_string() + "\n" : "") + classes)
            .value();
    EXPECT_TRUE(files.replace(kLayout.policy(), as_bytes(note)).has_value());
    auto store = ledger::PolicyStore::open(files, kLayout).value();
    const Status taken = store.refresh();
    EXPECT_TRUE(taken.has_value()) << taken.error().message();
  }

  /// One volume of these segments, covered.
  void commit(const std::vector<Sealed>& segments) {
    sim::SimFileSystem files(world.disk);
    auto store = ledger::PolicyStore::open(files, kLayout).value();
    auto to = world.open(files).value();
    to->close_volumes_at(1);
    to->set_retention_rule([policy = store.current()](uint8_t number, WallTime received) {
      return policy ? ledger::retain_until(policy->policy, number, received) : 0;
    });
    std::vector<ledger::Incoming> batch;
    for (const Sealed& sealed : segments)
      batch.push_back({sealed.header, sealed.hash, sealed.bytes});
    const auto results = to->append(batch).value();
    for (const auto& result : results) EXPECT_TRUE(result.has_value()) << result.error().message();
    EXPECT_TRUE(to->sync() && to->publish_through(to->size()));
  }

  segment::Sealer stream(Kind kind, uint8_t retention_class = 0) {
    segment::Sealer sealer = host.sealer(kind);
    sealer.set_retention_class(retention_class);
    return sealer;
  }
  /// A whole session of two segments, in a volume of its own; its id.
  StreamId session(uint8_t retention_class) {
    segment::Sealer sealer = stream(Kind::kSession, retention_class);
    commit({host.next(sealer), host.next(sealer, true)});
    return sealer.stream();
  }
  /// The server says so, in clear.
  void say(std::vector<segment::Hold> holds, std::vector<StreamId> released = {}) {
    if (!server) server.emplace(stream(Kind::kServer));
    server->carry({.holds = std::move(holds), .released = std::move(released)});
    commit({host.next(*server)});
  }
  void pass(int days) { world.clock.advance(std::chrono::hours(24) * days); }
  /// The ledger goes on, so that its clocks are known.
  void go_on() {
    if (!own) own.emplace(stream(Kind::kHost));
    commit({host.next(*own)});
    commit({host.next(*own)});
  }

  Status prune(os::FileSystem& files) {
    Prune prune(files, kLayout, world.clock);
    TRY_VOID(prune.look());
    for (const Volume& volume : prune.volumes()) stays[volume.name.first_index] = volume.stays;
    TRY_VOID(prune.remove(prune_key, world.signer(files), world.random));
    for (const Volume& volume : prune.volumes()) stays[volume.name.first_index] = volume.stays;
    return {};
  }
  Status prune() {
    sim::SimFileSystem files(world.disk);
    stays.clear();
    return prune(files);
  }
  bool has_volume(uint64_t first) {
    sim::SimFileSystem files(world.disk);
    return vault::LocalVault(files, kLayout.vault()).has_volume({first, 0});
  }
  Report verify() {
    sim::SimFileSystem files(world.disk);
    ledger::VerifyOptions options;
    options.now = world.clock.wall();
    return ledger::World::verify_now(files, options);
  }
  static Verdict verdict_of(const Report& report, const StreamId& id) {
    for (const auto& stream : report.streams)
      if (stream.stream == id) return stream.verdict;
    ADD_FAILURE() << "no such stream";
    return Verdict::kUnknown;
  }

  ledger::World world;
  ledger::PrivateKey prune_key;
  ledger::RotatingHost host{world};
  std::optional<segment::Sealer> server, own;
  std::map<uint64_t, std::string> stays;  // by a volume's first leaf; empty: it went
};

}  // namespace stele::retention
