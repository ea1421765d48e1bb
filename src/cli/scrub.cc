#include "ledger/scrub.h"

#include <algorithm>
#include <cstdio>
#include <random>
#include <thread>

#include "cli/commands.h"
#include "cli/session_reader.h"
#include "codec/json.h"
#include "config/toml.h"
#include "ledger/setup.h"
#include "os/random.h"
#include "os/terminal_mode.h"

namespace stele::cli {
namespace {

using ledger::Fault;
using ledger::Verdict;

struct Found {
  uint64_t volumes = 0, leaves = 0, bytes = 0, left = 0;
  uint64_t opened = 0, sealed = 0;  // sessions of which a part was opened, and could not be
  std::vector<Fault> faults;

  Verdict verdict() const {
    Verdict worst = Verdict::kIntact;
    for (const Fault& fault : faults) worst = std::max(worst, fault.weight);
    return worst;
  }
};

/// Reads no faster than it is told to, and says how far it is.
class Pace {
 public:
  Pace(Clock& clock, uint64_t rate, uint64_t bytes_all, bool is_shown)
      : clock_(clock), began_(clock.boot()), rate_(rate), all_(bytes_all), is_shown_(is_shown) {}
  ~Pace() {
    if (is_shown_) std::fputs("\r\033[K", stderr);
  }

  void read(uint64_t bytes) {
    done_ += bytes;
    if (rate_ > 0) {
      const Micros due(
          static_cast<int64_t>(static_cast<double>(done_) * 1e6 / static_cast<double>(rate_)));
      std::this_thread::sleep_for(began_ + due - clock_.boot());
    }
    if (is_shown_ && clock_.boot() - shown_ >= std::chrono::milliseconds(200)) show();
  }

 private:
  void show() {
    shown_ = clock_.boot();
    const Micros spent = shown_ - began_;
    const double share = all_ == 0 ? 1 : static_cast<double>(done_) / static_cast<double>(all_);
    const Micros rest(
        static_cast<int64_t>(static_cast<double>(spent.count()) * (1 / std::max(share, 1e-9) - 1)));
    std::fprintf(
        stderr, "\r\033[K%3.0f %% of %s, %s/s, %s to go ", std::min(share, 1.0) * 100,
        human_bytes(all_).c_str(),
        human_bytes(done_ * 1'000'000 / static_cast<uint64_t>(std::max<int64_t>(spent.count(), 1)))
            .c_str(),
        human_duration(std::max(rest, Micros(0))).c_str());
  }

