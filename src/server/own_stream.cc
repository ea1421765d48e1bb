#include "server/own_stream.h"

#include "base/check.h"
#include "base/version.h"
#include "ledger/keys.h"
#include "os/who.h"
#include "receipt/text.h"

namespace stele::server {
namespace {

constexpr auto kSealEvery = std::chrono::milliseconds(50);
constexpr auto kTryAgainAfter = std::chrono::seconds(1);
constexpr size_t kToldMax = 10'000, kBatchMax = 2000;
constexpr int kClosingTries = 5;

std::string last_path(const ledger::Layout& layout) { return layout.state() + "/server-stream"; }

// Where the stream of the server before this one stands; nullopt: there was none.
Result<std::optional<segment::Standing>> last_standing(os::FileSystem& files,
                                                       const ledger::Layout& layout,
                                                       const ledger::Ledger& ledger) {
  const auto text = files.read(last_path(layout), 64);
  if (!text && text.error().code == Code::kNotFound) return std::nullopt;
  if (!text) return fail(text.error());
  std::string_view rest = as_text(*text);
  TRY(const std::string_view line, receipt::take_line(rest));
  TRY(const StreamId id, parse_stream_id(line));
  TRY(const auto tail, ledger.tail(id));
  if (!tail) return std::nullopt;  // it was begun, and nothing of it was ever committed
  return segment::Standing{id, tail->next_sequence, tail->last_hash};
}

}  // namespace

OwnStream::OwnStream(Clock& clock, crypto::SigningKey key, segment::HostKeyId id, uint32_t epoch,
                     segment::SealFor seal_for, const RandomSource& random, Submit submit)
    : clock_(clock),
      key_(std::move(key)),
      sealer_(
          make_uuid_v7(clock.wall(), random), segment::Kind::kServer,
          [signer = std::make_shared<const segment::HostSigner>(
               segment::HostSigner{key_, id, epoch})](WallTime) { return signer; },
          std::move(seal_for), random),
      submit_(std::move(submit)) {}

Result<std::unique_ptr<OwnStream>> OwnStream::open(os::FileSystem& files,
                                                   const ledger::Layout& layout, Clock& clock,
                                                   const RandomSource& random,
                                                   const ledger::Ledger& ledger,
                                                   segment::SealFor seal_for, Submit submit) {
  TRY(auto key, ledger::load_private_key(files, layout.host_key()));
  TRY(const auto known, ledger::HostKeys::load(files, layout.host_vkey()));
  const auto id = segment::host_key_id(key.name, key.key.public_key().bytes);
  uint32_t epoch = 0;
  for (const auto& entry : known.entries())
    if (entry.id == id) epoch = entry.epoch;
  if (epoch == 0)
    return fail(Code::kInvalid, layout.host_key() + " is not among " + layout.host_vkey());
  TRY(const auto last, last_standing(files, layout, ledger));

  std::unique_ptr<OwnStream> own(new OwnStream(clock, std::move(key.key), id, epoch,
                                               std::move(seal_for), random, std::move(submit)));
  own->continues_ = last;
  TRY_VOID(files.replace(last_path(layout), as_bytes(to_string(own->id()) + "\n")));
  const std::string live = layout.live(own->id());
  TRY(own->alive_, files.lock(live, os::Wait::kNo));
  own->forget_live_ = [&files, live] { (void)files.remove(live); };
  own->tell(event::ServerStart{os::host_name(), std::string("stele-server ") + kVersion});
  own->thread_ = std::thread([self = own.get()] { self->run(); });
  return own;
}

OwnStream::~OwnStream() {
  close();
  if (forget_live_) forget_live_();
}

bool OwnStream::tell(event::Body body, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (closing_ || told_.size() >= kToldMax) return false;
    told_.push_back({clock_.boot(), clock_.wall(), std::move(body), std::move(done)});
  }
  changed_.notify_one();
  return true;
}

