// Makes ledgers of any size, for tests and benchmarks.
//
//   ledger_generator DIR LEAVES [OUTPUT_BYTES [PUBLISH_EVERY]]
//       appends so many small sealed segments, each with so many bytes of output (64) that do not
//       compress, of sessions of kSegmentsPerSession segments, kOpenSessions of them open at once;
//       a sync and a checkpoint every PUBLISH_EVERY leaves (10,000) and at the end. Makes the
//       ledger first if DIR holds none. Prints leaves a second.
//   ledger_generator --copies DIR LEAVES [OUTPUT_BYTES [PUBLISH_EVERY]]
//       the same many times faster: the first sessions once more under other ids. Their chains,
//       hashes and leaves are right, their signatures and keys are not: for whoever looks at
//       neither.
//   ledger_generator --open DIR
//       prints how many ms opening the ledger takes, as `stele record` does before it shows the
//       first byte.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <deque>
#include <string_view>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "event/codec.h"
#include "ledger/directory_ledger.h"
#include "ledger/keys.h"
#include "ledger/setup.h"
#include "os/clock.h"
#include "os/posix_file_system.h"
#include "os/random.h"
#include "segment/sealer.h"

namespace stele {
namespace {

using Seconds = std::chrono::duration<double>;
using Stopwatch = std::chrono::steady_clock;

constexpr uint32_t kSegmentsPerSession = 10;
constexpr size_t kOpenSessions = 16;
constexpr ptrdiff_t kStreamAt = 8, kPreviousAt = 40;  // in a segment (docs/formats/segment.md)

struct Options {
  ledger::Layout layout;
  bool copies = false;
  uint64_t leaves = 0, output_bytes = 64, publish_every = 10'000;
};

struct Machine {
  os::PosixFileSystem files;
  os::SystemClock clock;
};

Result<ledger::LogSigner> log_signer(Machine& machine, const ledger::Layout& layout) {
  TRY(auto key, ledger::load_private_key(machine.files, layout.log_key()));
  TRY(auto signer, receipt::NoteSigner::make(key.name, std::move(key.key)));
  return std::make_shared<const receipt::NoteSigner>(std::move(signer));
}

Result<std::unique_ptr<ledger::Ledger>> open_ledger(Machine& machine,
                                                    const ledger::Layout& layout) {
  TRY(auto signer, log_signer(machine, layout));
  return ledger::DirectoryLedger::open(machine.files, layout, machine.clock, std::move(signer));
}

// What all sessions are sealed with.
struct Sealing {
  ledger::PrivateKey host;
  segment::Recipients recipients;
};

Result<Sealing> load_sealing(Machine& machine, const ledger::Layout& layout) {
  TRY(auto host, ledger::load_private_key(machine.files, layout.host_key()));
  TRY(const auto policy, ledger::load_verifier_key(machine.files, layout.policy_vkey()));
  TRY(const Bytes note, machine.files.read(layout.recipients(), size_t{64} << 10));
  TRY(const auto list, ledger::open_recipients_list(note, policy));
  return Sealing{std::move(host), ledger::sealing_recipients(list, note)};
}

// One session: a start, output, and an end.
class Session {
 public:
  Session(const Sealing& sealing, Clock& clock, uint64_t output_bytes)
      : clock_(clock),
        output_bytes_(output_bytes),
        sealer_(make_uuid_v7(clock.wall(), os::system_random), segment::Kind::kSession,
                {sealing.host.key, host_id(sealing), 1}, sealing.recipients, os::system_random) {}

  bool is_closed() const { return sealed_ == kSegmentsPerSession; }

  Result<segment::Sealed> next() {
    const BootTime now = clock_.boot();
    ++sealed_;
    segment::Batch batch;
    batch.wall_first = clock_.wall();
    batch.boot_first = batch.boot_last = now;
    put(batch, event::Lane::kOutput, event::Output{content()});
    if (sealed_ == 1) put(batch, event::Lane::kFacts, start());
    if (is_closed()) put(batch, event::Lane::kFacts, ended());
    return sealer_.seal(batch, is_closed());
  }

