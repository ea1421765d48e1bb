// Every bit of a spool file flipped, and the file cut at every byte: what is whole is shipped, what
// is not is told and never shipped, and `taken` counts only what is here.
#include <algorithm>
#include <set>

#include "spool/file_scan.h"
#include "spool/test_world.h"

namespace stele::spool {
namespace {

const std::string kFirst = kDirectory + "/000000000000-000000000000.spool";
using Key = std::pair<StreamId, uint32_t>;

// A file of two streams in three groups; with `successor`, another file that says where it ends.
class Damage : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    world.options.file_bytes_max = 1 << 20;
    TestStream a(1), b(2);
    {
      sim::SimFileSystem files(world.disk);
      auto spool = world.open(files).value();
      append(*spool, a, 60), append(*spool, b, 20);
      ASSERT_TRUE(spool->sync().has_value());
      append(*spool, a, 10), append(*spool, a, 30);
      ASSERT_TRUE(spool->sync().has_value());
      durable_mark = world.disk.durable(kFirst)->size();
      append(*spool, b, 5), append(*spool, a, 1, true);
      ASSERT_TRUE(spool->sync().has_value());
    }
    if (GetParam()) {
      TestStream later(3);
      sim::SimFileSystem files(world.disk);
      auto spool = world.open(files).value();
      append(*spool, later, 9);
      ASSERT_TRUE(spool->sync().has_value());
    }
    fresh = world.disk.snapshot();
    size = fresh.at(kFirst).bytes.size();
  }

  void append(Spool& spool, TestStream& stream, size_t payload, bool close = false) {
    const Bytes bytes = stream.next(payload, close);
    const Key key{stream.id(), stream.next_sequence() - 1};
    ASSERT_TRUE(spool.append(bytes, 10 * stream.next_sequence(), 1000).has_value());
    put[key] = bytes;
    if (stream.id() == TestStream(3).id()) return;
    ends[key] = (ends.empty() ? 0 : last_end) + kFrontBytes + bytes.size();
    last_end = ends[key];
  }

  // The segments that are handed out: right, and in order.
  std::set<Key> shipped(Spool& spool, const std::string& when) {
    std::set<Key> keys;
    std::map<StreamId, uint32_t> next;
    const auto out = spool.next(1 << 30, 1000);
    EXPECT_TRUE(out.has_value()) << when;
    for (const Outgoing& one : *out) {
      EXPECT_EQ(next[one.stream]++, one.sequence) << when;
      EXPECT_EQ(one.bytes, (put[{one.stream, one.sequence}])) << when;
      keys.insert({one.stream, one.sequence});
    }
    return keys;
  }

  std::set<Key> whole_in_aside(os::FileSystem& files) {
    std::set<Key> keys;
    const std::vector<std::string> names = files.list(kDirectory + "/aside").value();
    for (const std::string& name : names) {
      const auto file = files.open_read(kDirectory + "/aside/" + name).value();
      const FileScan scan = scan_ended(*file, file->size().value()).value();
      for (const ScannedRecord& r : scan.records) {
        Bytes segment(r.front.header.segment_bytes());
        EXPECT_TRUE(file->read_at(r.offset + kFrontBytes, segment).has_value());
        const Key key{r.front.header.stream, r.front.header.sequence};
        if (segment == put[key]) keys.insert(key);
      }
    }
    return keys;
  }

  // Opens what is there, and holds it against what was put in.
  void expect_truth(const std::string& when, const std::set<Key>& must_ship) {
    sim::SimFileSystem files(world.disk);
    auto spool = world.open(files);
    ASSERT_TRUE(spool.has_value()) << when << ": " << spool.error().message();
    const std::set<Key> here = shipped(**spool, when), aside = whole_in_aside(files);
    for (const Key& key : must_ship)
      ASSERT_TRUE(here.contains(key)) << when << ": " << to_string(key.first) << " " << key.second;
    const std::vector<Finding> findings = (*spool)->take_findings();
    ASSERT_EQ(findings.empty(), here.size() == put.size()) << when;
    for (const StreamState& s : (*spool)->streams()) {
      for (uint32_t i = 0; i < s.taken / 10; ++i) {
        const Key key{s.stream, i};
        ASSERT_TRUE(here.contains(key) || aside.contains(key)) << when << ": taken lies";
      }
    }
  }