  Clock& clock_;
  const BootTime began_;
  const uint64_t rate_, all_;
  const bool is_shown_;
  uint64_t done_ = 0;
  BootTime shown_{};
};

Status read_volumes(Context& context, const ScrubOptions& options, Micros time, Found& found) {
  TRY_VOID(require_ledger(context));
  TRY_VOID(ledger::check_owner(context.layout));
  TRY(const ledger::Trust trust, load_trust(context));
  ledger::Scrub scrub(context.files, context.layout, trust.log, context.clock);
  TRY_VOID(scrub.open());
  TRY(size_t left, scrub.left());
  if (left == 0 || scrub.memory().pass == 0) TRY_VOID(scrub.begin(os::Wait::kYes));
  TRY(const uint64_t bytes, scrub.bytes_left());
  const BootTime began = context.clock.boot();
  {
    Pace pace(context.clock, options.rate_mb * 1'000'000, bytes,
              !context.json && os::is_terminal(2));
    do {
      TRY(auto step, scrub.step(os::Wait::kYes, [&](uint64_t read) { pace.read(read); }));
      ++found.volumes;
      found.leaves += step.next - step.first;
      found.bytes += step.bytes;
      for (Fault& fault : step.faults) found.faults.push_back(std::move(fault));
      TRY(left, scrub.left());
    } while (left > 0 && (time.count() == 0 || context.clock.boot() - began < time));
  }
  found.left = left;
  return {};
}

/// A few sessions, by chance: that whoever is to read them still can.
Status open_some(Context& context, const ScrubOptions& options, Found& found) {
  TRY(const auto source, open_source(context, "scrub"));
  TRY(const auto identities, load_identities(context, options.identity));
  std::vector<ledger::StreamRef> sessions;
  for (const auto& stream : source->catalog().streams())
    if (stream.kind == segment::Kind::kSession && !stream.is_gone()) sessions.push_back(stream);
  std::array<uint8_t, 8> seed{};
  os::system_random(seed);
  std::shuffle(sessions.begin(), sessions.end(), std::mt19937_64(ByteReader(seed).u64()));
  if (sessions.size() > options.samples) sessions.resize(options.samples);
  SessionReader reader(*source, identities);
  using event::Lane;
  for (const auto& session : sessions) {
    const auto unreadable = reader.read(session, {Lane::kFacts, Lane::kOutput, Lane::kInput},
                                        [](const TimedEvent&) { return true; });
    if (unreadable && unreadable->empty()) {
      ++found.opened;
    } else if (unreadable) {
      ++found.sealed;
      std::string lanes;
      for (const Lane lane : *unreadable) {
        lanes += lanes.empty() ? "" : ", ";
        lanes += lane_name(lane);
      }
      found.faults.push_back(
          {Verdict::kUnknown, "sealed",
           "session " + to_string(session.id) + ": this identity does not open its " + lanes});
    } else {
      found.faults.push_back(ledger::unread(unreadable.error(), "session", to_string(session.id)));
    }
  }
  return {};
}

void print_json(const Found& found) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("verdict").text(verdict_name(found.verdict()));
  json.key("volumes").number(found.volumes).key("volumes_left").number(found.left);
  json.key("leaves").number(found.leaves).key("bytes").number(found.bytes);
  json.key("opened").number(found.opened).key("sealed").number(found.sealed);
  json.key("faults").begin_array();
  for (const Fault& fault : found.faults)
    json.begin_object().key("what").text(fault.what).key("where").text(fault.where).end_object();
  json.end_array().end_object();
  std::printf("%s\n", text.c_str());
}

void print_text(const Found& found, bool is_remote) {
  for (const Fault& fault : found.faults)
    std::printf("%s: %s\n", fault.what.c_str(), printable(fault.where).c_str());
  if (!is_remote) {
    std::printf("%llu volumes, %llu leaves, %s read",
                static_cast<unsigned long long>(found.volumes),
                static_cast<unsigned long long>(found.leaves), human_bytes(found.bytes).c_str());
    if (found.left > 0)
      std::printf("; %llu volumes left", static_cast<unsigned long long>(found.left));
    std::printf(". ");
  }
  if (found.opened + found.sealed > 0) {
    std::printf("%llu sessions opened, %llu not. ", static_cast<unsigned long long>(found.opened),
                static_cast<unsigned long long>(found.sealed));
  }
  if (found.faults.empty())
    std::printf("Nothing is wrong with them.\n");
  else
    std::printf("%zu faults: `stele verify` tells what became of it.\n", found.faults.size());
}

// What was found before an error is found.
Status run(Context& context, const ScrubOptions& options, Found& found) {
  const bool is_remote = !context.remote.server.empty();
  Micros time{0};
  if (!options.time.empty()) {
    const auto parsed = config::parse_duration(options.time);
    if (!parsed) return fail(Code::kInvalid, "--for: a time like 30m is wanted");
    time = *parsed;
  }
  if (is_remote && options.identity.empty()) {
    return fail(Code::kInvalid,
                "from a server --identity is wanted: sessions are opened by chance; `stele verify` "
                "reads all there is");
  }
  if (!is_remote) TRY_VOID(read_volumes(context, options, time, found));
  if (!options.identity.empty()) TRY_VOID(open_some(context, options, found));
  return {};
}

}  // namespace

int scrub(Context& context, const ScrubOptions& options) {
  Found found;
  const Status done = run(context, options, found);
  if (done || !found.faults.empty())
    context.json ? print_json(found) : print_text(found, !context.remote.server.empty());
  const int failed = done ? kExitOk : cli::report(done.error());
  const Verdict verdict = found.verdict();
  if (verdict >= Verdict::kMissing) return kExitFault;
  if (!done) return failed;
  return verdict == Verdict::kUnknown ? kExitUnknown : kExitOk;
}

}  // namespace stele::cli
