// What is refused or damaged goes to aside/, and the rest flows.
#include "spool/file_scan.h"
#include "spool/test_world.h"

namespace stele::spool {
namespace {

class Asides : public SpoolStory {
 protected:
  /// The segments of a stream in aside/, by sequence number.
  std::map<uint32_t, Bytes> kept(const StreamId& stream) {
    std::map<uint32_t, Bytes> out;
    const std::vector<std::string> names = files->list(kDirectory + "/aside").value();
    for (const std::string& text : names) {
      const auto name = parse_aside_name(text);
      if (!name || name->stream != stream || name->what != AsideName::What::kRecords) continue;
      const Bytes bytes = files->read(kDirectory + "/aside/" + text, 1 << 24).value();
      const auto file = files->open_read(kDirectory + "/aside/" + text).value();
      const FileScan scan = scan_ended(*file, bytes.size()).value();
      for (const ScannedRecord& r : scan.records) {
        const auto from = bytes.begin() + static_cast<ptrdiff_t>(r.offset + kFrontBytes);
        out[r.front.header.sequence] =
            Bytes(from, from + static_cast<ptrdiff_t>(r.front.header.segment_bytes()));
      }
    }
    return out;
  }
  std::string why(const StreamId& stream, uint32_t sequence) {
    const AsideName name{stream, sequence, AsideName::What::kWhy};
    const auto bytes = files->read(kDirectory + "/aside/" + to_string(name), 1024);
    return bytes ? parse_decision(as_text(*bytes))->why : "none";
  }
  /// Flips a bit in the spool file that holds this segment, at an offset in the segment.
  void flip(ByteSpan segment, size_t offset) {
    int flipped = 0;
    for (const auto& [path, entry] : world.disk.snapshot()) {
      if (path.find("aside") != std::string::npos) continue;
      const auto at =
          std::search(entry.bytes.begin(), entry.bytes.end(), segment.begin(), segment.end());
      if (at == entry.bytes.end()) continue;
      const auto where = static_cast<size_t>(at - entry.bytes.begin()) + offset;
      ASSERT_TRUE(world.disk.tamper(path, [&](Bytes& bytes) { bytes[where] ^= 4; }).has_value());
      ++flipped;
    }
    ASSERT_EQ(flipped, 1);
  }
};

TEST_F(Asides, a_refused_segment_and_its_followers_are_kept_and_the_rest_flows) {
  TestStream a(1), b(2);
  std::map<uint32_t, Bytes> expected;
  put(a);
  for (uint32_t i = 1; i < 5; ++i) {
    expected[i] = put(a);
    put(b);
  }
  (void)ship();
  ASSERT_TRUE(spool->set_aside(a.id(), 1, "conflict: another\nsegment stands there").has_value());
  for (int restart = 0; restart < 3; ++restart) {
    EXPECT_EQ(kept(a.id()), expected);
    EXPECT_EQ(why(a.id(), 1), "conflict: another segment stands there");
    const auto state = spool->find(a.id());
    ASSERT_TRUE(state.has_value());
    EXPECT_TRUE(state->set_aside);
    EXPECT_EQ(state->tail.next_sequence, 1U) << "the last agreed segment";
    EXPECT_EQ(state->taken, 50U) << "what is in aside/ need not be recorded again";
    EXPECT_FALSE(spool->append(a.next(), 999, 1000).has_value());
    spool->send_all_again();
    EXPECT_EQ(ship().size(), 5U) << "the first of this stream, and all others";
    reopen();
  }
}

TEST_F(Asides, a_stream_set_aside_whole_is_remembered_until_it_is_forgotten) {
  TestStream a(1), b(2);
  for (int i = 0; i < 12; ++i) put(a);
  put_synced(b);
  ASSERT_TRUE(spool->set_aside(a.id(), 0, "not ours").has_value());
  for (int i = 0; i < 12; ++i) put_synced(b);  // the files that it was in go
  ship_and_cover();
  reopen();
  ASSERT_TRUE(spool->find(a.id()).has_value());
  EXPECT_TRUE(spool->find(a.id())->set_aside);
  EXPECT_EQ(spool->find(a.id())->taken, 120U);
  spool->forget(a.id());
  EXPECT_FALSE(spool->find(a.id()).has_value());
  for (int i = 0; i < 12; ++i) put_synced(b);
  ship_and_cover();
  reopen();
  EXPECT_FALSE(spool->find(a.id()).has_value());
  EXPECT_EQ(kept(a.id()).size(), 12U) << "never deleted";
}

TEST_F(Asides, what_is_set_aside_twice_counts_as_one_if_it_is_whole) {
  TestStream a(1), b(2);
  std::vector<Bytes> of_a, of_b;
  for (int i = 0; i < 6; ++i) of_a.push_back(put(a)), of_b.push_back(put(b));
  ASSERT_TRUE(spool->set_aside(a.id(), 4, "refused").has_value());
  ASSERT_TRUE(spool->set_aside(a.id(), 2, "refused, earlier").has_value());
  ASSERT_TRUE(spool->set_aside(b.id(), 4, "refused").has_value());
  flip(of_b[2], 300);
  EXPECT_EQ(ship().size(), 4U) << "two of each";
  for (int restart = 0; restart < 2; ++restart) {
    EXPECT_EQ(spool->find(a.id())->taken, 60U);
    EXPECT_EQ(kept(a.id()).size(), 4U);
    EXPECT_EQ(spool->find(b.id())->taken, 20U) << "the third is damaged";
    EXPECT_EQ(kept(b.id())[3], of_b[3]);
    reopen();
  }
}

class FailedAsides : public Asides {
 protected:
  // The disk is full when the records are copied: the decision is there, and nothing was done.
  void fail_to_set_aside(const TestStream& stream, uint32_t sequence) {
    for (size_t step = 1; true; ++step) {
      files->set_plan({.fail_at = files->steps().size() + step, .fail_code = Code::kNoSpace});
      const auto put = spool->set_aside(stream.id(), sequence, "refused");
      ASSERT_FALSE(put.has_value());
      EXPECT_EQ(put.error().code, Code::kNoSpace);
      if (why(stream.id(), sequence) != "none") break;
    }
    files->set_plan({});
  }
};

TEST_F(FailedAsides, are_done_by_the_next_opening_with_all_that_came_since) {
  TestStream a(1);
  put(a), put_synced(a);
  fail_to_set_aside(a, 1);
  EXPECT_FALSE(spool->find(a.id())->set_aside);
  put_synced(a);
  for (int restart = 0; restart < 2; ++restart) {
    reopen();
    EXPECT_TRUE(spool->find(a.id())->set_aside);
    EXPECT_EQ(spool->find(a.id())->taken, 30U);
    EXPECT_EQ(kept(a.id()).size(), 2U);
    EXPECT_EQ(ship().size(), 1U);
  }
}

TEST_F(FailedAsides, mean_nothing_once_the_segment_was_shipped_after_all) {
  TestStream a(1);
  put(a), put_synced(a);
  fail_to_set_aside(a, 0);
  ship_and_cover();
  put(a), put_synced(a);
  // The file that holds the first two goes, and with it all trace of them but the state's.
  for (int i = 0; i < 6; ++i) put_synced(a);
  ship_and_cover();
  reopen();
  EXPECT_FALSE(spool->find(a.id())->set_aside);
  put(a), put_synced(a);
  (void)ship();
  ASSERT_TRUE(spool->set_aside(a.id(), a.next_sequence() - 1, "now it is").has_value());
  reopen();
  EXPECT_TRUE(spool->find(a.id())->set_aside);
  EXPECT_EQ(spool->find(a.id())->taken, 10 * a.next_sequence());
  EXPECT_EQ(kept(a.id()).size(), 1U);
}

TEST_F(Asides, asking_for_what_is_not_there_changes_nothing) {
  TestStream a(1);
  put_synced(a);
  for (const auto& [id, sequence] : {std::pair(a.id(), 1U), std::pair(TestStream(2).id(), 0U)}) {
    const auto put = spool->set_aside(id, sequence, "no");
    ASSERT_FALSE(put.has_value());
    EXPECT_EQ(put.error().code, Code::kNotFound);
  }
  EXPECT_EQ(ship().size(), 1U);
}

TEST_F(Asides, a_bit_flipped_on_disk_is_found_and_never_shipped) {
  TestStream a(1), b(2);
  std::vector<Bytes> segments;
  for (int i = 0; i < 4; ++i) segments.push_back(put(a));
  put_synced(b);
  flip(segments[2], 200);
  const auto shipped = ship();
  EXPECT_EQ(shipped.size(), 3U) << "two before it, and the other stream";
  const auto findings = spool->take_findings();
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].kind, Finding::Kind::kDamaged);
  EXPECT_EQ(findings[0].stream, a.id());
  EXPECT_EQ(findings[0].sequence, 2U);
  EXPECT_EQ(spool->find(a.id())->taken, 20U) << "what was taken with the damaged one is not here";
  EXPECT_TRUE(spool->find(a.id())->set_aside);
  EXPECT_EQ(kept(a.id())[3], segments[3]);
  EXPECT_NE(kept(a.id())[2], segments[2]);
  reopen();
  EXPECT_EQ(spool->find(a.id())->taken, 20U);
  EXPECT_EQ(ship().size(), 3U);
}

