// Agents and servers one minor version apart (docs/formats/api.md, "Versions"): the bytes of this
// version, which every later one has to take and to say, and those of a newer one, which this one
// takes. Made from the pages alone.
#include <gtest/gtest.h>

#include "base/hex.h"
#include "segment/manifest.h"
#include "wire/enrolment.h"
#include "wire/heartbeat.h"
#include "wire/segments.h"

namespace stele::wire {
namespace {

constexpr const char* kHeartbeat =
    "73746c6801000000000647484620400000000000d693a40000000000000004d2000000000000000300000000"
    "00000004000000000000000500000000000000060000000000001b5800000000000000630808080808080808"
    "080808080808080808080808080808080808080808080808";
constexpr const char* kHeartbeatWithTerminals =
    "73746c6801000000000647484620400000000000d693a40000000000000004d2000000000000000300000000"
    "00000004000000000000000500000000000000060000000000001b5800000000000000630808080808080808"
    "080808080808080808080808080808080808080808080808000000000000000a000000000000000700000000"
    "00000002";
constexpr const char* kHeartbeatAnswer =
    "0100064748462040000303030303030303030303030303030303030303030303030303030303030303";
constexpr const char* kSegments = "000000030102030000000104";
constexpr const char* kAnswers =
    "01000000000000000701010100000102030405060708090a0b0c0d0e0f000000030000012c07070707070707"
    "070707070707070707070707070707070707070707070707070006474846204000000dbba000064748462f82"
    "4009090909090909090000000002020000000305050505050505050505050505050505050505050505050505"
    "0505050505050500126578706563746564207365676d656e7420330201000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000020300000000000000000000000000000000000000"
    "0000000000000000000000000000000000000002040000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000205000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000020600000000000000000000000000000000000000000000000000000000000000"
    "0000000000000002070000000000000000000000000000000000000000000000000000000000000000000000"
    "0000000208000000000000000000000000000000000000000000000000000000000000000000000000000002"
    "090000000000000000000000000000000000000000000000000000000000000000000000000000020a000000"
    "0000000000000000000000000000000000000000000000000000000000000000000000";
constexpr const char* kNewerAnswers =
    "01000000000000000701010100000102030405060708090a0b0c0d0e0f000000030000012c07070707070707"
    "070707070707070707070707070707070707070707070707070006474846204000000dbba000064748462f82"
    "40090909090909090900000000020b0000000406060606060606060606060606060606060606060606060606"
    "060606060606060010746865206d6f6f6e2069732066756c6c02ff0000000000000000000000000000000000"
    "000000000000000000000000000000000000000000";
constexpr const char* kEnrol =
    "stele-enrol-v1\n"
    "stele-token-v1.00ff\n"
    "0101010101010101010101010101010101010101010101010101010101010101\n"
    "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n"
    "AQID\n"
    "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw==\n";
constexpr const char* kEnrolled =
    "stele-enrolled-v1\n"
    "web01\n"
    "12\n"
    "log+1+AQ==\n"
    "policy+2+AQ==\n"
    "BAU=\n"
    "Bg==\n"
    "BwgJ\n";
constexpr const char* kRenew =
    "stele-renew-v1\n"
    "7\n"
    "0908000000000000\n"
    "AQID\n"
    "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw==\n";
constexpr const char* kRenewed = "stele-renewed-v1\nBAU=\n";

Bytes bytes(const char* hex) { return from_hex(hex).value(); }

Bytes with_more(const char* hex, size_t more) {
  Bytes newer = bytes(hex);
  newer.resize(newer.size() + more, 0xab);
  return newer;
}

TEST(Versions, what_this_one_says_is_what_it_said) {
  for (const char* const said : {kHeartbeat, kHeartbeatWithTerminals})
    EXPECT_EQ(encode(parse_heartbeat(bytes(said)).value()), bytes(said));
  EXPECT_EQ(encode(parse_heartbeat_answer(bytes(kHeartbeatAnswer)).value()),
            bytes(kHeartbeatAnswer));
  const Bytes request = bytes(kSegments);
  Bytes again;
  const auto segments = parse_segments(request).value();
  for (const ByteSpan segment : segments) add_segment(again, segment);
  EXPECT_EQ(again, request);
  EXPECT_EQ(encode(parse_answers(bytes(kAnswers), 11).value()), bytes(kAnswers));
  EXPECT_EQ(encode(parse_enrolment_request(kEnrol).value()), kEnrol);
  EXPECT_EQ(encode(parse_enrolment(kEnrolled).value()), kEnrolled);
  EXPECT_EQ(encode(parse_renewal_request(kRenew).value()), kRenew);
  EXPECT_EQ(encode(parse_renewal(kRenewed).value()), kRenewed);
}

TEST(Versions, and_means_what_it_meant) {
  const auto heartbeat = parse_heartbeat(bytes(kHeartbeat)).value();
  EXPECT_EQ(heartbeat.sessions, 1234U);
  EXPECT_FALSE(heartbeat.terminals.has_value());
  EXPECT_EQ(heartbeat.waiting_bytes, 7000U);
  EXPECT_EQ(heartbeat.checkpoint_root, [] {
    Hash h;
    h.fill(8);
    return h;
  }());
  const auto answers = parse_answers(bytes(kAnswers), 11).value();
  EXPECT_EQ(std::get<Accepted>(answers[0]).leaf.sequence, 3U);
  EXPECT_EQ(std::get<Refused>(answers[1]).code, Refusal::kOutOfOrder);
  EXPECT_EQ(std::get<Refused>(answers[1]).next, 3U);
  EXPECT_EQ(std::get<Refused>(answers[10]).code, Refusal::kUnsupported);
  EXPECT_EQ(parse_enrolment(kEnrolled)->epoch, 12U);
}

TEST(Versions, a_newer_heartbeat_and_a_newer_answer_say_more_and_are_understood) {
  for (const size_t more : {size_t{1}, size_t{16}, kHeartbeatBytesMax - kHeartbeatBytes}) {
    EXPECT_EQ(parse_heartbeat(with_more(kHeartbeatWithTerminals, more)).value(),
              parse_heartbeat(bytes(kHeartbeatWithTerminals)).value());
    EXPECT_EQ(parse_heartbeat_answer(with_more(kHeartbeatAnswer, more)).value(),
              parse_heartbeat_answer(bytes(kHeartbeatAnswer)).value());
  }
  EXPECT_EQ(parse_heartbeat(bytes(kHeartbeatWithTerminals))->terminals, (Terminals{10, 7, 2}));
  EXPECT_EQ(parse_heartbeat(with_more(kHeartbeat, kHeartbeatBytesMax)).error().code, Code::kLimit);
  EXPECT_EQ(parse_heartbeat_answer(with_more(kHeartbeatAnswer, kHeartbeatBytesMax)).error().code,
            Code::kLimit);
}

TEST(Versions, a_refusal_that_is_newer_takes_nothing_from_the_other_answers) {
  const auto answers = parse_answers(bytes(kNewerAnswers), 3).value();
  EXPECT_EQ(answers[0], parse_answers(bytes(kAnswers), 11)->front());
  const auto& newer = std::get<Refused>(answers[1]);
  EXPECT_EQ(static_cast<int>(newer.code), 11);
  EXPECT_EQ(newer.reason, "the moon is full");
  EXPECT_EQ(refusal_name(newer.code), "for a reason newer than this agent");
  EXPECT_EQ(refusal_name(Refusal::kUnsupported), "unsupported version");
}

TEST(Versions, what_is_signed_is_told_to_be_newer_and_never_half_read) {
  Bytes segment(20);
  for (size_t i = 0; i < 4; ++i) segment[i] = static_cast<uint8_t>("stls"[i]);
  segment[4] = 2;
  EXPECT_EQ(segment::parse_segment(segment).error().code, Code::kUnsupported);
  segment[4] = 1;
  EXPECT_EQ(segment::parse_segment(segment).error().code, Code::kCorrupt);
  const Bytes manifest = {0xa2, 0x01, 0x02, 0x18, 0x63, 0xf6};  // {1: 2, 99: null}
  EXPECT_EQ(segment::parse_manifest(manifest).error().code, Code::kUnsupported);
}

}  // namespace
}  // namespace stele::wire
