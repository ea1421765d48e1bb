// A server whose ledger is large: hosts are served at once, readers hear how far the index is.
#include "server/stream_index.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "ledger/directory_ledger.h"
#include "ledger/keys.h"
#include "ledger/setup.h"
#include "os/clock.h"
#include "os/random.h"
#include "segment/sealer.h"
#include "server/service.h"
#include "server/test_slow_files.h"

namespace stele::server {
namespace {

constexpr size_t kLeaves = 1500;  // more than are read at once

class StreamIndexTest : public ::testing::Test {
 protected:
  StreamIndexTest() {
    (void)ledger::set_up(files, layout, {"stele/test/large", {}, {}}, clock, os::system_random)
        .value();
    auto key = ledger::load_private_key(files, layout.log_key()).value();
    const auto ledger = ledger::DirectoryLedger::open(
                            files, layout, clock,
                            std::make_shared<receipt::NoteSigner>(
                                receipt::NoteSigner::make(key.name, std::move(key.key)).value()))
                            .value();
    fill(*ledger);
  }
  ~StreamIndexTest() override {
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder))
      (void)files.protect(file.path(), os::Protection::kNone);
    std::filesystem::remove_all(folder);
  }

  void fill(ledger::Ledger& ledger) {
    const auto host = ledger::load_private_key(files, layout.host_key()).value();
    const auto id = segment::host_key_id(host.name, host.key.public_key().bytes);
    const auto policy = ledger::load_verifier_key(files, layout.policy_vkey()).value();
    const Bytes note = files.read(layout.recipients(), 1 << 16).value();
    segment::Sealer sealer(
        make_uuid_v7(clock.wall(), os::system_random), segment::Kind::kSession, {host.key, id, 1},
        ledger::sealing_recipients(ledger::open_recipients_list(note, policy).value(), note),
        os::system_random);
    std::vector<segment::Sealed> sealed;
    std::vector<ledger::Incoming> batch;
    for (size_t i = 0; i < kLeaves; ++i) {
      segment::Batch events;
      events.lanes[1] = {1};
      events.event_count = 1;
      events.wall_first = clock.wall();
      events.boot_first = events.boot_last = clock.boot();
      sealed.push_back(sealer.seal(events, false).value());
    }
    for (const auto& each : sealed) batch.push_back(ledger::Incoming::of(each.bytes).value());
    ASSERT_TRUE(ledger.append(batch));
    ASSERT_TRUE(ledger.sync());
    ASSERT_TRUE(ledger.publish_through(ledger.size()));
  }

  static http::Response ask(Service& service, const std::string& path, const std::string& token) {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_there = false;
    const auto slot = std::make_shared<http::ReplySlot>([&] {
      const std::lock_guard lock(mutex);
      is_there = true;
      changed.notify_all();
    });
    service.handle(
        {"GET", path, {}, {{"authorization", "Bearer " + token}}, {}, {"127.0.0.1", {}, {}}},
        http::Reply(slot));
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return is_there; });
    lock.unlock();
    return *slot->take();
  }

  const std::string folder = std::filesystem::temp_directory_path() /
                             ("stele-index-" + to_string(make_uuid_v7({}, os::system_random)));
  const ledger::Layout layout{folder};
  os::SystemClock clock;
  SlowFiles files;
};

TEST_F(StreamIndexTest, hosts_are_served_and_readers_hear_how_far_it_is) {
  People people(files, layout, clock, os::system_random);
  ASSERT_TRUE(people.add("ada", "Ada", {Role::kAuditor}));
  const std::string token = people.create_token("ada", std::chrono::hours(2)).value();
  const auto service = Service::open(files, layout, clock, os::system_random, {}).value();
  EXPECT_EQ(ask(*service, "/readyz", "").status, 200);
  const auto early = ask(*service, "/v1/sessions", token);
  EXPECT_EQ(early.status, 503);
  const std::string* later = http::find_header(early.headers, "retry-after");
  EXPECT_TRUE(later != nullptr && *later == "1");
  EXPECT_NE(as_text(std::get<Bytes>(early.body)).find(" of " + std::to_string(kLeaves) + " leaves"),
            std::string_view::npos)
      << as_text(std::get<Bytes>(early.body));
  files.open_the_gate();
  auto now = ask(*service, "/v1/sessions", token);
  while (now.status == 503) now = ask(*service, "/v1/sessions", token);
  EXPECT_EQ(now.status, 200);
  EXPECT_NE(as_text(std::get<Bytes>(now.body)).find("\"segments\":" + std::to_string(kLeaves)),
            std::string_view::npos)
      << as_text(std::get<Bytes>(now.body));
}

TEST_F(StreamIndexTest, a_writer_that_hangs_is_seen_and_one_that_goes_on_is_not) {
  class Late : public os::SystemClock {
   public:
    BootTime boot() override { return os::SystemClock::boot() + late.load(); }
    std::atomic<Micros> late{Micros(0)};
  } late;
  const auto service = Service::open(files, layout, late, os::system_random, {}).value();
  // What it tells of its start in its own stream can not be written while the gate is shut.
  while (service->stuck() != "sequencer") {
    late.late = late.late.load() + Service::kStepMax + Micros(1);
    std::this_thread::yield();
  }
  files.open_the_gate();
  while (!service->stuck().empty()) std::this_thread::yield();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(service->stuck(), "") << "nothing to do is no hang";
    late.late = late.late.load() + Service::kStepMax + Micros(1);
  }
}

}  // namespace
}  // namespace stele::server
