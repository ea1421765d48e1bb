#include "cli/player.h"

#include <algorithm>
#include <utility>

namespace stele::cli {
namespace {

constexpr size_t kKeepEvery = size_t{4}
                              << 20;  // bytes of output between two kept screens, at first
constexpr size_t kKeptMax = 64, kKeptBytesMax = size_t{256} << 20;

}  // namespace

Player::Player(const event::WindowSize& size, Reel& reel)
    : reel_(reel),
      state_{0,
             Micros(0),
             ScreenSize().updated(size),
             {ScreenSize().updated(size).rows, ScreenSize().updated(size).columns},
             {}},
      keep_every_(kKeepEvery) {
  keep();
}

std::optional<Micros> Player::next_time() const {
  if (next_ > 0) return (*moments_)[next_].at;
  return state_.part < reel_.parts().size() ? std::optional(reel_.parts()[state_.part].first)
                                            : std::nullopt;
}

// At the largest size of screen a kept one takes much memory.
size_t Player::kept_max() const {
  const size_t bytes = screen().rows() * screen().columns() * sizeof(terminal::Cell);
  return std::clamp<size_t>(kKeptBytesMax / bytes, 2, kKeptMax);
}

void Player::keep() {
  bytes_since_kept_ = 0;
  if (!kept_.empty() && kept_.back().part >= state_.part) return;
  while (kept_.size() >= kept_max()) {  // every other one goes, but not the first
    size_t left = 1;
    for (size_t i = 2; i < kept_.size(); i += 2) kept_[left++] = std::move(kept_[i]);
    kept_.erase(kept_.begin() + static_cast<ptrdiff_t>(left), kept_.end());
    keep_every_ *= 2;
  }
  kept_.push_back(state_);
}

Result<const Moment*> Player::advance() {
  if (next_ == 0) {
    if (bytes_since_kept_ >= keep_every_) keep();
    TRY(moments_, reel_.read(state_.part));
  }
  const Moment& moment = (*moments_)[next_];
  if (moment.size) {
    state_.size = state_.size.updated(*moment.size);
    state_.emulator.resize(state_.size.rows, state_.size.columns);
  }
  state_.emulator.write(moment.output);
  harmless_.clear();
  state_.neutraliser.filter(moment.output, harmless_);
  bytes_since_kept_ += moment.output.size();
  state_.at = moment.at;
  if (++next_ == moments_->size()) {
    ++state_.part;
    next_ = 0;
  }
  return &moment;
}

Status Player::seek(Micros to) {
  const auto& parts = reel_.parts();
  const auto found = std::partition_point(parts.begin(), parts.end(),
                                          [to](const Reel::Part& p) { return p.last <= to; });
  const auto part = static_cast<size_t>(found - parts.begin());
  const auto kept =
      std::find_if(kept_.rbegin(), kept_.rend(), [&](const State& k) { return k.part <= part; });
  if (state_.at > to || kept->part > state_.part) {
    state_ = *kept;
    next_ = 0;
    bytes_since_kept_ = 0;
  }
  while (next_time() && *next_time() <= to) TRY_VOID(advance());
  return {};
}

}  // namespace stele::cli
