#include "cli/player.h"

#include <algorithm>

#include "terminal/paint.h"

namespace stele::cli {
namespace {

constexpr size_t kKeepEvery = size_t{4} << 20;  // bytes of output between two kept screens
constexpr size_t kKeptMax = 64;

}  // namespace

Player::Player(event::WindowSize size)
    : emulator_(size.rows == 0 ? 24 : size.rows, size.columns == 0 ? 80 : size.columns) {}

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
  Player player(facts.start.size);
  const auto take = [&](const TimedEvent& e) {
    if (const auto* o = std::get_if<event::Output>(&e.event.body))
      player.moments_.push_back({e.since_start, o->bytes, std::nullopt});
    if (const auto* r = std::get_if<event::Resize>(&e.event.body))
      player.moments_.push_back({e.since_start, {}, r->size});
    return true;
  };
  TRY(const auto unreadable,
      reader.read(stream, {event::Lane::kFacts, event::Lane::kOutput}, take));
  if (unreadable.contains(event::Lane::kOutput)) {
    return fail(Code::kPermission, "no identity here opens what session " + to_string(id) +
                                       " showed; give one with --identity FILE");
  }
  player.keep();
  return player;
}

std::optional<Micros> Player::next_time() const {
  return next_ < moments_.size() ? std::optional(moments_[next_].at) : std::nullopt;
}

void Player::keep() {
  bytes_since_kept_ = 0;
  if (kept_.size() < kKeptMax && (kept_.empty() || kept_.back().next < next_))
    kept_.push_back({next_, emulator_});
}

void Player::apply(const Moment& moment) {
  if (moment.size)
    emulator_.resize(std::max<size_t>(1, moment.size->rows),
                     std::max<size_t>(1, moment.size->columns));
  emulator_.write(moment.output);
  bytes_since_kept_ += moment.output.size();
  ++next_;
  if (bytes_since_kept_ >= kKeepEvery) keep();
}

ByteSpan Player::advance(bool raw) {
  const Moment& moment = moments_[next_];
  apply(moment);
  if (raw) return moment.output;
  out_.clear();
  neutraliser_.filter(moment.output, out_);
  return out_;
}

ByteSpan Player::seek(Micros to) {
  const auto after = std::upper_bound(moments_.begin(), moments_.end(), to,
                                      [](Micros t, const Moment& m) { return t < m.at; });
  const auto target = static_cast<size_t>(after - moments_.begin());
  if (target < next_) {
    const auto kept =
        std::find_if(kept_.rbegin(), kept_.rend(), [&](const Kept& k) { return k.next <= target; });
    emulator_ = kept->emulator;
    next_ = kept->next;
  }
  while (next_ < target) apply(moments_[next_]);
  neutraliser_ = terminal::Neutraliser();
  const std::string painted = terminal::paint(emulator_.screen());
  out_.assign(painted.begin(), painted.end());
  return out_;
}

}  // namespace stele::cli
