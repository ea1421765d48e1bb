#include "event/codec.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/hex.h"
#include "codec/cbor.h"
#include "event/test_events.h"

namespace stele::event {
namespace {

constexpr BootTime kBase{Micros(5'000'000)};

Bytes part_of(const std::vector<std::pair<BootTime, Body>>& events, BootTime base = kBase) {
  LaneEncoder encoder;
  encoder.begin(base);
  for (const auto& [time, body] : events) encoder.event(time, body);
  return encoder.take();
}

std::vector<Event> events_of(Lane lane, ByteSpan part, BootTime base = kBase) {
  auto events = decode_lane(lane, base, part);
  EXPECT_TRUE(events.has_value()) << events.error().context;
  return events.value_or(std::vector<Event>{});
}

std::vector<Event> events_of(Lane lane, std::string_view hex) {
  return events_of(lane, from_hex(hex).value());
}

Error refusal(Lane lane, std::string_view hex) {
  const auto events = decode_lane(lane, kBase, from_hex(hex).value());
  EXPECT_FALSE(events.has_value()) << hex;
  return events ? Error{} : events.error();
}

/// A part of one event with a map, from the entries' encodings.
Bytes map_event(uint64_t type, const std::vector<Bytes>& entries) {
  Bytes out;
  codec::CborWriter writer(out);
  writer.array(3);
  writer.unsigned_integer(type);
  writer.integer(0);
  writer.map(entries.size());
  for (const Bytes& entry : entries) writer.encoded(entry);
  return out;
}

/// The encoded entries of the map in a part of one event.
std::vector<Bytes> entries_of(const Body& body) {
  const Bytes part = part_of({{kBase, body}});
  codec::CborReader in(part);
  EXPECT_TRUE(in.array() && in.skip_item() && in.skip_item());
  std::vector<Bytes> entries;
  for (uint64_t pairs = in.map().value(); pairs > 0; --pairs) {
    const ByteSpan key = in.skip_item().value(), value = in.skip_item().value();
    Bytes& entry = entries.emplace_back(key.begin(), key.end());
    entry.insert(entry.end(), value.begin(), value.end());
  }
  return entries;
}

Bytes entry(std::string_view key, std::string_view value_hex) {
  Bytes out;
  codec::CborWriter writer(out);
  writer.text(key);
  writer.encoded(from_hex(value_hex).value());
  return out;
}

TEST(Event, comes_back_as_it_was_written) {
  for (const Sample& sample : samples()) {
    const auto events = events_of(sample.lane, part_of({{at(5'000'100), sample.body}}));
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0], (Event{sample.lane, at(5'000'100), sample.body}));
  }
}

TEST(Event, is_refused_in_every_other_lane_but_for_a_grant_and_a_line_in_facts) {
  for (const Sample& sample : samples()) {
    const Bytes part = part_of({{kBase, sample.body}});
    for (Lane lane : {Lane::kFacts, Lane::kOutput, Lane::kInput}) {
      const bool may = lane == sample.lane || std::holds_alternative<Grant>(sample.body) ||
                       (std::holds_alternative<Line>(sample.body) && lane == Lane::kFacts);
      const auto events = decode_lane(lane, kBase, part);
      EXPECT_EQ(events.has_value(), may) << to_hex(part);
      EXPECT_TRUE(may || events.error().code == Code::kCorrupt);
    }
  }
}

TEST(Event, cut_short_at_any_byte_is_refused) {
  for (const Sample& sample : samples()) {
    const Bytes part = part_of({{kBase, sample.body}});
    for (size_t size = 1; size < part.size(); ++size) {
      ASSERT_FALSE(decode_lane(sample.lane, kBase, ByteSpan(part).first(size)).has_value()) << size;
    }
  }
}

// One value, one spelling: a flipped bit is refused, or it is another event.
TEST(Event, has_no_second_spelling_one_bit_away) {
  for (const Sample& sample : samples()) {
    const Bytes part = part_of({{kBase, sample.body}});
    for (size_t bit = 0; bit < part.size() * 8; ++bit) {
      Bytes flipped = part;
      flipped[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
      const auto events = decode_lane(sample.lane, kBase, flipped);
      if (!events || !events->at(0).extra.empty()) continue;
      ASSERT_EQ(events->size(), 1U);
      ASSERT_NE(events->at(0), (Event{sample.lane, kBase, sample.body}));
      ASSERT_EQ(part_of({{events->at(0).at, events->at(0).body}}), flipped);
    }
  }
}

TEST(Event, of_a_key_takes_seven_to_nine_bytes) {
  LaneEncoder encoder;
  encoder.begin(kBase);
  encoder.input(at(5'001'234), bytes_of("l"));
  EXPECT_EQ(to_hex(encoder.bytes()), "83031904d2416c");
  encoder.input(at(5'201'234), bytes_of("s"));
  EXPECT_EQ(to_hex(encoder.bytes()),
            "83031904d2416c"
            "83031a00030d404173");
}

TEST(Event, of_a_newer_type_is_kept_whole_and_may_stand_anywhere) {
  for (Lane lane : {Lane::kFacts, Lane::kOutput, Lane::kInput}) {
    const auto events = events_of(lane,
                                  "84182805a1616bf93e00d82a8201f6"
                                  "82182901");
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].at, at(5'000'005));
    EXPECT_EQ(events[0].body,
              Body(Unknown{40, from_hex("84182805a1616bf93e00d82a8201f6").value()}));
    EXPECT_EQ(events[1].body, Body(Unknown{41, from_hex("82182901").value()}));
  }
}