  /// The segments that stand wholly before an offset.
  std::set<Key> before(uint64_t offset) const {
    std::set<Key> keys;
    for (const auto& [key, end] : ends)
      if (end <= offset) keys.insert(key);
    return keys;
  }
  /// Whose record has this byte.
  Key at(uint64_t offset) const {
    return std::min_element(ends.begin(), ends.end(),
                            [&](const auto& a, const auto& b) {
                              return (a.second > offset ? a.second : UINT64_MAX) <
                                     (b.second > offset ? b.second : UINT64_MAX);
                            })
        ->first;
  }

  World world;
  sim::Image fresh;
  std::map<Key, Bytes> put;
  std::map<Key, uint64_t> ends;  // of each record in the first file
  uint64_t last_end = 0, size = 0, durable_mark = 0;
};

TEST_P(Damage, every_flipped_bit_is_found_and_costs_its_own_stream_alone) {
  ASSERT_EQ(last_end, size);
  for (size_t bit = 0; bit < size * 8; ++bit) {
    world.disk.restore(fresh);
    ASSERT_TRUE(world.disk.tamper(
        kFirst, [&](Bytes& b) { b[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8); }));
    const Key hit = at(bit / 8);
    // All but the hit record and its stream behind it; in the newest file's last group, which looks
    // torn, all before the hit record.
    const bool looks_torn = !GetParam() && bit / 8 >= durable_mark;
    std::set<Key> must = before(looks_torn ? bit / 8 : UINT64_MAX);
    std::erase_if(must,
                  [&](const Key& k) { return k.first == hit.first && k.second >= hit.second; });
    if (GetParam()) must.insert({TestStream(3).id(), 0});
    expect_truth("bit " + std::to_string(bit), must);
    if (HasFatalFailure()) return;
  }
}

TEST_P(Damage, cut_at_every_byte_what_is_whole_is_there) {
  for (size_t cut = 0; cut < size; ++cut) {
    world.disk.restore(fresh);
    ASSERT_TRUE(world.disk.tamper(kFirst, [&](Bytes& b) { b.resize(cut); }));
    std::set<Key> must = before(cut);
    if (GetParam()) must.insert({TestStream(3).id(), 0});
    sim::SimFileSystem files(world.disk);
    auto spool = world.open(files);
    ASSERT_TRUE(spool.has_value()) << cut;
    EXPECT_EQ(shipped(**spool, "cut"), must) << cut;
    const bool at_an_end =
        std::any_of(ends.begin(), ends.end(), [&](const auto& e) { return e.second == cut; });
    const bool tells = !(*spool)->take_findings().empty();
    EXPECT_EQ(tells, GetParam() || (!at_an_end && cut > 0)) << cut;
    if (HasFailure()) return;
  }
}

TEST_P(Damage, rubbish_behind_the_end_is_no_record) {
  const Bytes rubbish = put.begin()->second;  // a segment without a front
  ASSERT_TRUE(world.disk.tamper(
      kFirst, [&](Bytes& b) { b.insert(b.end(), rubbish.begin(), rubbish.end()); }));
  sim::SimFileSystem files(world.disk);
  auto spool = world.open(files).value();
  EXPECT_EQ(shipped(*spool, "rubbish").size(), put.size());
  const auto findings = spool->take_findings();
  EXPECT_EQ(findings.size(), GetParam() ? 0U : 1U);
  if (!findings.empty()) {
    EXPECT_EQ(findings[0].kind, Finding::Kind::kTorn);
  }
}

TEST_P(Damage, a_file_that_is_gone_is_missed_where_it_can_be_known) {
  ASSERT_TRUE(world.disk.erase(kFirst).has_value());
  sim::SimFileSystem files(world.disk);
  auto spool = world.open(files).value();
  EXPECT_EQ(shipped(*spool, "gone").size(), GetParam() ? 1U : 0U);
  const auto findings = spool->take_findings();
  ASSERT_EQ(findings.size(), GetParam() ? 1U : 0U);
  if (!findings.empty()) {
    EXPECT_EQ(findings[0].kind, Finding::Kind::kMissing);
  }
}

INSTANTIATE_TEST_SUITE_P(Newest, Damage, testing::Values(false));
INSTANTIATE_TEST_SUITE_P(Ended, Damage, testing::Values(true));

}  // namespace
}  // namespace stele::spool
