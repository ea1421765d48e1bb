// Three servers on one store and one database, of which everything may fail at any moment, beside
// hosts that send what they have to whoever answers. What was acknowledged is there, once, whatever
// happened.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "ledger/test_shared.h"

namespace stele::ledger {
namespace {

using CommitFault = MemoryCommitStore::Fault;
using StoreFault = vault::MemoryStore::Fault;

class Fleet {
 public:
  explicit Fleet(uint32_t seed) : draw_(seed) {
    for (size_t i = 0; i < kServers; ++i) start(i);
    for (size_t i = 0; i < kHosts; ++i) hosts_.emplace_back(shared_.stream());
    shared_.objects.set_faults([this] { return store_fault(); });
    shared_.commits.set_faults([this](MemoryCommitStore::Call) { return commit_fault(); });
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    // All is well again: whoever waits gets through.
    faults_per_mille_ = 0;
    shared_.commits.take_turn_away();
    for (size_t i = 0; i < kServers; ++i) start(i);
    for (Host& host : hosts_)
      while (host.acknowledged < host.made.size()) send(host, 0);
    ASSERT_TRUE(servers_[1]->ledger->publish_through(servers_[0]->ledger->size()));
    const auto leaves = check_all(shared_);
    check_hosts(leaves);
    check_checkpoints(leaves);
  }

  size_t kills() const { return kills_; }

 private:
  static constexpr size_t kServers = 3, kHosts = 4;

  struct Host {
    explicit Host(TestStream made_of) : stream(std::move(made_of)) {}
    TestStream stream;
    std::vector<segment::Sealed> made;
    size_t acknowledged = 0;
  };

  uint32_t draw(uint32_t below) { return std::uniform_int_distribution(0U, below - 1)(draw_); }
  bool happens(uint32_t per_mille) { return draw(1000) < per_mille; }

  void start(size_t which) {
    servers_[which] = std::make_unique<SharedServer>(shared_);
    is_dead_[which] = false;
    const size_t before = std::exchange(at_work_, which);
    const Status opened = servers_[which]->open();
    at_work_ = before;
    if (opened) return;
    // Never that something is wrong: only that nobody answered.
    EXPECT_TRUE(opened.error().code == Code::kBusy || opened.error().code == Code::kIo)
        << opened.error().message();
    servers_[which].reset();
    is_dead_[which] = true;
  }

  void step() {
    const size_t which = draw(kServers);
    shared_.world.clock.advance(std::chrono::milliseconds(draw(700)));
    if (is_dead_[which]) return start(which);
    switch (draw(4)) {
      case 0:
        cover(which);
        break;
      default:
        send(hosts_[draw(kHosts)], which);
    }
  }

  void cover(size_t which) {
    const size_t before = std::exchange(at_work_, which);
    const Status done = servers_[which]->ledger->publish_if_due();
    if (!done) {
      EXPECT_TRUE(done.error().code == Code::kBusy || done.error().code == Code::kIo ||
                  done.error().code == Code::kOutcomeUnknown)
          << done.error().message();
    }
    at_work_ = before;
    remember_checkpoint();
    bury(which);
  }

  void send(Host& host, size_t which) {
    if (busy_.contains(&host)) return;  // it waits for another answer
    busy_.insert(&host);
    if (host.acknowledged == host.made.size() || happens(300))
      host.made.push_back(host.stream.next());
    const size_t from = host.acknowledged;
    const size_t count = std::min<size_t>(host.made.size() - from, 1 + draw(3));
    const std::vector<segment::Sealed> sent(
        host.made.begin() + static_cast<ptrdiff_t>(from),
        host.made.begin() + static_cast<ptrdiff_t>(from + count));
    const size_t before = std::exchange(at_work_, which);
    const auto results = servers_[which]->append(sent);
    at_work_ = before;
    if (results && !is_dead_[which]) take_answers(host, from, *results);
    if (!results) {
      EXPECT_EQ(results.error().code, Code::kBusy) << results.error().message();
    }
    busy_.erase(&host);
    bury(which);
  }