 private:
  static segment::HostKeyId host_id(const Sealing& sealing) {
    return segment::host_key_id(sealing.host.name, sealing.host.key.public_key().bytes);
  }
  static event::Start start() {
    event::Start start;
    start.argv = {"generated"};
    start.user = "ada";
    start.host = "web01";
    return start;
  }
  static event::End ended() {
    event::End end;
    end.exit_status = 0;
    return end;
  }
  Bytes content() const {
    Bytes bytes(output_bytes_);
    os::system_random(bytes);
    return bytes;
  }
  static void put(segment::Batch& batch, event::Lane lane, const event::Body& body) {
    event::LaneEncoder encoder;
    encoder.begin(batch.boot_first);
    encoder.event(batch.boot_first, body);
    batch.lanes[static_cast<size_t>(lane)] = encoder.take();
    ++batch.event_count;
  }

  Clock& clock_;
  const uint64_t output_bytes_;
  segment::Sealer sealer_;
  uint32_t sealed_ = 0;
};

// Appends whatever the sessions say next, in turn; times sealing and appending apart.
class Generator {
 public:
  Generator(Machine& machine, const Options& options, Sealing sealing, ledger::Ledger& ledger)
      : machine_(machine), options_(options), sealing_(std::move(sealing)), ledger_(ledger) {}

  Status run() {
    if (options_.copies) return run_copies();
    for (uint64_t i = 1; i <= options_.leaves; ++i) {
      TRY_VOID(append_one());
      if (i % options_.publish_every == 0 || i == options_.leaves) TRY_VOID(cover());
    }
    return {};
  }

  void report() const {
    const double total = (sealing_time_ + ledger_time_).count();
    const auto leaves = static_cast<double>(options_.leaves);
    std::printf("%llu leaves in %.1f s: sealing %.0f leaves/s, ledger %.0f leaves/s\n",
                static_cast<unsigned long long>(options_.leaves), total,
                leaves / sealing_time_.count(), leaves / ledger_time_.count());
  }

 private:
  Status append_one() {
    if (sessions_.size() < kOpenSessions) {
      sessions_.push_back(
          std::make_unique<Session>(sealing_, machine_.clock, options_.output_bytes));
    } else {
      sessions_.push_back(std::move(sessions_.front()));
      sessions_.pop_front();
    }
    const auto begun = Stopwatch::now();
    TRY(const segment::Sealed sealed, sessions_.back()->next());
    const auto ready = Stopwatch::now();
    TRY_VOID(ledger_.append(sealed.bytes));
    sealing_time_ += ready - begun;
    ledger_time_ += Stopwatch::now() - ready;
    if (sessions_.back()->is_closed()) sessions_.pop_back();
    return {};
  }

  // Whole rounds of kOpenSessions sessions, side by side.
  Status run_copies() {
    std::vector<std::vector<Bytes>> sessions;
    for (size_t i = 0; i < kOpenSessions; ++i) {
      Session session(sealing_, machine_.clock, options_.output_bytes);
      sessions.emplace_back();
      while (!session.is_closed()) {
        TRY(segment::Sealed sealed, session.next());
        sessions.back().push_back(std::move(sealed.bytes));
      }
    }
    uint64_t next_cover = options_.publish_every;
    for (uint64_t done = 0; done < options_.leaves;) {
      TRY(const uint64_t count, append_copies(sessions, options_.leaves - done));
      done += count;
      if (done < next_cover && done < options_.leaves) continue;
      TRY_VOID(cover());
      next_cover += options_.publish_every;
    }
    return {};
  }