bool OwnStream::mark(Marks marks, std::vector<event::Body> bodies, Done done) {
  CHECK(!bodies.empty() && marks.cut.size() <= segment::kMarksMax &&
        marks.heard.size() <= segment::kMarksMax && marks.holds.size() <= segment::kHoldsMax);
  {
    const std::lock_guard lock(mutex_);
    if (closing_ || told_.size() + bodies.size() > kToldMax) return false;
    for (event::Body& body : bodies)
      told_.push_back({clock_.boot(), clock_.wall(), std::move(body), nullptr});
    told_.back().marks = std::move(marks);
    told_.back().done = std::move(done);
  }
  changed_.notify_one();
  return true;
}

void OwnStream::close() {
  {
    const std::lock_guard lock(mutex_);
    if (!closing_) {
      told_.push_back({clock_.boot(), clock_.wall(), event::ServerStop{"asked to"}, nullptr});
      closing_ = true;
    }
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

Result<segment::Sealed> OwnStream::seal(std::deque<Told>& told, bool close) {
  if (continues_ || told.back().marks) {
    Marks marks = std::exchange(told.back().marks, std::nullopt).value_or(Marks());
    sealer_.carry({.continues = std::exchange(continues_, std::nullopt),
                   .cut = std::move(marks.cut),
                   .heard = std::move(marks.heard),
                   .holds = std::move(marks.holds),
                   .released = std::move(marks.released)});
  }
  event::LaneEncoder encoder;
  encoder.begin(told.front().at);
  for (const Told& each : told) encoder.event(each.at, each.body);
  segment::Batch batch;
  batch.lanes[static_cast<size_t>(event::Lane::kFacts)] = encoder.take();
  batch.wall_first = told.front().wall;
  batch.boot_first = told.front().at;
  batch.boot_last = std::max(told.front().at, told.back().at);
  batch.event_count = static_cast<uint32_t>(told.size());
  return sealer_.seal(batch, close);
}

// Waits for it.
Status OwnStream::commit(const segment::Sealed& sealed) {
  struct Outcome {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<Status> status;
  };
  const auto outcome = std::make_shared<Outcome>();
  const Status submitted =
      submit_({ledger::Incoming{sealed.header, sealed.hash, sealed.bytes}},
              [outcome](const ledger::Ledger&, Result<logsrv::Sequencer::Results> results) {
                Status status;
                if (!results) {
                  status = fail(std::move(results).error());
                } else if (!results->front()) {
                  status = fail(std::move(results->front()).error());
                }
                const std::lock_guard lock(outcome->mutex);
                outcome->status = std::move(status);
                outcome->came.notify_one();
              });
  TRY_VOID(submitted);
  std::unique_lock lock(outcome->mutex);
  outcome->came.wait(lock, [&] { return outcome->status.has_value(); });
  return *outcome->status;
}

void OwnStream::answer(std::deque<Told>& told, const Status& status) {
  for (Told& each : told)
    if (each.done) std::exchange(each.done, nullptr)(status);
}

// A segment that was sealed stands in the stream's chain, and is submitted until it is committed;
// those who waited for it are told at the first failure.
void OwnStream::run() {
  for (;;) {
    std::deque<Told> batch;
    bool is_last = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !told_.empty(); });
      while (!told_.empty() && batch.size() < kBatchMax) {
        batch.push_back(std::move(told_.front()));
        told_.pop_front();
        if (batch.back().marks) break;
      }
      is_last = closing_ && told_.empty();
    }
    const auto sealed = seal(batch, is_last);
    Status committed = sealed ? commit(*sealed) : Status(fail(sealed.error()));
    answer(batch, committed);
    for (int tries = 1; sealed && !committed; ++tries) {
      std::unique_lock lock(mutex_);
      if (closing_ && tries >= kClosingTries) return;
      changed_.wait_for(lock, kTryAgainAfter, [&] { return closing_; });
      lock.unlock();
      committed = commit(*sealed);
    }
    if (is_last) return;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kSealEvery, [&] { return closing_; });
  }
}

}  // namespace stele::server