TEST(Event, of_a_newer_type_is_written_as_it_was_but_for_its_time) {
  const auto events = events_of(Lane::kFacts, "84182805a1616bf93e00d82a8201f6");
  EXPECT_EQ(to_hex(part_of({{at(5'000'300), events.at(0).body}})),
            "84182819012ca1616bf93e00d82a8201f6");
}

TEST(Event, of_a_newer_type_is_held_to_deterministic_cbor_all_the_same) {
  for (const char* bad :
       {"83182800 1817", "831828009fff", "83182800a201000100", "83182800fb3ff8000000000000"}) {
    std::string hex = bad;
    std::erase(hex, ' ');
    EXPECT_EQ(refusal(Lane::kFacts, hex).code, Code::kCorrupt) << bad;
  }
}

TEST(Event, keeps_what_a_newer_writer_added_behind_it) {
  const auto events = events_of(Lane::kOutput,
                                "85020041610102"
                                "8302014162");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].body, Body(Output{bytes_of("a")}));
  EXPECT_EQ(to_hex(events[0].extra), "0102");
  EXPECT_TRUE(events[1].extra.empty());
}

TEST(Event, is_no_event_without_type_time_and_all_its_items) {
  for (const char* bad : {"80", "8102", "820200", "a0", "00", "8300004161", "83616100",
                          "830261 6100", "8302f900004161", "83200041 61", "850400000000",
                          "8305 0000", "830600 60", "84090050000102030405060708090a0b0c0d0e0f00"}) {
    std::string hex = bad;
    std::erase(hex, ' ');
    for (Lane lane : {Lane::kFacts, Lane::kOutput, Lane::kInput})
      EXPECT_EQ(refusal(lane, hex).code, Code::kCorrupt) << bad;
  }
}

TEST(Resize, has_numbers_of_sixteen_bits) {
  EXPECT_EQ(events_of(Lane::kFacts, "86040019ffff000000").size(), 1U);
  EXPECT_EQ(refusal(Lane::kFacts, "8604001a00010000000000").code, Code::kCorrupt);
}

TEST(Event, names_what_is_wrong_with_it) {
  EXPECT_EQ(refusal(Lane::kOutput, "8300004161").context, "output event 0: no such type");
  EXPECT_EQ(refusal(Lane::kOutput, "8102").context, "output event 0: too few items");
  EXPECT_EQ(refusal(Lane::kFacts, "850400010203").context, "facts event 0: resize: too few items");
}

TEST(Redaction, tells_its_count_only_rounded) {
  EXPECT_EQ(events_of(Lane::kInput, "8405000010").size(), 1U);
  EXPECT_EQ(refusal(Lane::kInput, "8405000011").code, Code::kCorrupt);
  EXPECT_EQ(refusal(Lane::kInput, "8405000210").code, Code::kCorrupt) << "no such reason";
}

TEST(RedactionDeathTest, is_never_written_with_the_length_of_a_password) {
  EXPECT_DEATH(part_of({{kBase, Redaction{Redaction::Why::kNoEcho, 11}}}), "CHECK");
}

TEST(Start, is_small_when_little_is_known) {
  EXPECT_EQ(to_hex(part_of({{kBase, Start{}}})),
            "830100a46367696400637569640064657569640066706f6c69637966726564616374");
}

TEST(Start, must_have_its_ids_and_its_policy) {
  const auto entries = entries_of(Start{});
  ASSERT_EQ(entries.size(), 4U);
  for (size_t missing = 0; missing < entries.size(); ++missing) {
    auto some = entries;
    some.erase(some.begin() + static_cast<ptrdiff_t>(missing));
    const auto start = decode_lane(Lane::kFacts, kBase, map_event(1, some));
    ASSERT_FALSE(start.has_value());
    EXPECT_NE(start.error().context.find("is missing"), std::string::npos);
  }
}

