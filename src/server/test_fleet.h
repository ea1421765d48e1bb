// For tests: what became, in a simulated world, of everything that was said; and how many worlds
// are tried.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>

#include "ledger/catalog.h"
#include "ledger/test_report.h"
#include "segment/opener.h"
#include "server/test_host.h"
#include "vault/local_vault.h"

namespace stele::server {

/// Segments that are somewhere, whoever has them: the same one twice is one.
class Found {
 public:
  explicit Found(World& world) : world_(world) {}

  /// What the ledger has.
  void add_ledger() {
    sim::SimFileSystem files(world_.disk);
    const vault::LocalVault vault(files, kLayout.vault());
    const auto catalog = ledger::Catalog::read(vault).value();
    ledger::SegmentReader reader(vault);
    for (const auto& stream : catalog.streams())
      for (const auto& ref : stream.segments) add(reader.read(ref).value());
  }
  /// What waits in a host's spool, and what it keeps aside.
  void add_host(const SimHost& host) {
    const sim::Image image = host.image();
    sim::Disk disk;
    disk.restore(image);
    sim::SimFileSystem files(disk);
    auto spool =
        spool::Spool::open(files, "/spool", world_.clock, SimHost::spool_options()).value();
    spool->start_over();
    const auto waiting = spool->next(SIZE_MAX, SIZE_MAX).value();
    for (const spool::Outgoing& each : waiting) add(each.bytes);
    for (const auto& [path, entry] : image)
      if (path.starts_with("/spool/aside/")) add_records(entry.bytes);
  }
  /// How often each text was shown, as an auditor reads it.
  std::map<std::string, int> texts() const {
    std::map<std::string, int> all;
    for (const auto& [hash, bytes] : segments_) {
      const auto view = segment::parse_segment(bytes).value();
      if (view.header.kind == segment::Kind::kSession && !view.manifest.empty())
        read_on_from(hash, all);
    }
    return all;
  }

 private:
  void add(Bytes bytes) {
    const Hash hash = crypto::sha256(bytes);
    followers_.emplace(segment::parse_segment(bytes).value().header.previous, hash);
    segments_.emplace(hash, std::move(bytes));
  }
  void add_records(const Bytes& bytes) {
    for (size_t at = 0; at + spool::kRecordBytesMin <= bytes.size();) {
      const auto front = spool::parse_front(ByteSpan(bytes).subspan(at));
      if (!front) break;
      const ByteSpan record = ByteSpan(bytes).subspan(at, front->record_bytes());
      const ByteSpan segment = record.subspan(spool::kFrontBytes);
      add(Bytes(segment.begin(), segment.end()));
      at += front->record_bytes();
    }
  }
  // Segments with a manifest, where reading can begin, and those behind them up to the next.
  void read_on_from(const Hash& begin, std::map<std::string, int>& all) const {
    const auto& identity = auditor();
    segment::Opener opener({&identity, 1});
    opener.only({event::Lane::kOutput});
    std::vector<Hash> next = {begin};
    while (!next.empty()) {
      const auto view = segment::parse_segment(segments_.at(next[0])).value();
      const auto opened = opener.open(view).value();
      const auto events =
          event::decode_lane(event::Lane::kOutput, view.header.boot_first, *opened.lanes[1]);
      for (const auto& each : events.value()) count(each, all);
      const auto [from, to] = followers_.equal_range(next[0]);
      next.clear();
      for (auto at = from; at != to; ++at)
        if (segment::parse_segment(segments_.at(at->second))->manifest.empty())
          next.push_back(at->second);
    }
  }
  static void count(const event::Event& each, std::map<std::string, int>& all) {
    if (const auto* output = std::get_if<event::Output>(&each.body))
      ++all[std::string(as_text(output->bytes))];
  }
  const crypto::Identity& auditor() const {
    static const auto identity = [this] {
      sim::SimFileSystem files(world_.disk);
      const Bytes file = files.read(kLayout.auditor_identity(), 4096).value();
      const std::string_view text = as_text(file);
      const size_t at = text.find("AGE-SECRET-KEY-");
      return crypto::Identity::parse(text.substr(at, text.find('\n', at) - at)).value();
    }();
    return identity;
  }

