// Every bit of a small ledger, and everything else somebody could do to it: each is found and
// named.
#include <gtest/gtest.h>

#include <algorithm>

#include "ledger/test_report.h"
#include "ledger/test_world.h"

namespace stele::ledger {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t kStride =
    13;  // the ordinary build tries every bit of small files; slower ones a share
#else
constexpr size_t kStride = 1;
#endif
constexpr size_t kVolumeStride = 7;  // and of the volume

const std::string kVolume = "/ledger/vault/volume/000000000000.vol";

struct Record {
  size_t offset, size;
};
std::vector<Record> records_of(const Bytes& volume) {
  std::vector<Record> found;
  for (size_t at = 0; at < volume.size();) {
    const auto leaf = segment::parse_leaf(ByteSpan(volume).subspan(at, segment::kLeafBytes));
    if (!leaf) break;
    found.push_back({at, segment::kLeafBytes + leaf->segment_bytes});
    at += found.back().size;
  }
  return found;
}
Bytes bytes_of(const Bytes& volume, const Record& record) {
  const auto begin = volume.begin() + static_cast<ptrdiff_t>(record.offset);
  return {begin, begin + static_cast<ptrdiff_t>(record.size)};
}

/// Two sessions side by side, published twice; the first is closed, the second goes on.
class Tamper : public ::testing::Test {
 protected:
  Tamper() {
    sim::SimFileSystem files(world.disk);
    trust = World::trust(files);
    TestStream a(files, world.clock, world.random), b(files, world.clock, world.random);
    auto ledger = world.open(files).value();
    append(*ledger, a, false);
    append(*ledger, b, false);
    publish(*ledger);
    earlier = world.disk.snapshot();
    append(*ledger, b, false);
    append(*ledger, a, true);
    append(*ledger, b, false);
    publish(*ledger);
    whole = world.disk.snapshot();
    volume = whole.at(kVolume).bytes;
    records = records_of(volume);
    first = a.id();
    second = b.id();
  }

  static void append(Ledger& ledger, TestStream& stream, bool close) {
    ASSERT_TRUE(ledger.append(stream.next(30, close).bytes).has_value());
  }
  static void publish(Ledger& ledger) {
    ASSERT_TRUE(ledger.sync().has_value());
    ASSERT_TRUE(ledger.publish_through(ledger.size()).has_value());
  }

