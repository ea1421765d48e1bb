// Load for a server: enrolled hosts that send segments of recorded terminal output, each host on a
// connection of its own, one request at a time.
//
//   load URL CORPUS key=value… HOST-DIRECTORY…
//
//   sessions=N    open sessions of each host (16)          segments=N   for each host (2000)
//   bytes=N       terminal bytes in a segment (1024)       batch=N      segments in a request, at
//   most (64) rate=N        segments a second, of all hosts together; 0: as fast as they are taken
//   (0) seal=first    all segments are sealed before the clock starts; seal=along: while they are
//   sent (first) hold=1        does not end before its standard input does
//
// HOST-DIRECTORY: what `stele enroll --dir` made. Prints one line of JSON. A segment's time runs
// from when it was due (rate), or from when its request was begun, until its answer was there.
// Ends with an error if any segment is refused.
#include <algorithm>
#include <barrier>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>
#include <thread>

#include "agent/http_link.h"
#include "event/codec.h"
#include "ledger/keys.h"
#include "ledger/recipients_list.h"
#include "os/clock.h"
#include "os/posix_file_system.h"
#include "os/random.h"
#include "segment/sealer.h"
#include "wire/segments.h"

namespace stele {
namespace {

using Stopwatch = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr size_t kCorpusBytesMax = size_t{1} << 30;

struct Options {
  std::string url, corpus;
  std::map<std::string, uint64_t> numbers = {{"sessions", 16}, {"segments", 2000}, {"bytes", 1024},
                                             {"batch", 64},    {"rate", 0},        {"hold", 0}};
  bool seals_first = true;
  std::vector<std::string> hosts;

  size_t at(const char* name) const { return numbers.at(name); }
};

Result<Options> parse(int argc, char** argv) {
  if (argc < 4) return fail(Code::kInvalid, "load URL CORPUS key=value… HOST-DIRECTORY…");
  Options options;
  options.url = argv[1];
  options.corpus = argv[2];
  for (int i = 3; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    if (equals == std::string::npos) {
      options.hosts.push_back(word);
    } else if (key == "seal") {
      options.seals_first = word == "seal=first";
    } else {
      const auto number = options.numbers.find(key);
      const char *from = word.data() + equals + 1, *to = word.data() + word.size();
      if (number == options.numbers.end() || std::from_chars(from, to, number->second).ptr != to)
        return fail(Code::kInvalid, "not understood: " + word);
    }
  }
  return options;
}

/// One enrolled host, its sessions, and what it has ready.
class Host {
 public:
  static Result<std::unique_ptr<Host>> open(os::FileSystem& files, Clock& clock,
                                            const Options& options, const std::string& directory,
                                            ByteSpan corpus) {
    TRY(auto key, ledger::load_private_key(files, directory + "/host.key"));
    TRY(const auto policy, ledger::load_verifier_key(files, directory + "/policy.vkey"));
    TRY(const Bytes note, files.read(directory + "/recipients", kCorpusBytesMax));
    TRY(const auto list, ledger::open_recipients_list(note, policy));
    auto host = std::unique_ptr<Host>(new Host(files, clock, options, directory, std::move(key)));
    const segment::HostSigner signer{
        host->key_.key, segment::host_key_id(host->key_.name, host->key_.key.public_key().bytes),
        1};
    for (size_t i = 0; i < options.at("sessions"); ++i) {
      host->sessions_.emplace_back(make_uuid_v7(clock.wall(), os::system_random),
                                   segment::Kind::kSession, signer,
                                   ledger::sealing_recipients(list, note), os::system_random);
    }
    host->corpus_ = corpus;
    return host;
  }

  Status seal_all() {
    if (!options_.seals_first) return {};
    for (size_t i = 0; i < options_.at("segments"); ++i) {
      TRY(Bytes segment, seal());
      ready_.push_back(std::move(segment));
    }
    return {};
  }

  /// `each`: how long after the one before a segment is due; 0: no time.
  Status send(Stopwatch::time_point begin, Seconds each) {
    const size_t total = options_.at("segments"), batch = options_.at("batch");
    const auto due = [&](size_t number) {
      return begin + std::chrono::duration_cast<Stopwatch::duration>(each * number);
    };
    for (size_t sent = 0; sent < total;) {
      if (each.count() > 0) std::this_thread::sleep_until(due(sent));
      auto now = Stopwatch::now();
      Bytes request;
      size_t count = 0;
      while (count < batch && sent + count < total && (count == 0 || due(sent + count) <= now)) {
        TRY_VOID(add(request, sent + count));
        ++count;
      }
      TRY_VOID(post(request, count));
      const auto answered = Stopwatch::now();
      for (size_t i = 0; i < count; ++i)
        took.push_back(Seconds(answered - (each.count() > 0 ? due(sent + i) : now)).count());
      sealed_bytes += request.size();
      sent += count;
    }
    return {};
  }

