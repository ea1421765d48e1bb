// For tests: a host with its own stream on a simulated disk, and a server that takes it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "agent/host_stream.h"
#include "crypto/sha256.h"
#include "ledger/catalog.h"
#include "ledger/test_report.h"
#include "ledger/test_world.h"
#include "logsrv/ingest.h"
#include "segment/opener.h"
#include "vault/local_vault.h"

namespace stele::agent {

class HostStreamTest : public ::testing::Test {
 protected:
  HostStreamTest() {
    sim::SimFileSystem ledger_files(world.disk), host_files(disk);
    const Bytes key = ledger_files.read(ledger::kLayout.host_key(), 4096).value();
    EXPECT_TRUE(host_files.make_directories("/agent").has_value());
    EXPECT_TRUE(host_files.replace("/agent/host.key", key).has_value());
    const Bytes note = ledger_files.read(ledger::kLayout.recipients(), 1 << 16).value();
    const auto policy =
        ledger::load_verifier_key(ledger_files, ledger::kLayout.policy_vkey()).value();
    seal_for = segment::always(
        ledger::sealing_recipients(ledger::open_recipients_list(note, policy).value(), note));
    admission.origin = "stele/test/1";
    admission.hosts = ledger::World::trust(ledger_files).hosts;
    admission.recipients_lists = {crypto::sha256(note)};
  }

  /// The agent comes up, again.
  void start() {
    stop();
    files = std::make_unique<sim::SimFileSystem>(disk);
    ASSERT_TRUE(files->make_directories("/spool").has_value());
    spool.emplace(spool::Spool::open(*files, "/spool", world.clock, options).value());
    auto opened =
        HostStream::open(*files, "/agent", 1, *spool, seal_for, world.clock, world.random, {});
    ASSERT_TRUE(opened.has_value()) << opened.error().message();
    host = *std::move(opened);
    event::HostStart start;
    start.host = "web01";
    const auto begun = host->begin(start, [] {
      event::HostSummary summary;
      summary.open = 7;
      return summary;
    });
    ASSERT_TRUE(begun.has_value()) << begun.error().message();
  }
  void stop() {
    host.reset();
    spool.reset();
    files.reset();
  }

  /// A session's next segment, as its pipeline would; the stream goes on from what is durable.
  Status record(const StreamId& stream, bool close = false,
                std::optional<WallTime> happened = std::nullopt) {
    const auto state = spool->with([&](const spool::Spool& s) { return s.find(stream); });
    segment::Sealer sealer(stream, segment::Kind::kSession, host->keys(), seal_for, world.random);
    if (state && state->tail.next_sequence > 0)
      sealer.resume(state->tail.next_sequence, state->tail.last_hash);
    segment::Batch batch;
    batch.wall_first = happened.value_or(world.clock.wall());
    const auto key = sealer.hold_key(batch.wall_first);
    batch.boot_first = batch.boot_last = world.clock.boot();
    TRY(const auto sealed, sealer.seal(batch, close));
    TRY_VOID(
        spool->append(sealed.bytes, sealed.header.sequence + 1U, 1000, spool::Room::kOrdinary));
    return spool->sync();
  }
  StreamId new_session() { return make_uuid_v7(world.clock.wall(), world.random); }