  void take_answers(Host& host, size_t from, const std::vector<Result<Appended>>& results) {
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i]) {
        if (results[i]->index) told_.emplace(*results[i]->index, results[i]->leaf);
        host.acknowledged = std::max(host.acknowledged, from + i + 1);
        continue;
      }
      // One that it sent before, and was not told of.
      EXPECT_EQ(results[i].error().code, Code::kConflict) << results[i].error().message();
      const auto tail = shared_.commits.snapshot().tails.at(host.stream.id());
      EXPECT_LT(from + i, tail.next_sequence);
      host.acknowledged = std::max(host.acknowledged, from + i + 1);
    }
  }

  // A server that was killed at work is no more, once its stack is gone.
  void bury(size_t which) {
    if (is_dead_[which] && at_work_ != which) servers_[which].reset();
  }

  StoreFault store_fault() {
    interrupt();
    if (is_dead_[at_work_]) return StoreFault::kNobodyAnswers;
    if (!happens(faults_per_mille_)) return StoreFault::kNone;
    constexpr StoreFault kAll[] = {StoreFault::kNobodyAnswers, StoreFault::kDoneUnknown,
                                   StoreFault::kNotDoneUnknown};
    return kAll[draw(3)];
  }
  CommitFault commit_fault() {
    if (happens(faults_per_mille_ / 3)) kill(at_work_);
    if (is_dead_[at_work_]) return CommitFault::kNobodyAnswers;
    if (!happens(faults_per_mille_)) return CommitFault::kNone;
    constexpr CommitFault kAll[] = {CommitFault::kNobodyAnswers, CommitFault::kDoneUnknown,
                                    CommitFault::kNotDoneUnknown, CommitFault::kTurnOver};
    return kAll[draw(4)];
  }

  // Others act while one waits for the store; or it is killed there.
  void interrupt() {
    if (faults_per_mille_ == 0) return;
    if (happens(faults_per_mille_)) kill(at_work_);
    if (depth_ == 2 || !happens(250)) return;
    ++depth_;
    const size_t other = (at_work_ + 1 + draw(kServers - 1)) % kServers;
    if (!is_dead_[other] && !is_waiting_.contains(other)) {
      is_waiting_.insert(at_work_);
      const size_t before = at_work_;
      happens(300) ? cover(other) : send(hosts_[draw(kHosts)], other);
      is_waiting_.erase(before);
    }
    --depth_;
  }

  void kill(size_t which) {
    kills_ += is_dead_[which] ? 0 : 1;
    is_dead_[which] = true;
  }

  void remember_checkpoint() {
    const auto state = shared_.commits.snapshot();
    if (state.publication.checkpoint.empty()) return;
    const auto key = load_verifier_key(shared_.files, kLayout.log_vkey()).value();
    checkpoints_.push_back(
        receipt::open_checkpoint(as_bytes(state.publication.checkpoint), key).value());
  }

  void check_hosts(const std::vector<segment::Leaf>& leaves) {
    for (const auto& [index, leaf] : told_) {
      ASSERT_LT(index, leaves.size());
      EXPECT_EQ(leaves[index], leaf);
    }
    std::map<StreamId, size_t> counts;
    for (const segment::Leaf& leaf : leaves) ++counts[leaf.stream];
    for (const Host& host : hosts_) EXPECT_EQ(counts[host.stream.id()], host.made.size());
  }

  // They never went back, and each is of the same tree.
  void check_checkpoints(const std::vector<segment::Leaf>& leaves) {
    merkle::Frontier tree;
    for (const receipt::Checkpoint& checkpoint : checkpoints_) {
      ASSERT_LE(tree.size(), checkpoint.size);
      while (tree.size() < checkpoint.size)
        tree.append(merkle::leaf_hash(segment::encode(leaves[tree.size()])));
      EXPECT_EQ(tree.root(), checkpoint.root);
    }
  }

  std::mt19937 draw_;
  uint32_t faults_per_mille_ = 60;
  SharedWorld shared_;
  std::unique_ptr<SharedServer> servers_[kServers];
  bool is_dead_[kServers] = {};
  std::vector<Host> hosts_;
  std::set<const Host*> busy_;
  std::set<size_t> is_waiting_;
  size_t at_work_ = 0;
  int depth_ = 0;
  size_t kills_ = 0;
  std::map<uint64_t, segment::Leaf> told_;
  std::vector<receipt::Checkpoint> checkpoints_;
};

TEST(SharedSimulation, WhatWasAcknowledgedIsThereOnceWhateverHappens) {
  const char* const wanted = std::getenv("STELE_SHARED_SEEDS");
  const auto seeds = static_cast<uint32_t>(wanted == nullptr ? 200 : std::atoi(wanted));
  size_t kills = 0;
  for (uint32_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Fleet fleet(seed);
    fleet.run(60);
    kills += fleet.kills();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(kills, seeds);
}

}  // namespace
}  // namespace stele::ledger
