#include "ledger/memory_commit_store.h"

namespace stele::ledger {
namespace {

Status nobody_answers() { return fail(Code::kBusy, "commit store: nobody answers"); }
Status turn_over() { return fail(Code::kConflict, "commit store: the turn was over"); }
Status unknown() { return fail(Code::kOutcomeUnknown, "commit store: no answer came"); }

}  // namespace

class MemoryCommitStore::MemoryTurn final : public Turn {
 public:
  MemoryTurn(MemoryCommitStore& store, uint64_t own, merkle::Frontier head)
      : store_(store), own_(own), head_(std::move(head)) {}
  ~MemoryTurn() override {
    const std::lock_guard lock(store_.mutex_);
    store_.end_turn(own_);
  }

  const merkle::Frontier& head() const override { return head_; }

  Result<std::map<StreamId, segment::Tail>> tails(std::span<const StreamId> streams) override {
    const std::lock_guard lock(store_.mutex_);
    const Fault fault = enter(Call::kTurnTails);
    if (store_.turn_ != own_) return fail(turn_over().error());
    if (fault != Fault::kNone) {
      store_.end_turn(own_);
      return fail(nobody_answers().error());
    }
    std::map<StreamId, segment::Tail> found;
    for (const StreamId& stream : streams) {
      const auto at = store_.state_.tails.find(stream);
      if (at != store_.state_.tails.end()) found.insert(*at);
    }
    return found;
  }

  Status commit(const Commit& commit) override {
    const std::lock_guard lock(store_.mutex_);
    const Fault fault = enter(Call::kCommit);
    if (store_.turn_ != own_) return turn_over();
    store_.end_turn(own_);
    State& state = store_.state_;
    TRY_VOID(check(state.head, commit));
    TRY_VOID(check_moves(state.tails, commit.tails));
    if (fault == Fault::kNobodyAnswers) return nobody_answers();
    if (fault == Fault::kNotDoneUnknown) return unknown();
    state.head = commit.next;
    state.volumes.emplace(commit.volume.first_index, commit.volume);
    for (const auto& [stream, tail] : commit.tails) state.tails[stream] = tail;
    return fault == Fault::kDoneUnknown ? unknown() : Status();
  }

 private:
  Fault enter(Call call) {
    const Fault fault = store_.fault(call);
    if (fault == Fault::kTurnOver) store_.end_turn(own_);
    return fault;
  }

  MemoryCommitStore& store_;
  const uint64_t own_;
  const merkle::Frontier head_;
};

void MemoryCommitStore::set_faults(Faults faults) {
  const std::lock_guard lock(mutex_);
  faults_ = std::move(faults);
}

void MemoryCommitStore::take_turn_away() {
  const std::lock_guard lock(mutex_);
  end_turn(turn_);
}

MemoryCommitStore::State MemoryCommitStore::snapshot() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void MemoryCommitStore::restore(State state) {
  const std::lock_guard lock(mutex_);
  end_turn(turn_);
  state_ = std::move(state);
}

Result<std::unique_ptr<CommitStore::Turn>> MemoryCommitStore::take_turn() {
  std::unique_lock lock(mutex_);
  TRY_VOID(read(Call::kTakeTurn));
  if (!turn_ended_.wait_for(lock, turn_wait_, [this] { return turn_ == 0; }))
    return fail(Code::kBusy, "commit store: others have the turn");
  turn_ = ++turns_;
  return std::make_unique<MemoryTurn>(*this, turn_, state_.head);
}

Result<merkle::Frontier> MemoryCommitStore::head() {
  const std::lock_guard lock(mutex_);
  TRY_VOID(read(Call::kHead));
  return state_.head;
}

Result<std::optional<segment::Tail>> MemoryCommitStore::tail(const StreamId& stream) {
  const std::lock_guard lock(mutex_);
  TRY_VOID(read(Call::kTail));
  const auto at = state_.tails.find(stream);
  return at == state_.tails.end() ? std::nullopt : std::optional(at->second);
}

Result<std::optional<CommittedVolume>> MemoryCommitStore::volume_with(uint64_t index) {
  const std::lock_guard lock(mutex_);
  TRY_VOID(read(Call::kVolumes));
  if (index >= state_.head.size()) return std::nullopt;
  return std::prev(state_.volumes.upper_bound(index))->second;
}

Result<std::vector<CommittedVolume>> MemoryCommitStore::volumes_from(uint64_t index,
                                                                     size_t count_max) {
  const std::lock_guard lock(mutex_);
  TRY_VOID(read(Call::kVolumes));
  std::vector<CommittedVolume> found;
  for (auto at = state_.volumes.lower_bound(index);
       at != state_.volumes.end() && found.size() < count_max; ++at)
    found.push_back(at->second);
  return found;
}

Result<Publication> MemoryCommitStore::publication() {
  const std::lock_guard lock(mutex_);
  TRY_VOID(read(Call::kPublication));
  return state_.publication;
}

Result<KeptKeys> MemoryCommitStore::kept_keys() {
  const std::lock_guard lock(mutex_);
  TRY_VOID(read(Call::kPublication));
  return state_.keys;
}

Status MemoryCommitStore::publish(uint64_t before, const Publication& next) {
  const std::lock_guard lock(mutex_);
  const Fault fault = this->fault(Call::kPublish);
  TRY_VOID(check(next));
  if (fault == Fault::kNobodyAnswers) return nobody_answers();
  if (fault == Fault::kNotDoneUnknown) return unknown();
  if (state_.publication.size != before || next.size < before || next.size > state_.head.size()) {
    return fail(Code::kConflict, "publish: of " + std::to_string(next.size) + " leaves after " +
                                     std::to_string(before) + "; there is one of " +
                                     std::to_string(state_.publication.size) +
                                     ", and the head is at " + std::to_string(state_.head.size()));
  }
  state_.publication = next;
  if (next.keys) state_.keys = *next.keys;
  state_.publication.keys.reset();
  return fault == Fault::kDoneUnknown ? unknown() : Status();
}

MemoryCommitStore::Fault MemoryCommitStore::fault(Call call) {
  return faults_ ? faults_(call) : Fault::kNone;
}

Status MemoryCommitStore::read(Call call) {
  const Fault fault = this->fault(call);
  return fault == Fault::kNone || fault == Fault::kTurnOver ? Status() : nobody_answers();
}

void MemoryCommitStore::end_turn(uint64_t of) {
  if (of == 0 || turn_ != of) return;
  turn_ = 0;
  turn_ended_.notify_one();
}

}  // namespace stele::ledger
