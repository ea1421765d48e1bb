// For tests only: what a spool was promised to keep, and whether it did.
#pragma once

#include <map>
#include <set>

#include "spool/file_scan.h"
#include "spool/test_world.h"

namespace stele::spool {

using Key = std::pair<StreamId, uint32_t>;
constexpr uint64_t kTakenEach = 10;

// What the workload wrote and was promised, as far as it got.
struct Promises {
  std::map<Key, Bytes> appended;  // tried, whether it succeeded or not
  std::set<Key> synced;
  std::set<Key> freed;                         // asked for
  std::map<StreamId, uint32_t> aside;          // asked for, from this segment on
  std::set<StreamId> closed;                   // with a synced closing segment
  std::set<StreamId> closing;                  // with a closing segment that was tried
  std::map<StreamId, uint32_t> durable_count;  // how many segments were synced
  uint64_t next_index = 0;
};

class Worker {
 public:
  Worker(Spool& spool, Promises& promises, bool careless)
      : spool_(spool), promises_(promises), careless_(careless) {}

  Status append(TestStream& stream, size_t payload, bool close = false) {
    const Bytes bytes = stream.next(payload, close);
    const Key key{stream.id(), stream.next_sequence() - 1};
    promises_.appended[key] = bytes;
    if (close) promises_.closing.insert(stream.id());
    TRY_VOID(spool_.append(bytes, kTakenEach * stream.next_sequence(), 1000));
    waiting_.push_back({key, close});
    return {};
  }
  Status sync() {
    if (!careless_) TRY_VOID(spool_.sync());
    for (const auto& [key, close] : waiting_) {
      promises_.synced.insert(key);
      promises_.durable_count[key.first] = key.second + 1;
      if (close) promises_.closed.insert(key.first);
    }
    waiting_.clear();
    return {};
  }
  // The server takes and covers everything but what is of `stuck`, and of `refused` the first.
  Status ship(const StreamId& stuck, const StreamId& refused) {
    TRY(const auto out, spool_.next(1 << 20, 1000));
    for (const Outgoing& one : out) {
      if (one.stream == stuck || (one.stream == refused && one.sequence > 0)) continue;
      TRY_VOID(
          spool_.accepted(one.stream, one.sequence, promises_.next_index++, leaf_of(one.bytes)));
    }
    for (const Acknowledged& one : spool_.acknowledged(UINT64_MAX, 1000)) {
      promises_.freed.insert({one.stream, one.sequence});
      TRY_VOID(spool_.covered(one.stream, one.sequence));
    }
    return {};
  }
  Status set_aside(const StreamId& stream, uint32_t sequence) {
    const auto [at, is_new] = promises_.aside.try_emplace(stream, sequence);
    at->second = std::min(at->second, sequence);  // what failed is done by the next opening
    return spool_.set_aside(stream, sequence, "refused");
  }

