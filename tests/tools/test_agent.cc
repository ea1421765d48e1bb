// An agent for tests: session hosts over a directory of plain files, and no keys.
//
//   test_agent SOCKET DIR [closed|open] [PATIENCE_S] [GROUP]
//
// DIR/<session>.owner   pid, start time, uid
// DIR/<session>.events  a line for each message that is durable: "number lane µs hex-of-the-event";
//                       number 1 is the start; "closed" is the last line of a session that is over
//
// An event is durable some ms after it came, or when many have come: what is lost when this program
// is killed before, the recorder must send again. Prints "listening" when it does.
#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "agent/session_host.h"
#include "base/hex.h"
#include "event/codec.h"
#include "os/clock.h"
#include "os/pty.h"
#include "os/random.h"

namespace stele {
namespace {

constexpr auto kDelay = std::chrono::milliseconds(10);
constexpr size_t kPendingBytesMax = size_t{1} << 20;

std::string line_of(uint64_t number, BootTime at, event::Lane lane, const event::Body& body) {
  event::LaneEncoder encoder;
  encoder.begin(at);
  encoder.event(at, body);
  return std::to_string(number) + " " + std::string(event::lane_name(lane)) + " " +
         std::to_string(micros(at)) + " " + to_hex(encoder.bytes()) + "\n";
}

/// What the file holds: whole lines only; a torn one is cut off.
struct Stored {
  uint64_t durable = 0;
  bool closed = false;
};
Stored read_stored(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  const size_t whole = all.rfind('\n') == all.npos ? 0 : all.rfind('\n') + 1;
  Stored stored;
  stored.closed = all.ends_with("closed\n");
  stored.durable = static_cast<uint64_t>(std::count(all.begin(), all.begin() + whole, '\n'));
  if (stored.closed) --stored.durable;
  if (whole < all.size()) std::filesystem::resize_file(path, whole);
  return stored;
}

class FileSink : public agent::SessionSink {
 public:
  FileSink(const std::string& path, uint64_t next, agent::Durable durable,
           std::function<void()> gone)
      : file_(path, std::ios::binary | std::ios::app),
        next_(next),
        durable_(std::move(durable)),
        gone_(std::move(gone)),
        thread_([this] { run(); }) {}
  ~FileSink() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
    gone_();
  }

  Status output(BootTime at, ByteSpan bytes) override {
    return event(at, event::Lane::kOutput, event::Output{Bytes(bytes.begin(), bytes.end())});
  }
  Status input(BootTime at, ByteSpan bytes) override {
    return event(at, event::Lane::kInput, event::Input{Bytes(bytes.begin(), bytes.end())});
  }
  Status event(BootTime at, event::Lane lane, const event::Body& body) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return pending_.size() < kPendingBytesMax; });
    pending_ += line_of(next_++, at, lane, body);
    return {};
  }
  Status note(BootTime, const event::Body&) override { return {}; }
  Status stand_for(BootTime, const std::vector<event::Body>&) override {
    return fail(Code::kUnsupported, "this agent follows no copies");
  }
  void passed_on() override { changed_.notify_all(); }
  Status close() override {
    std::unique_lock lock(mutex_);
    write(lock);
    file_ << "closed\n" << std::flush;
    return {};
  }

 private:
  void write(std::unique_lock<std::mutex>&) {
    if (pending_.empty()) return;
    file_ << pending_ << std::flush;
    pending_.clear();
    durable_(next_ - 1);
    changed_.notify_all();
  }
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      changed_.wait(lock, [&] { return stopping_ || !pending_.empty(); });
      changed_.wait_for(lock, kDelay,
                        [&] { return stopping_ || pending_.size() >= kPendingBytesMax; });
      write(lock);
    }
    write(lock);
  }

  std::ofstream file_;
  uint64_t next_;
  const agent::Durable durable_;
  const std::function<void()> gone_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string pending_;
  bool stopping_ = false;
  std::thread thread_;
};

class FileSessions : public agent::Sessions {
 public:
  FileSessions(std::string folder, wire::Terms terms, Clock& clock)
      : folder_(std::move(folder)), terms_(std::move(terms)), clock_(clock) {}

