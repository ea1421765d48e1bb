#include "cli/player.h"

#include <algorithm>
#include <utility>

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

void Player::append(std::vector<Moment> moments) {
  for (Moment& moment : moments) {
    moment.at = std::max(moment.at, duration());
    moments_.push_back(std::move(moment));
  }
}

Result<std::unique_ptr<Recording>> Recording::open(Context& context, const std::string& session,
                                                   const std::string& identity,
                                                   const std::string& purpose) {
  std::unique_ptr<Recording> recording(new Recording);
  Recording& r = *recording;
  TRY(r.source_, open_source(context, purpose));
  TRY(r.identities_, load_identities(context, identity));
  TRY(r.id_, find_session(r.source_->catalog(), session));
  r.reader_.emplace(*r.source_, r.identities_);
  TRY(r.facts_, r.reader_->facts(*r.source_->catalog().find(r.id_)));
  r.pass_.emplace(*r.reader_, std::initializer_list{event::Lane::kFacts, event::Lane::kOutput},
                  [&r](const TimedEvent& e) {
                    if (const auto* o = std::get_if<event::Output>(&e.event.body))
                      r.read_.push_back({e.since_start, o->bytes, std::nullopt});
                    if (const auto* s = std::get_if<event::Resize>(&e.event.body))
                      r.read_.push_back({e.since_start, {}, s->size});
                    return true;
                  });
  return recording;
}

Result<std::vector<Player::Moment>> Recording::read_on() {
  TRY_VOID(pass_->read_on(*source_->catalog().find(id_)).map([](bool) {}));
  if (pass_->unreadable().contains(event::Lane::kOutput)) {
    return fail(Code::kPermission, "no identity here opens what session " + to_string(id_) +
                                       " showed; give one with --identity FILE");
  }
  return std::exchange(read_, {});
}

bool Recording::is_over() const {
  const ledger::StreamRef& stream = *source_->catalog().find(id_);
  return stream.closed() || !source_->may_go_on(stream);
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
