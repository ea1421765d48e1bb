// For tests only: a host whose keys rotate, and what it, or a thief of its keys, seals.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "ledger/test_world.h"

namespace stele::ledger {

using segment::HostSigner;
using segment::Kind;
using segment::Rotation;
using segment::Sealed;
using segment::Standing;

/// The ledger's own host: a host stream, two sessions, and every key that it ever had.
class RotatingHost {
 public:
  explicit RotatingHost(World& of) : world(of) {
    sim::SimFileSystem files(world.disk);
    PrivateKey first = load_private_key(files, kLayout.host_key()).value();
    name = first.name;
    keys.push_back(std::make_unique<crypto::SigningKey>(std::move(first.key)));
    const Bytes note = files.read(kLayout.recipients(), 1 << 16).value();
    const auto policy = load_verifier_key(files, kLayout.policy_vkey()).value();
    recipients = sealing_recipients(open_recipients_list(note, policy).value(), note);
    host.emplace(sealer(Kind::kHost));
    a.emplace(sealer(Kind::kSession));
    b.emplace(sealer(Kind::kSession));
  }

  segment::HostKeyId id(const crypto::SigningKey& key) const {
    return segment::host_key_id(name, key.public_key().bytes);
  }
  segment::Sealer sealer(Kind kind) {
    return sealer(kind, make_uuid_v7(world.clock.wall(), world.random));
  }
  segment::Sealer sealer(Kind kind, const StreamId& stream) {
    return {stream, kind,
            [this](WallTime) {
              return std::make_shared<const HostSigner>(
                  HostSigner{*keys.at(signing), id(*keys[signing]), epoch});
            },
            segment::always(recipients), world.random};
  }
  /// Another sealer of the same session.
  segment::Sealer going_on(const Sealed& after) {
    segment::Sealer stream = sealer(Kind::kSession, after.header.stream);
    stream.resume(after.header.sequence + 1, after.hash);
    return stream;
  }
  Sealed next(segment::Sealer& stream, bool close = false, Micros earlier = Micros(0)) {
    segment::Batch batch;
    batch.lanes[0] = {0x83, 0x0d, 0x00, 0xa0};  // not looked at
    batch.event_count = 1;
    batch.wall_first = world.clock.wall() - earlier;
    batch.boot_first = batch.boot_last = world.clock.boot();
    return stream.seal(batch, close).value();
  }
  static Standing standing(const Sealed& last) {
    return {last.header.stream, last.header.sequence + 1, last.hash};
  }
  static std::vector<Standing> sorted(std::vector<Standing> list) {
    std::sort(list.begin(), list.end(),
              [](const Standing& x, const Standing& y) { return x.stream < y.stream; });
    return list;
  }
  /// A new key, introduced by the one before; what may be wrong with it can be said.
  Sealed rotate(std::vector<Standing> list, uint32_t skip = 0, size_t signed_by = SIZE_MAX,
                segment::Sealer* in = nullptr) {
    segment::Sealer& stream = in == nullptr ? *host : *in;
    const size_t before = signing;
    keys.push_back(
        std::make_unique<crypto::SigningKey>(crypto::SigningKey::generate(world.random)));
    const Rotation rotation{.old_key = id(*keys[before]),
                            .epoch = epoch + 1 + skip,
                            .new_key = keys.back()->public_key().bytes,
                            .not_before = world.clock.wall(),
                            .parts = parts};
    signing = keys.size() - 1;
    epoch += 1 + skip;
    stream.carry({.agreed = sorted(std::move(list)),
                  .rotation = rotation,
                  .old_key = keys[signed_by == SIZE_MAX ? before : signed_by].get()});
    return next(stream);
  }
  /// From now on sealed as the thief of this key would.
  void steal(size_t key, uint32_t of_epoch) {
    signing = key;
    epoch = of_epoch;
  }

  World& world;
  std::string name;
  std::vector<std::unique_ptr<crypto::SigningKey>> keys;
  size_t signing = 0;
  uint32_t epoch = 1, parts = 0;
  segment::Recipients recipients;
  std::optional<segment::Sealer> host, a, b;
};

}  // namespace stele::ledger