TEST(Start, spells_out_nothing_that_is_empty) {
  for (const auto& [key, empty] :
       std::vector<std::pair<const char*, const char*>>{{"cwd", "40"},
                                                        {"tty", "40"},
                                                        {"argv", "80"},
                                                        {"boot", "60"},
                                                        {"size", "8400000000"},
                                                        {"groups", "80"}}) {
    auto entries = entries_of(Start{});
    entries.push_back(entry(key, empty));
    std::sort(entries.begin(), entries.end());
    const auto start = decode_lane(Lane::kFacts, kBase, map_event(1, entries));
    ASSERT_FALSE(start.has_value()) << key;
    EXPECT_NE(start.error().context.find("is there, and empty"), std::string::npos)
        << start.error().context;
    EXPECT_NE(start.error().context.find(key), std::string::npos);
  }
}

TEST(Start, keeps_every_byte_the_kernel_gave_and_makes_text_of_its_own_words) {
  Start start;
  start.argv = {std::string("a\0b", 3), "\xff\xfe", ""};
  start.cwd = "/tmp/caf\xe9";
  start.kernel = "6.1\xff";
  const auto events = events_of(Lane::kFacts, part_of({{kBase, start}}));
  start.kernel = "6.1\xef\xbf\xbd";
  EXPECT_EQ(std::get<Start>(events.at(0).body), start);
}

TEST(Start, keeps_entries_of_a_newer_writer_wherever_they_sort) {
  const std::vector<Bytes> newer = {from_hex("0102").value(), entry("aaa", "f6"),
                                    entry("nice", "a101f93e00"), entry("zzzzzzzzzzzz", "00")};
  auto entries = entries_of(full_start());
  entries.insert(entries.end(), newer.begin(), newer.end());
  std::sort(entries.begin(), entries.end());
  const auto events = events_of(Lane::kFacts, map_event(1, entries));
  EXPECT_EQ(events.at(0).body, Body(full_start()));
  Bytes all;
  for (const Bytes& e : newer) all.insert(all.end(), e.begin(), e.end());
  EXPECT_EQ(to_hex(events.at(0).extra), to_hex(all));
}

TEST(Start, refuses_values_that_cannot_be) {
  for (const auto& [key, wrong] :
       std::vector<std::pair<const char*, const char*>>{{"cwd", "6161"},
                                                        {"auid", "1b0000000100000000"},
                                                        {"auid", "20"},
                                                        {"size", "83010203"},
                                                        {"size", "841a0001000001 0101"},
                                                        {"policy", "646d617962"},
                                                        {"policy", "6161"},
                                                        {"argv", "816161"},
                                                        {"groups", "81f4"}}) {
    std::string hex = wrong;
    std::erase(hex, ' ');
    auto entries = entries_of(Start{});
    std::erase_if(entries, [k = entry(key, "")](const Bytes& e) {
      return std::equal(k.begin(), k.end(), e.begin());
    });
    entries.push_back(entry(key, hex));
    std::sort(entries.begin(), entries.end());
    EXPECT_FALSE(decode_lane(Lane::kFacts, kBase, map_event(1, entries)).has_value())
        << key << " " << wrong;
  }
}