  Report verify_now(VerifyOptions options = {}) {
    sim::SimFileSystem files(world.disk);
    auto report = verify(files, kLayout, trust, options);
    EXPECT_TRUE(report.has_value()) << report.error().message();
    return report ? *std::move(report) : Report();
  }
  Report verify_with_volume(const std::vector<Bytes>& parts) {
    Bytes bytes;
    for (const Bytes& part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
    world.disk.put(kVolume, bytes);
    return verify_now();
  }
  std::vector<Bytes> parts() const {
    std::vector<Bytes> all;
    for (const Record& record : records) all.push_back(bytes_of(volume, record));
    return all;
  }
  /// What is not part of the committed truth: locks, shared words, private keys, keys the reader
  /// has.
  static bool matters(const std::string& path) {
    return path.starts_with("/ledger/vault/") || path == kLayout.head() ||
           path == kLayout.recipients() || path == kLayout.policy_vkey();
  }
  void expect_found(const std::string& path, const std::string& when) {
    const Report report = verify_now();
    ASSERT_GE(report.verdict, Verdict::kMissing)
        << path << ", " << when << ": " << describe(report);
    const std::string name = path.substr(path.rfind('/') + 1);
    const auto faults = all_faults(report);
    ASSERT_TRUE(std::any_of(faults.begin(), faults.end(),
                            [&](const Fault& f) {
                              return f.where.find(name) != std::string::npos ||
                                     f.where.find("leaf") != std::string::npos;
                            }))
        << path << ", " << when << " is not named: " << describe(report);
  }

  World world;
  Trust trust = World::trust(*std::make_unique<sim::SimFileSystem>(world.disk));
  sim::Image earlier, whole;
  Bytes volume;
  std::vector<Record> records;
  StreamId first{}, second{};
};

TEST_F(Tamper, nothing_was_and_nothing_is_said) {
  const Report report = verify_now();
  EXPECT_EQ(report.verdict, Verdict::kIntact) << describe(report);
  EXPECT_EQ(records.size(), 5U);
}

TEST_F(Tamper, finds_every_flipped_bit_of_every_file) {
  size_t tried = 0;
  for (const auto& [path, entry] : whole) {
    if (entry.is_directory || !matters(path)) continue;
    const size_t stride = kStride * (path == kVolume ? kVolumeStride : 1);
    for (size_t bit = 0; bit < entry.bytes.size() * 8; bit += stride, ++tried) {
      const auto flip = [&](Bytes& b) { b[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8)); };
      ASSERT_TRUE(world.disk.tamper(path, flip).has_value());
      expect_found(path, "bit " + std::to_string(bit));
      if (HasFatalFailure()) return;
      ASSERT_TRUE(world.disk.tamper(path, flip).has_value());
    }
  }
  EXPECT_GT(tried * kStride, 10'000U);
  EXPECT_EQ(verify_now().verdict, Verdict::kIntact);
}

TEST_F(Tamper, finds_every_file_cut_short_anywhere) {
  for (const auto& [path, entry] : whole) {
    if (entry.is_directory || !matters(path)) continue;
    const size_t text_end =
        path == kLayout.policy_vkey() ? 1 : 0;  // a key without its newline is one
    for (size_t size = 0; size + text_end < entry.bytes.size(); size += kStride) {
      ASSERT_TRUE(world.disk.tamper(path, [&](Bytes& b) { b.resize(size); }).has_value());
      expect_found(path, "cut to " + std::to_string(size));
      if (HasFatalFailure()) return;
      world.disk.put(path, entry.bytes);
    }
  }
}

TEST_F(Tamper, finds_every_file_deleted) {
  for (const auto& [path, entry] : whole) {
    if (entry.is_directory || !matters(path) || path == kLayout.policy_vkey()) continue;
    if (path == kLayout.recipients()) continue;  // a vault alone can be verified: said in a note
    if (path.ends_with(".p/2")) continue;        // of the older checkpoint: those go by themselves
    ASSERT_TRUE(world.disk.erase(path).has_value());
    expect_found(path, "deleted");
    world.disk.put(path, entry.bytes);
  }
}

TEST_F(Tamper, finds_records_deleted_swapped_duplicated_and_replaced) {
  for (size_t i = 0; i < records.size(); ++i) {
    auto without = parts();
    without.erase(without.begin() + static_cast<ptrdiff_t>(i));
    Report report = verify_with_volume(without);
    EXPECT_EQ(report.verdict, Verdict::kMissing) << describe(report);
    EXPECT_TRUE(names(report, "missing", "leaf " + std::to_string(i))) << describe(report);

    auto twice = parts();
    twice.insert(twice.begin() + static_cast<ptrdiff_t>(i), twice[i]);
    report = verify_with_volume(twice);
    EXPECT_TRUE(names(report, "duplicate", "leaf " + std::to_string(i))) << describe(report);

    for (size_t j = i + 1; j < records.size(); ++j) {
      auto swapped = parts();
      std::swap(swapped[i], swapped[j]);
      report = verify_with_volume(swapped);
      EXPECT_TRUE(names(report, "reordered", "offset")) << i << j << describe(report);

      auto copied = parts();
      copied[i] = copied[j];
      report = verify_with_volume(copied);
      EXPECT_GE(report.verdict, Verdict::kMissing) << i << j;
      EXPECT_TRUE(names(report, "missing", "leaf " + std::to_string(i))) << describe(report);
    }
  }
}

TEST_F(Tamper, finds_volumes_that_do_not_belong) {
  world.disk.put("/ledger/vault/volume/000000000003.vol", {});
  EXPECT_TRUE(names(verify_now(), "stray volume", "000000000000.vol"));
  world.disk.restore(whole);
  world.disk.put("/ledger/vault/volume/000000000009.vol", volume);
  EXPECT_TRUE(names(verify_now(), "stray volume", "000000000009.vol"));
  world.disk.restore(whole);
  world.disk.put("/ledger/vault/volume/notes.txt", as_bytes("x"));
  world.disk.put("/ledger/vault/log/tile/0/notes", as_bytes("x"));
  EXPECT_TRUE(names(verify_now(), "stray file", "volume/notes.txt"));
  EXPECT_TRUE(names(verify_now(), "stray file", "tile/0/notes"));
}

TEST_F(Tamper, finds_tiles_beyond_the_end_with_and_without_a_head) {
  for (const char* name : {"tile/0/009", "tile/0/000.p/255", "tile/entries/009.p/1", "tile/4/000"})
    world.disk.put("/ledger/vault/log/" + std::string(name), as_bytes("x"));
  for (int i = 0; i < 2; ++i) {
    const Report report = verify_now();
    EXPECT_EQ(report.verdict, Verdict::kTampered);
    EXPECT_TRUE(names(report, "stray tile", "log/tile/0/009:")) << describe(report);
    EXPECT_TRUE(names(report, "stray tile", "log/tile/0/000.p/255:"));
    EXPECT_TRUE(names(report, "stray tile", "log/tile/entries/009.p/1:"));
    EXPECT_TRUE(names(report, "stray tile", "log/tile/4/000:"));
    ASSERT_TRUE(sim::SimFileSystem(world.disk).remove("/ledger/state/head"));
  }
}

TEST_F(Tamper, a_volume_put_in_the_place_of_another_is_found) {
  Bytes backwards;
  for (auto part = records.rbegin(); part != records.rend(); ++part) {
    const Bytes bytes = bytes_of(volume, *part);
    backwards.insert(backwards.end(), bytes.begin(), bytes.end());
  }
  world.disk.put(kVolume, backwards);
  EXPECT_TRUE(names(verify_now(), "reordered"));
}

TEST_F(Tamper, the_vault_rolled_back_without_its_head_is_found_by_anyone) {
  sim::Image mixed = earlier;
  for (const auto& [path, entry] : whole) {
    if (path.starts_with(kLayout.state())) mixed[path] = entry;
  }
  world.disk.restore(mixed);
  const Report report = verify_now();
  EXPECT_EQ(report.verdict, Verdict::kMissing) << describe(report);
  EXPECT_TRUE(names(report, "rolled back", "state/head: 5 leaves; the volumes hold 2"))
      << describe(report);
}

TEST_F(Tamper, everything_rolled_back_is_found_by_a_reader_who_remembers) {
  const Report before = verify_now();
  Remembered memory{
      trust.log.to_string(), {}, "", before.checkpoint->size, before.checkpoint->root};
  world.disk.restore(earlier);
  EXPECT_EQ(verify_now().verdict, Verdict::kIntact) << "to a newcomer it is a younger ledger";
  VerifyOptions options;
  options.memory = memory;
  EXPECT_TRUE(names(verify_now(options), "rolled back", "2 leaves; this reader saw 5 before"));
}

TEST_F(Tamper, another_history_of_the_same_length_is_found_by_a_reader_who_remembers) {
  const Report before = verify_now();
  world.disk.restore(earlier);
  {
    sim::SimFileSystem files(world.disk);
    auto ledger = world.open(files).value();
    TestStream other(files, world.clock, world.random);
    for (int i = 0; i < 3; ++i) append(*ledger, other, i == 2);
    publish(*ledger);
  }
  EXPECT_EQ(verify_now().verdict, Verdict::kIntact);
  VerifyOptions options;
  options.memory = Remembered{trust.log.to_string(), {}, "", 5, before.checkpoint->root};
  EXPECT_TRUE(names(verify_now(options), "forked", "5 leaves"));
  options.memory = Remembered{trust.log.to_string(), {}, "", 2, {}};
  EXPECT_TRUE(names(verify_now(options), "forked", "2 leaves"));
}

TEST_F(Tamper, a_checkpoint_signed_by_another_key_is_found) {
  const auto impostor =
      receipt::NoteSigner::make(trust.log.name, crypto::SigningKey::generate(world.random)).value();
  const Report before = verify_now();
  const auto note = receipt::sign_checkpoint(*before.checkpoint, impostor).value();
  world.disk.put("/ledger/vault/log/checkpoint", as_bytes(note));
  const Report report = verify_now();
  EXPECT_TRUE(names(report, "bad checkpoint", "vault/log/checkpoint")) << describe(report);
  for (const StreamReport& s : report.streams) EXPECT_EQ(s.verdict, Verdict::kUnknown);
}

TEST_F(Tamper, a_checkpoint_that_nothing_gives_is_found_and_nothing_else_is_blamed) {
  sim::SimFileSystem files(world.disk);
  receipt::Checkpoint lie = *verify_now().checkpoint;
  lie.root[7] ^= 1;
  const auto note = receipt::sign_checkpoint(lie, *world.signer(files)).value();
  world.disk.put("/ledger/vault/log/checkpoint", as_bytes(note));
  const Report report = verify_now();
  EXPECT_TRUE(names(report, "forked", "vault/log/checkpoint")) << describe(report);
  for (const StreamReport& s : report.streams) {
    EXPECT_EQ(s.verdict, Verdict::kUnknown);
    EXPECT_TRUE(s.faults.empty()) << describe(report);
  }
}

TEST_F(Tamper, another_log_key_is_found_by_a_reader_who_remembers) {
  VerifyOptions options;
  options.memory = Remembered{"stele/test/1+00000000+AQ==", {}, "", 0, {}};
  EXPECT_TRUE(names(verify_now(options), "other log key", "log.vkey"));
}

TEST_F(Tamper, another_policy_key_with_a_list_of_its_own_is_found_by_a_reader_who_remembers) {
  sim::SimFileSystem files(world.disk);
  const auto before = load_verifier_key(files, kLayout.policy_vkey()).value();
  const auto list =
      open_recipients_list(files.read(kLayout.recipients(), 1 << 16).value(), before).value();
  const auto impostor =
      receipt::NoteSigner::make(before.name, crypto::SigningKey::generate(world.random)).value();
  world.disk.put(kLayout.recipients(), as_bytes(impostor.sign(encode(list)).value()));
  world.disk.put(kLayout.policy_vkey(), as_bytes(impostor.key().to_string() + "\n"));
  VerifyOptions options;
  EXPECT_EQ(verify_now().verdict, Verdict::kIntact) << "a newcomer knows no other";
  options.memory =
      Remembered{trust.log.to_string(), {}, before.to_string(), 0, merkle::empty_root()};
  EXPECT_TRUE(names(verify_now(options), "other policy key", "policy.vkey"));
  world.disk.restore(whole);
  EXPECT_EQ(verify_now(options).verdict, Verdict::kIntact);
}

/// What a host could append that it should not: a ledger takes it (it checks chains), a verifier
/// does not.
class Forged : public Tamper {
 protected:
  Report append_forged(const segment::Sealed& sealed) {
    sim::SimFileSystem files(world.disk);
    auto ledger = world.open(files).value();
    EXPECT_TRUE(ledger->append(sealed.bytes).has_value());
    publish(*ledger);
    return verify_now();
  }
  segment::Sealed seal_as(const PrivateKey& host, uint32_t epoch) {
    sim::SimFileSystem files(world.disk);
    const Bytes note = files.read(kLayout.recipients(), 1 << 16).value();
    const auto policy = load_verifier_key(files, kLayout.policy_vkey()).value();
    segment::Sealer sealer(
        make_uuid_v7(world.clock.wall(), world.random), segment::Kind::kSession,
        {host.key, segment::host_key_id(host.name, host.key.public_key().bytes), epoch},
        sealing_recipients(open_recipients_list(note, policy).value(), note), world.random);
    segment::Batch batch;
    batch.lanes[1] = {1, 2, 3};
    batch.event_count = 1;
    return sealer.seal(batch, true).value();
  }
};

TEST_F(Forged, a_segment_signed_by_an_unknown_host_is_found) {
  const PrivateKey stranger{"stele/test/1/host/1", crypto::SigningKey::generate(world.random)};
  const Report report = append_forged(seal_as(stranger, 1));
  EXPECT_TRUE(names(report, "unknown host key", "offset")) << describe(report);
}

TEST_F(Forged, a_segment_of_an_epoch_that_its_host_never_had_is_found) {
  sim::SimFileSystem files(world.disk);
  const PrivateKey host = load_private_key(files, kLayout.host_key()).value();
  EXPECT_TRUE(names(append_forged(seal_as(host, 2)), "unknown host key", "epoch 2"));
}

TEST_F(Forged, a_segment_whose_signature_is_not_its_own_is_found) {
  sim::SimFileSystem files(world.disk);
  segment::Sealed sealed = seal_as(load_private_key(files, kLayout.host_key()).value(), 1);
  sealed.bytes.back() ^= 1;
  EXPECT_TRUE(names(append_forged(sealed), "bad signature", "offset"));
}

TEST_F(Forged, a_segment_spliced_in_from_another_session_is_found) {
  // The second session's second segment, in the place of its third, with the leaf made to fit.
  auto spliced = parts();
  const Bytes& from = spliced[2];
  Bytes forged = from;
  std::copy_n(spliced[4].begin(), segment::kLeafBytes, forged.begin());
  spliced[4] = forged;
  const Report report = verify_with_volume(spliced);
  EXPECT_EQ(report.verdict, Verdict::kTampered) << describe(report);
  EXPECT_TRUE(names(report, "altered", "leaf 4")) << describe(report);
}

}  // namespace
}  // namespace stele::ledger