  /// Everything to the server, as the shipper does; what a server covers is freed.
  void ship() {
    sim::SimFileSystem server_files(world.disk);
    auto ledger = world.open(server_files).value();
    auto admitted = std::make_shared<logsrv::Admission>(admission);
    admitted->keys = std::make_shared<logsrv::IngestKeys>();
    ASSERT_TRUE(admitted->keys->read(admitted->hosts, *ledger).has_value());
    ledger->set_owner_rule(logsrv::same_host([=] { return admitted; }));
    const vault::LocalVault finder_vault(server_files, ledger::kLayout.vault());
    logsrv::LeafFinder finder(finder_vault, ledger->published());
    logsrv::Sequencer sequencer(std::move(ledger), {});
    logsrv::Ingest ingest(sequencer, finder, [](const std::function<void()>& work) {
      work();
      return true;
    });
    ingest.admit(admitted);
    for (int round = 0; round < 200; ++round) {
      const auto all = spool->with([](spool::Spool& s) { return s.next(1 << 20, 5); }).value();
      if (all.empty()) break;
      Bytes body;
      for (const auto& each : all) wire::add_segment(body, each.bytes);
      ingest.take("1", body, [&](auto answers) {
        ASSERT_TRUE(answers.has_value());
        for (size_t i = 0; i < all.size(); ++i) take(all[i], (*answers)[i]);
      });
      sequencer.step();
    }
    EXPECT_EQ(spool->with([](const spool::Spool& s) { return s.depth(); }).segments, 0U);
  }
  void take(const spool::Outgoing& sent, const wire::Answer& answer) {
    spool->with([&](spool::Spool& s) {
      if (const auto* refused = std::get_if<wire::Refused>(&answer)) {
        ASSERT_TRUE(refused->code == wire::Refusal::kNotNow ||
                    refused->code == wire::Refusal::kSkipped)
            << refused->reason;
        return s.send_again(sent.stream, sent.sequence, Micros(0));
      }
      const auto& taken = std::get<wire::Accepted>(answer);
      const auto leaf = segment::encode(taken.leaf);
      ASSERT_TRUE(s.accepted(sent.stream, sent.sequence, taken.index, leaf).has_value());
      ASSERT_TRUE(s.covered(sent.stream, sent.sequence).has_value());
    });
  }
  ledger::Report verify() {
    sim::SimFileSystem server_files(world.disk);
    auto ledger = world.open(server_files).value();
    EXPECT_TRUE(ledger->sync().has_value());
    EXPECT_TRUE(ledger->publish_through(ledger->size()).has_value());
    ledger::VerifyOptions all;
    all.every_signature = true;
    return ledger::World::verify_now(server_files, all);
  }
  void expect_right() {
    ship();
    const auto report = verify();
    EXPECT_EQ(ledger::all_faults(report).size(), 0U) << ledger::describe(report);
    EXPECT_EQ(report.notes, std::vector<std::string>());
  }

  /// What the host streams say, in the ledger's order.
  std::vector<event::Event> said() {
    sim::SimFileSystem server_files(world.disk);
    const Bytes text = server_files.read(ledger::kLayout.auditor_identity(), 4096).value();
    std::vector<event::Event> all;
    const vault::LocalVault vault(server_files, ledger::kLayout.vault());
    const auto catalog = ledger::Catalog::read(vault).value();
    const auto identity = crypto::Identity::parse(identity_line(as_text(text))).value();
    ledger::SegmentReader reader(vault);
    for (const auto& stream : catalog.streams()) {
      if (stream.kind != segment::Kind::kHost) continue;
      segment::Opener opener({&identity, 1});
      for (const auto& ref : stream.segments) {
        const Bytes bytes = reader.read(ref).value();
        const auto view = segment::parse_segment(bytes).value();
        const auto opened = opener.open(view).value();
        auto events =
            event::decode_lane(event::Lane::kFacts, view.header.boot_first, *opened.lanes[0])
                .value();
        for (auto& e : events) all.push_back(std::move(e));
      }
    }
    return all;
  }
  static std::string identity_line(std::string_view text) {
    const size_t at = text.find("AGE-SECRET-KEY-");
    return std::string(text.substr(at, text.find('\n', at) - at));
  }
  template <typename T>
  std::vector<T> said_of() {
    std::vector<T> all;
    for (const auto& e : said())
      if (const auto* body = std::get_if<T>(&e.body)) all.push_back(*body);
    return all;
  }

  template <typename Visit>
  void for_each_leaf(const Visit& visit) {
    sim::SimFileSystem server_files(world.disk);
    const vault::LocalVault vault(server_files, ledger::kLayout.vault());
    const auto catalog = ledger::Catalog::read(vault).value();
    ledger::SegmentReader reader(vault);
    for (const auto& stream : catalog.streams())
      for (const auto& ref : stream.segments) {
        const Bytes bytes = reader.read(ref).value();
        visit(segment::parse_segment(bytes).value());
      }
  }
  size_t keys_seen() {
    std::set<segment::HostKeyId> keys;
    for_each_leaf([&](const segment::View& view) { keys.insert(view.header.host_key); });
    return keys.size();
  }
  size_t continued() {
    size_t count = 0;
    for_each_leaf([&](const segment::View& view) {
      if (view.header.kind != segment::Kind::kHost || view.manifest.empty()) return;
      count += segment::parse_manifest(view.manifest)->continues ? 1 : 0;
    });
    return count;
  }

  ledger::World world;
  sim::Disk disk;
  logsrv::Admission admission;
  segment::SealFor seal_for;
  spool::SpoolOptions options{.quota = {}};
  std::unique_ptr<sim::SimFileSystem> files;
  std::optional<SharedSpool> spool;
  std::unique_ptr<HostStream> host;
};

}  // namespace stele::agent