 private:
  Spool& spool_;
  Promises& promises_;
  const bool careless_;
  std::vector<std::pair<Key, bool>> waiting_;
};

inline std::set<Key> keys_aside(os::FileSystem& files, const Promises& promises) {
  std::set<Key> keys;
  const auto listing = files.list(kDirectory + "/aside");
  if (!listing) return keys;
  for (const std::string& text : *listing) {
    const auto file = files.open_read(kDirectory + "/aside/" + text).value();
    const FileScan scan = scan_ended(*file, file->size().value()).value();
    for (const ScannedRecord& r : scan.records) {
      const Key key{r.front.header.stream, r.front.header.sequence};
      Bytes segment(r.front.header.segment_bytes());
      EXPECT_EQ(file->read_at(r.offset + kFrontBytes, segment).value(), segment.size());
      if (promises.appended.contains(key) && promises.appended.at(key) == segment) keys.insert(key);
    }
  }
  return keys;
}

// What the spool hands out: in order, and nothing but what was put in.
inline std::set<Key> drain(Spool& spool, const Promises& promises, const std::string& when) {
  std::set<Key> keys;
  std::map<StreamId, uint32_t> next;
  const auto out = spool.next(1 << 30, 100'000);
  EXPECT_TRUE(out.has_value()) << when;
  if (!out) return keys;
  for (const Outgoing& one : *out) {
    const auto [at, is_first] = next.try_emplace(one.stream, one.sequence);
    EXPECT_EQ(at->second, one.sequence) << when << ": out of order";
    at->second = one.sequence + 1;
    const auto put = promises.appended.find({one.stream, one.sequence});
    EXPECT_TRUE(put != promises.appended.end() && put->second == one.bytes)
        << when << ": not what was put in";
    keys.insert({one.stream, one.sequence});
  }
  return keys;
}

// How many promises are broken; the control counts, the others expect none.
inline int broken_promises(World& world, const Promises& promises, const std::string& when,
                           bool tell) {
  sim::SimFileSystem files(world.disk);
  auto spool = world.open(files);
  EXPECT_TRUE(spool.has_value()) << when << ": " << spool.error().message();
  if (!spool) return 1;
  int broken = 0;
  const auto expect = [&](bool kept, const std::string& what) {
    if (kept) return;
    ++broken;
    if (tell) ADD_FAILURE() << when << ": " << what;
  };
  const std::set<Key> there = drain(**spool, promises, when), aside = keys_aside(files, promises);
  for (const Finding& f : (*spool)->take_findings())
    expect(f.kind == Finding::Kind::kTorn, "cried over: " + f.what);
  for (const Key& key : promises.synced) {
    const std::string name = to_string(key.first) + " " + std::to_string(key.second);
    const auto from = promises.aside.find(key.first);
    const bool asked_aside = from != promises.aside.end() && key.second >= from->second;
    expect(
        there.contains(key) || promises.freed.contains(key) || (asked_aside && aside.contains(key)),
        "synced, not freed and not there: " + name);
  }
  for (const StreamState& s : (*spool)->streams()) {
    const std::string name = to_string(s.stream);
    const uint32_t durable =
        promises.durable_count.contains(s.stream) ? promises.durable_count.at(s.stream) : 0;
    expect(s.taken >= kTakenEach * durable, "taken says less than was promised: " + name);
    if (!s.set_aside) {
      expect(s.taken == kTakenEach * s.tail.next_sequence, "taken lies: " + name);
    } else {
      for (uint32_t i = 0; i < s.taken / kTakenEach; ++i) {
        const Key key{s.stream, i};
        expect(there.contains(key) || aside.contains(key) || promises.freed.contains(key),
               "taken lies of what is set aside: " + name);
      }
    }
    expect(!promises.closed.contains(s.stream) || s.tail.closed || s.set_aside,
           "closed, and open again: " + name);
  }
  return broken;
}

// After a restart every open stream goes on, and all of it can be shipped and freed.
inline void expect_life_goes_on(World& world, Promises promises, const std::string& when) {
  world.options.quota.bytes_max = world.options.quota.owner_bytes_max = 1 << 20;
  sim::SimFileSystem files(world.disk);
  auto spool = world.open(files);
  ASSERT_TRUE(spool.has_value()) << when;
  for (uint8_t id = 1; id <= 12; ++id) {
    TestStream stream(id);
    const auto state = (*spool)->find(stream.id());
    if (state && (state->set_aside || state->tail.closed)) continue;
    if (state) stream.go_on_from(state->tail);
    if (!state && promises.closing.contains(stream.id())) continue;
    ASSERT_TRUE(state || !promises.durable_count.contains(stream.id()))
        << when << ": open stream " << int{id} << " is forgotten";
    const Bytes bytes = stream.next(80);
    const auto put = (*spool)->append(bytes, kTakenEach * stream.next_sequence(), 1000);
    ASSERT_TRUE(put.has_value()) << when << ": " << put.error().message();
    promises.appended[{stream.id(), stream.next_sequence() - 1}] = bytes;
    promises.synced.insert({stream.id(), stream.next_sequence() - 1});
  }
  ASSERT_TRUE((*spool)->sync().has_value()) << when;
  spool->reset();
  files.kill();
  EXPECT_EQ(broken_promises(world, promises, when + ", and went on", true), 0);

  sim::SimFileSystem last(world.disk);
  spool = world.open(last);
  ASSERT_TRUE(spool.has_value()) << when;
  const auto out = (*spool)->next(1 << 30, 100'000);
  uint64_t index = 1000;
  for (const Outgoing& one : *out) {
    ASSERT_TRUE((*spool)->accepted(one.stream, one.sequence, index++, leaf_of(one.bytes)));
    ASSERT_TRUE((*spool)->covered(one.stream, one.sequence)) << when;
  }
  EXPECT_EQ((*spool)->depth().segments, 0U) << when;
}

inline void expect_promises_kept(World& world, const Promises& promises, const std::string& when) {
  EXPECT_EQ(broken_promises(world, promises, when, true), 0);
  expect_life_goes_on(world, promises, when);
}

}  // namespace stele::spool
