#include "cli/player.h"

#include <algorithm>

namespace stele::cli {
namespace {

constexpr size_t kKeepEvery = size_t{4}
                              << 20;  // bytes of output between two kept screens, at first
constexpr size_t kKeptMax = 64, kKeptBytesMax = size_t{256} << 20;

}  // namespace

Player::Player(const event::WindowSize& size, std::vector<Moment> moments)
    : moments_(std::move(moments)),
      state_{0,
             ScreenSize().updated(size),
             {ScreenSize().updated(size).rows, ScreenSize().updated(size).columns},
             {}},
      keep_every_(kKeepEvery) {
  keep();
}

Result<Player> Player::open(Context& context, const std::string& session,
                            const std::string& identity) {
  TRY_VOID(require_ledger(context));
  TRY(const auto identities, load_identities(context, identity));
  const vault::Vault vault(context.files, context.layout.vault());
  TRY(const auto catalog, ledger::Catalog::read(vault));
  std::vector<StreamId> ids;
  for (const auto& s : catalog.streams()) ids.push_back(s.id);
  TRY(const StreamId id, find_session(ids, session));
  SessionReader reader(vault, catalog, identities);
  const ledger::StreamRef& stream = *catalog.find(id);
  TRY(const SessionFacts facts, reader.facts(stream));
  std::vector<Moment> moments;
  const auto take = [&](const TimedEvent& e) {
    if (const auto* o = std::get_if<event::Output>(&e.event.body))
      moments.push_back({e.since_start, o->bytes, std::nullopt});
    if (const auto* r = std::get_if<event::Resize>(&e.event.body))
      moments.push_back({e.since_start, {}, r->size});
    return true;
  };
  TRY(const auto unreadable,
      reader.read(stream, {event::Lane::kFacts, event::Lane::kOutput}, take));
  if (unreadable.contains(event::Lane::kOutput)) {
    return fail(Code::kPermission, "no identity here opens what session " + to_string(id) +
                                       " showed; give one with --identity FILE");
  }
  return Player(facts.start.size, std::move(moments));
}

std::optional<Micros> Player::next_time() const {
  return state_.next < moments_.size() ? std::optional(moments_[state_.next].at) : std::nullopt;
}

// At the largest size of screen a kept one takes much memory.
size_t Player::kept_max() const {
  const size_t bytes = screen().rows() * screen().columns() * sizeof(terminal::Cell);
  return std::clamp<size_t>(kKeptBytesMax / bytes, 2, kKeptMax);
}

void Player::keep() {
  bytes_since_kept_ = 0;
  if (!kept_.empty() && kept_.back().next >= state_.next) return;
  while (kept_.size() >= kept_max()) {  // every other one goes, but not the first
    size_t left = 1;
    for (size_t i = 2; i < kept_.size(); i += 2) kept_[left++] = std::move(kept_[i]);
    kept_.erase(kept_.begin() + static_cast<ptrdiff_t>(left), kept_.end());
    keep_every_ *= 2;
  }
  kept_.push_back(state_);
}

const Player::Moment& Player::advance() {
  const Moment& moment = moments_[state_.next];
  if (moment.size) {
    state_.size = state_.size.updated(*moment.size);
    state_.emulator.resize(state_.size.rows, state_.size.columns);
  }
  state_.emulator.write(moment.output);
  harmless_.clear();
  state_.neutraliser.filter(moment.output, harmless_);
  bytes_since_kept_ += moment.output.size();
  ++state_.next;
  if (bytes_since_kept_ >= keep_every_) keep();
  return moment;
}

void Player::seek(Micros to) {
  const auto after = std::upper_bound(moments_.begin(), moments_.end(), to,
                                      [](Micros t, const Moment& m) { return t < m.at; });
  const auto target = static_cast<size_t>(after - moments_.begin());
  const auto kept =
      std::find_if(kept_.rbegin(), kept_.rend(), [&](const State& k) { return k.next <= target; });
  if (target < state_.next || kept->next > state_.next) {
    state_ = *kept;
    bytes_since_kept_ = 0;
  }
  while (state_.next < target) advance();
}

}  // namespace stele::cli