TEST_F(Asides, damage_to_a_header_is_found_when_the_spool_is_opened) {
  TestStream a(1), b(2);
  std::vector<Bytes> segments;
  for (int i = 0; i < 3; ++i) segments.push_back(put_synced(a));
  const Bytes other = put_synced(b);
  put_synced(b);
  flip(segments[1], 10);
  reopen();
  const auto findings = spool->take_findings();
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].kind, Finding::Kind::kDamaged);
  EXPECT_EQ(findings[1].kind, Finding::Kind::kMissing);
  EXPECT_EQ(findings[1].stream, a.id());
  EXPECT_EQ(findings[1].sequence, 1U);
  const auto shipped = ship();
  ASSERT_EQ(shipped.size(), 3U);
  EXPECT_EQ(spool->find(a.id())->tail.next_sequence, 1U);
  EXPECT_EQ(spool->find(a.id())->taken, 10U);
  EXPECT_EQ(kept(a.id())[2], segments[2]);
  const std::vector<std::string> names = files->list(kDirectory + "/aside").value();
  EXPECT_EQ(std::count_if(names.begin(), names.end(),
                          [](const std::string& n) { return n.starts_with("damaged-0-"); }),
            1);
}

TEST_F(Asides, a_damaged_state_is_kept_and_nothing_that_waits_is_lost) {
  TestStream a(1), b(2);
  for (int i = 0; i < 12; ++i) put_synced(a);
  accept(ship(9));
  cover_all();
  put_synced(b);
  ASSERT_TRUE(world.disk.tamper(kDirectory + "/state", [](Bytes& s) { s[20] ^= 1; }).has_value());
  reopen();
  const auto findings = spool->take_findings();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_NE(findings[0].what.find("/state"), std::string::npos);
  const auto shipped = ship();
  EXPECT_GE(shipped.size(), 4U);
  EXPECT_EQ(spool->find(a.id())->tail.last_hash, a.last_hash());
  EXPECT_FALSE(spool->find(a.id())->set_aside);
  put_synced(a);
}

}  // namespace
}  // namespace stele::spool