  std::vector<double> took;  // seconds
  size_t sealed_bytes = 0;

 private:
  Host(os::FileSystem& files, Clock& clock, const Options& options, const std::string& directory,
       ledger::PrivateKey key)
      : clock_(clock),
        options_(options),
        key_(std::move(key)),
        link_(files, directory, options.url, clock) {}

  /// The next session's next segment: what the corpus shows next.
  Result<Bytes> seal() {
    const size_t bytes = std::min<size_t>(options_.at("bytes"), corpus_.size());
    if (place_ + bytes > corpus_.size()) place_ = 0;
    segment::Batch batch;
    batch.boot_first = batch.boot_last = clock_.boot();
    batch.wall_first = clock_.wall();
    batch.event_count = 1;
    event::LaneEncoder output;
    output.begin(batch.boot_first);
    output.output(batch.boot_first, corpus_.subspan(place_, bytes));
    batch.lanes[static_cast<size_t>(event::Lane::kOutput)] = output.take();
    place_ += bytes;
    TRY(auto sealed, sessions_[next_++ % sessions_.size()].seal(batch, false));
    return std::move(sealed.bytes);
  }

  Status add(Bytes& request, size_t number) {
    if (options_.seals_first) {
      wire::add_segment(request, ready_[number]);
      return {};
    }
    TRY(const Bytes segment, seal());
    wire::add_segment(request, segment);
    return {};
  }

  Status post(const Bytes& request, size_t count) {
    TRY(const Bytes response, link_.post_segments(request));
    TRY(const auto answers, wire::parse_answers(response, count));
    for (const wire::Answer& answer : answers) {
      if (const auto* refused = std::get_if<wire::Refused>(&answer))
        return fail(Code::kIo, "refused: " + refused->reason);
    }
    return {};
  }

  Clock& clock_;
  const Options& options_;
  const ledger::PrivateKey key_;
  agent::HttpLink link_;
  std::vector<segment::Sealer> sessions_;
  std::vector<Bytes> ready_;
  ByteSpan corpus_;
  size_t next_ = 0, place_ = 0;
};

double percentile(const std::vector<double>& sorted, size_t percent) {
  return sorted[std::min(sorted.size() - 1, sorted.size() * percent / 100)] * 1e3;
}

Status run(const Options& options) {
  os::PosixFileSystem files;
  os::SystemClock clock;
  TRY(const Bytes corpus, files.read(options.corpus, kCorpusBytesMax));
  std::vector<std::unique_ptr<Host>> hosts;
  for (const std::string& directory : options.hosts) {
    TRY(auto host, Host::open(files, clock, options, directory, corpus));
    hosts.push_back(std::move(host));
  }
  if (hosts.empty()) return fail(Code::kInvalid, "no host's directory is named");
  const auto count = static_cast<ptrdiff_t>(hosts.size());
  const Seconds each(options.at("rate") == 0
                         ? 0.0
                         : static_cast<double>(count) / static_cast<double>(options.at("rate")));
  std::vector<Status> done(hosts.size());
  std::barrier sealed(count + 1), begun(count + 1);
  Stopwatch::time_point begin;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < hosts.size(); ++i) {
    threads.emplace_back([&, i] {
      done[i] = hosts[i]->seal_all();
      sealed.arrive_and_wait();
      begun.arrive_and_wait();
      if (done[i]) done[i] = hosts[i]->send(begin, each);
    });
  }
  sealed.arrive_and_wait();
  begin = Stopwatch::now();
  begun.arrive_and_wait();
  for (std::thread& thread : threads) thread.join();
  const double seconds = Seconds(Stopwatch::now() - begin).count();
  for (const Status& status : done) TRY_VOID(status);

  std::vector<double> took;
  size_t sealed_bytes = 0;
  for (const auto& host : hosts) {
    took.insert(took.end(), host->took.begin(), host->took.end());
    sealed_bytes += host->sealed_bytes;
  }
  std::sort(took.begin(), took.end());
  const auto sent = static_cast<double>(took.size());
  std::printf(
      "{\"segments\": %zu, \"seconds\": %.4f, \"segments_s\": %.1f, \"terminal_mb_s\": %.3f, "
      "\"sealed_mb_s\": %.3f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
      took.size(), seconds, sent / seconds,
      sent * static_cast<double>(options.at("bytes")) / seconds / 1e6,
      static_cast<double>(sealed_bytes) / seconds / 1e6, percentile(took, 50),
      percentile(took, 99));
  std::fflush(stdout);
  while (options.at("hold") != 0 && std::getchar() != EOF) {
  }
  return {};
}

}  // namespace
}  // namespace stele

int main(int argc, char** argv) {
  const auto options = stele::parse(argc, argv);
  const stele::Status done = options ? stele::run(*options) : stele::fail(options.error());
  if (!done) std::fprintf(stderr, "load: %s\n", done.error().message().c_str());
  return done ? 0 : 1;
}
