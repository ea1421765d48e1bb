#include "cli/recording.h"

#include <algorithm>

namespace stele::cli {
namespace {

// Most sessions whole, so that going back in them decrypts nothing anew.
constexpr size_t kKeptBytesMax = size_t{16} << 20;
constexpr size_t kCommandTextMax = 120;

size_t memory_of(const Moments& moments) {
  size_t bytes = 0;
  for (const Moment& m : moments) bytes += sizeof m + m.output.capacity();
  return bytes;
}

std::string in_short(const event::Exec& exec) {
  std::string text;
  for (const std::string& argument : exec.argv) {
    text += (text.empty() ? "" : " ") + argument.substr(0, kCommandTextMax);
    if (text.size() > kCommandTextMax) break;
  }
  return printable(text.substr(0, kCommandTextMax));
}

}  // namespace

Result<std::unique_ptr<Recording>> Recording::open(Context& context, const std::string& session,
                                                   const std::string& identity,
                                                   const std::string& purpose) {
  std::unique_ptr<Recording> recording(new Recording);
  Recording& r = *recording;
  TRY(r.source_, open_source(context, purpose));
  TRY(r.identities_, load_identities(context, identity));
  TRY(r.id_, find_session(r.source_->catalog(), session));
  TRY_VOID(r.source_->check_is_there(*r.source_->catalog().find(r.id_)));
  r.reader_.emplace(*r.source_, r.identities_);
  TRY(r.facts_, r.reader_->facts(r.stream()));
  r.seeker_.emplace(*r.reader_, std::initializer_list{event::Lane::kFacts, event::Lane::kOutput});
  TRY_VOID(r.read_on());
  return recording;
}

bool Recording::is_over() const { return stream().closed() || !source_->may_go_on(stream()); }

// Each is read once, for when it was.
Status Recording::read_on() {
  for (; found_ < stream().segments.size(); ++found_) {
    const Micros after = parts_.empty() ? Micros(0) : parts_.back().last;
    TRY(Moments moments, read_segment(found_, after, &commands_));
    if (moments.empty()) continue;
    parts_.push_back({moments.front().at, moments.back().at});
    segments_.push_back(found_);
    keep(parts_.size() - 1, std::move(moments));
  }
  return {};
}

Result<std::shared_ptr<const Moments>> Recording::read(size_t part) {
  const auto kept =
      std::find_if(kept_.begin(), kept_.end(), [part](const Kept& k) { return k.part == part; });
  if (kept != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, kept);
    return kept->moments;
  }
  TRY(Moments moments,
      read_segment(segments_[part], part == 0 ? Micros(0) : parts_[part - 1].last, nullptr));
  if (moments.empty())
    return fail(Code::kCorrupt, "a segment is not what it was; run stele verify");
  return keep(part, std::move(moments));
}

// A later segment's are never earlier (docs/formats/event.md, "Time"), whoever wrote it.
Result<Moments> Recording::read_segment(size_t segment, Micros after,
                                        std::vector<Command>* commands) {
  Moments moments;
  const auto take = [&](const event::Event& e, Micros since_start) {
    after = std::max(after, since_start);
    if (const auto* exec = std::get_if<event::Exec>(&e.body); exec != nullptr && commands)
      commands->push_back({after, in_short(*exec)});
    if (const auto* o = std::get_if<event::Output>(&e.body))
      moments.push_back({after, o->bytes, std::nullopt});
    if (const auto* p = std::get_if<event::Piped>(&e.body); p && p->lane() == event::Lane::kOutput)
      moments.push_back({after, event::for_screen(p->bytes), std::nullopt});
    if (const auto* s = std::get_if<event::Resize>(&e.body))
      moments.push_back({after, {}, s->size});
  };
  TRY_VOID(seeker_->read(stream(), segment, take));
  if (seeker_->unreadable().contains(event::Lane::kOutput)) {
    return fail(Code::kPermission, "no identity here opens what session " + to_string(id_) +
                                       " showed; give one with --identity FILE");
  }
  return moments;
}

std::shared_ptr<const Moments> Recording::keep(size_t part, Moments moments) {
  const size_t bytes = memory_of(moments);
  kept_.push_front({part, std::make_shared<const Moments>(std::move(moments)), bytes});
  kept_bytes_ += bytes;
  while (kept_bytes_ > kKeptBytesMax && kept_.size() > 1) {
    kept_bytes_ -= kept_.back().bytes;
    kept_.pop_back();
  }
  return kept_.front().moments;
}

}  // namespace stele::cli