  World& world_;
  std::map<Hash, Bytes> segments_;
  std::multimap<Hash, Hash> followers_;
};

/// What a recorder was told is durable is there, and nothing is there more often than it was said:
/// a machine that is copied says what it has not sealed yet twice.
inline std::vector<std::string> faults_of(const Found& found, const std::vector<SimHost*>& hosts) {
  std::vector<std::string> faults;
  const auto texts = found.texts();
  std::map<std::string, int> said;
  for (SimHost* host : hosts)
    for (const Recorder& r : host->recorders())
      for (const std::string& text : r.said) ++said[text];
  for (SimHost* host : hosts) {
    for (const Recorder& r : host->recorders()) {
      for (size_t n = 2; n < Recorder::kMessages && n <= r.said.size(); ++n) {
        const auto at = texts.find(r.said[n - 1]);
        const int count = at == texts.end() ? 0 : at->second;
        if (count > said[r.said[n - 1]]) faults.push_back(r.said[n - 1] + " is there twice");
        if (count < 1 && n <= *r.durable) faults.push_back(r.said[n - 1] + " is lost");
      }
    }
  }
  return faults;
}

/// The seeds of a random test: STELE_SEED=n that one alone, STELE_TEST_EFFORT=n so many times as
/// many. A build with a sanitizer, which is many times slower, tries a tenth.
struct Seeds {
  explicit Seeds(uint64_t ordinary) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    ordinary = std::max<uint64_t>(1, ordinary / 10);
#endif
    const char* effort = std::getenv("STELE_TEST_EFFORT");
    const char* only = std::getenv("STELE_SEED");
    const auto number = [](const char* text) { return std::strtoull(text, nullptr, 10); };
    first = only != nullptr ? number(only) : 1;
    end = first + (only != nullptr ? 1 : ordinary * (effort != nullptr ? number(effort) : 1));
    std::cout << "seeds " << first << " to " << end - 1 << std::endl;
  }
  uint64_t first = 0, end = 0;
};

class FleetTest : public ::testing::Test {
 protected:
  /// Without faults until nothing is left to do.
  void finish(SimServer& server, SimHost& host) {
    for (int round = 0; round < 40 && !host.is_done(); ++round) {
      for (size_t i = 0; i < host.recorders().size(); ++i)
        for (size_t n = 0; n < Recorder::kMessages; ++n) host.say(i);
      host.do_what_is_due();
      for (int i = 0; i < 8; ++i) host.ship(Network::kGood);
      world.clock.advance(std::chrono::seconds(2));
      server.publish();
      host.confirm();
    }
    ASSERT_TRUE(host.is_done()) << host.depth().segments << " segments still wait";
  }
  ledger::Report verify(bool every_signature = false) {
    sim::SimFileSystem files(world.disk);
    ledger::VerifyOptions options;
    options.every_signature = every_signature;
    auto report = World::verify_now(files, options);
    EXPECT_EQ(ledger::all_faults(report).size(), 0U) << ledger::describe(report);
    EXPECT_EQ(report.verdict, ledger::Verdict::kIntact);
    return report;
  }
  /// All that was promised is in the ledger (or kept aside), byte for byte; and a verifier with
  /// public keys alone finds it right.
  void expect_all_there(const std::vector<SimHost*>& hosts) {
    const auto report = verify();
    EXPECT_EQ(report.checkpoint->size, report.leaves);
    expect_nothing_lost(hosts);
  }
  /// It is in the ledger, or still the hosts'.
  void expect_nothing_lost(const std::vector<SimHost*>& hosts) {
    for (const std::string& fault : faults(hosts)) ADD_FAILURE() << fault;
  }
  std::vector<std::string> faults(const std::vector<SimHost*>& hosts) {
    Found found(world);
    found.add_ledger();
    for (const SimHost* host : hosts) found.add_host(*host);
    return faults_of(found, hosts);
  }
  /// After an earlier disk took the place of a host's: what was neither on it nor in the ledger is
  /// gone, and nobody could help it.
  void keep_promises_that_can_be_kept(SimHost& host) {
    Found found(world);
    found.add_ledger();
    found.add_host(host);
    const auto texts = found.texts();
    for (Recorder& r : host.recorders()) {
      uint64_t kept = 1;
      while (kept < r.said.size() && texts.contains(r.said[kept])) ++kept;
      *r.durable = std::min(*r.durable, kept);
    }
  }
  /// Runs a world for each seed, until one fails.
  template <typename Run>
  void for_each_seed(uint64_t ordinary, const Run& run) {
    const Seeds seeds(ordinary);
    for (uint64_t seed = seeds.first; seed < seeds.end && !HasFailure(); ++seed) {
      SCOPED_TRACE("STELE_SEED=" + std::to_string(seed));
      world.disk.restore(world.fresh);
      world.random = sim::random(seed);
      std::mt19937_64 random(seed);
      run(random);
    }
  }
  World world;
};

/// Dice for a world.
struct Chance {
  std::mt19937_64& random;
  uint64_t pick(uint64_t n) { return random() % n; }
  Death death(uint64_t one_in, uint64_t within) {
    if (pick(one_in) != 0) return {};
    return {1 + pick(within), pick(2) == 0 ? sim::Plan::Crash::kKill : sim::Plan::Crash::kPowerCut};
  }
  Network network() {
    const uint64_t which = pick(4);
    return which < 2 ? static_cast<Network>(1 + which) : Network::kGood;
  }
};

}  // namespace stele::server