  Result<uint64_t> append_copies(std::vector<std::vector<Bytes>>& sessions, uint64_t count_max) {
    const auto begun = Stopwatch::now();
    for (auto& session : sessions) rename(session);
    std::vector<ledger::Incoming> batch;
    for (size_t k = 0; k < kSegmentsPerSession; ++k) {
      for (const auto& session : sessions) {
        if (batch.size() == count_max) break;
        TRY(const auto incoming, ledger::Incoming::of(session[k]));
        batch.push_back(incoming);
      }
    }
    const auto ready = Stopwatch::now();
    TRY(const auto results, ledger_.append(batch));
    for (const auto& result : results) TRY_VOID(result);
    sealing_time_ += ready - begun;
    ledger_time_ += Stopwatch::now() - ready;
    return batch.size();
  }

  // Another id, and the chain that follows from it.
  void rename(std::vector<Bytes>& session) {
    const StreamId id = make_uuid_v7(machine_.clock.wall(), os::system_random);
    Hash previous{};
    for (Bytes& bytes : session) {
      std::copy(id.begin(), id.end(), bytes.begin() + kStreamAt);
      std::copy(previous.begin(), previous.end(), bytes.begin() + kPreviousAt);
      previous = crypto::sha256(bytes);
    }
  }

  Status cover() {
    const auto begun = Stopwatch::now();
    TRY_VOID(ledger_.sync());
    TRY_VOID(ledger_.publish_through(ledger_.size()));
    ledger_time_ += Stopwatch::now() - begun;
    return {};
  }

  Machine& machine_;
  const Options& options_;
  const Sealing sealing_;
  ledger::Ledger& ledger_;
  std::deque<std::unique_ptr<Session>> sessions_;
  Seconds sealing_time_{0}, ledger_time_{0};
};

Status generate(const Options& options) {
  Machine machine;
  if (!machine.files.exists(options.layout.log_vkey())) {
    ledger::SetupOptions setup;
    setup.origin = ledger::make_origin("generated", os::system_random);
    TRY_VOID(
        ledger::set_up(machine.files, options.layout, setup, machine.clock, os::system_random));
  }
  TRY(Sealing sealing, load_sealing(machine, options.layout));
  TRY(const auto ledger, open_ledger(machine, options.layout));
  Generator generator(machine, options, std::move(sealing), *ledger);
  TRY_VOID(generator.run());
  generator.report();
  return {};
}

Status time_opening(const ledger::Layout& layout) {
  Machine machine;
  const auto begun = Stopwatch::now();
  TRY(const auto ledger, open_ledger(machine, layout));
  const std::chrono::duration<double, std::milli> ms = Stopwatch::now() - begun;
  std::printf("%llu leaves opened in %.1f ms\n", static_cast<unsigned long long>(ledger->size()),
              ms.count());
  return {};
}

bool read_number(std::string_view text, uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

int run(int argc, char** argv) {
  Options options;
  Status done;
  if (argc == 3 && std::string_view(argv[1]) == "--open") {
    done = time_opening({argv[2]});
  } else {
    options.copies = argc > 1 && std::string_view(argv[1]) == "--copies";
    argc -= options.copies ? 1 : 0;
    argv += options.copies ? 1 : 0;
    const bool usable = (argc >= 3 && argc <= 5) && read_number(argv[2], options.leaves) &&
                        (argc < 4 || read_number(argv[3], options.output_bytes)) &&
                        (argc < 5 || read_number(argv[4], options.publish_every)) &&
                        options.publish_every > 0;
    if (!usable) {
      std::fprintf(stderr,
                   "usage: ledger_generator [--copies] DIR LEAVES [OUTPUT_BYTES [PUBLISH_EVERY]]\n"
                   "       ledger_generator --open DIR\n");
      return 2;
    }
    options.layout.directory = argv[1];
    done = generate(options);
  }
  if (!done) std::fprintf(stderr, "ledger_generator: %s\n", done.error().message().c_str());
  return done ? 0 : 1;
}

}  // namespace
}  // namespace stele

int main(int argc, char** argv) { return stele::run(argc, argv); }