TEST(Start, may_not_have_more_groups_than_a_kernel_gives) {
  Start start;
  start.groups.resize(65'536, 1);
  EXPECT_TRUE(decode_lane(Lane::kFacts, kBase, part_of({{kBase, start}})).has_value());
  start.groups.push_back(1);
  EXPECT_EQ(decode_lane(Lane::kFacts, kBase, part_of({{kBase, start}})).error().code, Code::kLimit);
}

TEST(End, says_only_what_happened) {
  EXPECT_EQ(to_hex(part_of({{kBase, End{}}})), "830700a0");
  for (const auto& [key, empty] : std::vector<std::pair<const char*, const char*>>{
           {"in", "00"}, {"rss", "00"}, {"why", "60"}, {"core", "f4"}, {"stime", "00"}}) {
    EXPECT_FALSE(decode_lane(Lane::kFacts, kBase, map_event(7, {entry(key, empty)})).has_value())
        << key;
  }
  EXPECT_EQ(events_of(Lane::kFacts, map_event(7, {entry("exit", "00")})).at(0).body, Body([] {
              End end;
              end.exit_status = 0;
              return end;
            }()));
  EXPECT_FALSE(
      decode_lane(Lane::kFacts, kBase, map_event(7, {entry("exit", "190100")})).has_value());
}

TEST(End, that_counts_no_copies_is_not_one_that_does_not_count) {
  End end;
  end.copied = Copies{};
  const auto part = map_event(7, {entry("copied", "83000000")});
  EXPECT_EQ(to_hex(part_of({{kBase, end}})), to_hex(part));
  EXPECT_EQ(events_of(Lane::kFacts, part).at(0).body, Body(end));
  for (const char* const wrong : {"820000", "8400000000", "83002000", "00"})
    EXPECT_FALSE(
        decode_lane(Lane::kFacts, kBase, map_event(7, {entry("copied", wrong)})).has_value())
        << wrong;
}

TEST(End, never_writes_a_negative_time) {
  End end;
  end.user_time = Micros(-5);
  const auto events =
      events_of(Lane::kFacts, part_of({{kBase, end}, {kBase, Gap{"", 1, 0, Micros(-1)}}}));
  EXPECT_EQ(events.at(0).body, Body(End{}));
  EXPECT_EQ(events.at(1).body, Body(Gap{"", 1, 0, Micros(0)}));
}

TEST(LaneEncoder, counts_from_the_event_before) {
  const auto events = events_of(Lane::kFacts, part_of({{at(5'000'010), Suspend{false}},
                                                       {at(5'000'010), Suspend{true}},
                                                       {at(9'000'000), End{}}}));
  EXPECT_EQ(events.at(0).at, at(5'000'010));
  EXPECT_EQ(events.at(1).at, at(5'000'010));
  EXPECT_EQ(events.at(2).at, at(9'000'000));
}

TEST(LaneEncoder, lets_only_the_first_event_be_earlier_than_the_base) {
  LaneEncoder encoder;
  encoder.begin(kBase);
  encoder.input(at(3'500'000), bytes_of("a"));
  encoder.input(at(3'400'000), bytes_of("b"));
  encoder.input(at(4'000'000), bytes_of("c"));
  const Bytes part = encoder.take();
  const auto events = events_of(Lane::kInput, part);
  EXPECT_EQ(events.at(0).at, at(3'500'000));
  EXPECT_EQ(events.at(1).at, at(3'500'000)) << "a clock that steps back";
  EXPECT_EQ(events.at(2).at, at(4'000'000));
  EXPECT_EQ(refusal(Lane::kInput,
                    "8303004161"
                    "8303204162")
                .code,
            Code::kCorrupt);
}

TEST(LaneEncoder, begins_each_part_anew) {
  LaneEncoder encoder;
  for (int64_t second = 5; second < 8; ++second) {
    encoder.begin(at(second * 1'000'000));
    encoder.output(at(second * 1'000'000 + 1), bytes_of("x"));
    Bytes part = encoder.take();
    EXPECT_EQ(to_hex(part), "8302014178");
    EXPECT_TRUE(encoder.bytes().empty());
    encoder.reuse(std::move(part));
  }
}

TEST(LaneEncoder, keeps_each_output_apart) {
  LaneEncoder encoder;
  encoder.begin(kBase);
  encoder.output(kBase, bytes_of("a"));
  encoder.output(kBase, bytes_of("b"));
  EXPECT_EQ(events_of(Lane::kOutput, encoder.bytes()).size(), 2U);
}

TEST(LaneEncoderDeathTest, loses_no_part) {
  EXPECT_DEATH(
      {
        LaneEncoder encoder;
        encoder.begin(kBase);
        encoder.output(kBase, bytes_of("a"));
        encoder.begin(kBase);
      },
      "CHECK");
}

TEST(LaneDecoder, gives_what_comes_before_the_fault_and_then_the_fault_again_and_again) {
  const Bytes part = from_hex(
                         "8302014161"
                         "8302014162"
                         "8303014163")
                         .value();
  LaneDecoder decoder(Lane::kOutput, kBase, part);
  EXPECT_EQ((*decoder.next())->body, Body(Output{bytes_of("a")}));
  EXPECT_EQ((*decoder.next())->at, at(5'000'002));
  for (int i = 0; i < 2; ++i) {
    const auto fault = decoder.next();
    ASSERT_FALSE(fault.has_value());
    EXPECT_EQ(fault.error().context, "output event 2: input: does not belong in this lane");
  }
}

TEST(LaneDecoder, ends_where_the_part_ends) {
  LaneDecoder decoder(Lane::kOutput, kBase, {});
  EXPECT_EQ(decoder.next().value(), std::nullopt);
  EXPECT_EQ(decoder.next().value(), std::nullopt);
}

TEST(LaneDecoder, refuses_times_beyond_the_clock) {
  EXPECT_EQ(refusal(Lane::kOutput, "83021b7fffffffffffffff40").code, Code::kCorrupt);
  EXPECT_EQ(refusal(Lane::kOutput, "83021bffffffffffffffff40").code, Code::kLimit);
  const Bytes back = from_hex("83023b7fffffffffffffff40").value();
  EXPECT_FALSE(decode_lane(Lane::kOutput, at(-5), back).has_value());
  EXPECT_EQ(decode_lane(Lane::kOutput, at(0), back)->at(0).at, BootTime::min());
}

}  // namespace
}  // namespace stele::event