  Result<Opened> open(const agent::Owner& owner, const wire::Terms&, uint8_t /*retention_class*/,
                      const event::Start& start, agent::Durable durable) override {
    const StreamId id = make_uuid_v7(clock_.wall(), os::system_random);
    std::ofstream(path(id, ".owner"))
        << owner.process.pid << ' ' << owner.process.started << ' ' << owner.uid << '\n';
    hold(id);
    auto sink = std::make_unique<FileSink>(path(id, ".events"), 1, std::move(durable), release(id));
    TRY_VOID(sink->event(clock_.boot(), event::Lane::kFacts, start));
    sink->passed_on();
    return Opened{id, std::move(sink)};
  }

  Result<Known> find(const StreamId& id) override {
    Known known{{}, terms_, {}};
    std::ifstream file(path(id, ".owner"));
    agent::Owner& owner = known.owner;
    const bool held = is_held(id);
    if (!(file >> owner.process.pid >> owner.process.started >> owner.uid) ||
        (!held && read_stored(path(id, ".events")).durable == 0))
      return fail(Code::kNotFound, "no such session");
    return known;
  }

  Result<Resumed> resume(const StreamId& id, uint64_t durable_min,
                         agent::Durable durable) override {
    if (is_held(id)) return fail(Code::kBusy, "its former connection is not over");
    const Stored stored = read_stored(path(id, ".events"));
    if (stored.durable < durable_min) return fail(Code::kConflict, "messages are missing");
    if (stored.closed) return Resumed{stored.durable, nullptr};
    hold(id);
    return Resumed{stored.durable,
                   std::make_unique<FileSink>(path(id, ".events"), stored.durable + 1,
                                              std::move(durable), release(id))};
  }

 private:
  std::string path(const StreamId& id, const char* ending) const {
    return folder_ + "/" + to_string(id) + ending;
  }
  bool is_held(const StreamId& id) {
    const std::lock_guard lock(mutex_);
    return held_.contains(id);
  }
  void hold(const StreamId& id) {
    const std::lock_guard lock(mutex_);
    held_.insert(id);
  }
  std::function<void()> release(const StreamId& id) {
    return [this, id] {
      const std::lock_guard lock(mutex_);
      held_.erase(id);
    };
  }

  const std::string folder_;
  const wire::Terms terms_;
  Clock& clock_;
  std::mutex mutex_;
  std::set<StreamId> held_;
};

void serve(os::PacketSocket socket, const agent::Policy& policy, FileSessions& sessions,
           Clock& clock, const os::Wake& stop) {
  auto peer = os::peer_of(socket.get());
  if (!peer) return;
  auto host = agent::SessionHost::make(*std::move(peer), policy, sessions, clock);
  if (!host) return;
  const Status status = (*host)->serve(std::move(socket), stop);
  if (!status) std::fprintf(stderr, "test_agent: %s\n", status.error().message().c_str());
}

Status run(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2)
    return fail(Code::kInvalid, "SOCKET DIR [closed|open] [SECONDS] [GROUP]");
  agent::Policy policy;
  policy.terms.banner = "this session is recorded";
  policy.terms.input = event::InputPolicy::kAll;
  policy.terms.open = arguments.size() > 2 && arguments[2] == "open";
  if (arguments.size() > 3)
    policy.terms.patience_seconds = static_cast<uint32_t>(std::stoul(arguments[3]));
  wire::Hello no_wish;
  no_wish.input_policy = policy.terms.input;
  TRY(wire::Terms terms, agent::decide(policy, {}, no_wish));
  if (arguments.size() > 4) policy.recorder_group = static_cast<uint32_t>(std::stoul(arguments[4]));
  os::SystemClock clock;
  FileSessions sessions(arguments[1], std::move(terms), clock);
  TRY(const os::Wake stop, os::Wake::make());
  TRY(auto listener, os::PacketListener::listen(arguments[0], policy.recorder_group ? 0660 : 0666,
                                                policy.recorder_group));
  std::puts("listening");
  std::fflush(stdout);
  for (;;) {
    os::Readiness set[] = {{.fd = listener.get(), .want_read = true}};
    os::wait_until_ready(set, std::nullopt);
    TRY(auto socket, listener.accept());
    if (!socket) continue;
    std::thread([&, accepted = std::move(socket)]() mutable {
      serve(std::move(accepted), policy, sessions, clock, stop);
    }).detach();
  }
}

}  // namespace
}  // namespace stele

int main(int argc, char** argv) {
  const auto status = stele::run({argv + 1, argv + argc});
  std::fprintf(stderr, "test_agent: %s\n", status.error().message().c_str());
  return 1;
}
