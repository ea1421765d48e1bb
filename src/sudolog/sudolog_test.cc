#include <gtest/gtest.h>

#include <csignal>

#include "sudolog/facts.h"
#include "sudolog/progress.h"
#include "sudolog/test_client.h"

namespace stele::sudolog {
namespace {

using std::chrono::seconds;

Decision accepted() {
  return {.kind = Decision::Kind::kAccept,
          .at = seconds(1'700'000'000),
          .infos = {{"submituser", std::string("jane")},
                    {"runuser", std::string("root")},
                    {"runuid", int64_t{0}},
                    {"command", std::string("/bin/sh")},
                    {"runargv", std::vector<std::string>{"sh", "-c", "\xff"}},
                    {"rungids", std::vector<int64_t>{0, 4, -1}},
                    {"lines", int64_t{24}},
                    {"columns", int64_t{80}}},
          .expects_data = true};
}

std::vector<ClientMessage> all_messages() {
  return {Hello{"sudoers 1.9.13p3"},
          accepted(),
          Decision{.kind = Decision::Kind::kReject, .reason = "no"},
          Decision{.kind = Decision::Kind::kAlert, .reason = "oh", .infos = {{"command", "x"}}},
          Exit{seconds(3), 255, true, "SEGV", "gone"},
          Restart{"a-log", seconds(2)},
          Data{Data::Way::kTtyIn, Nanos(7), {0, 0xff}},
          Data{Data::Way::kError, seconds(9), {}},
          WindowSize{Nanos(1), 25, 65535},
          Suspend{Nanos(2), "TSTP"}};
}

TEST(SudoLog, EveryMessageIsReadAsItWasWritten) {
  for (const ClientMessage& each : all_messages()) {
    const auto read = parse_client_message(encode_client(each));
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(*read, each);
  }
}

TEST(SudoLog, AMessageThatIsCutIsNone) {
  for (const ClientMessage& each : all_messages()) {
    const Bytes whole = encode_client(each);
    for (size_t size = 0; size < whole.size(); ++size)
      EXPECT_FALSE(parse_client_message(ByteSpan(whole).first(size)));
  }
}

TEST(SudoLog, WhatStandsTwiceOrIsOfAnotherKindIsRefused) {
  Bytes twice = encode_client(Hello{"a"});
  const Bytes once = twice;
  twice.insert(twice.end(), once.begin(), once.end());
  EXPECT_EQ(parse_client_message(twice).error().code, Code::kCorrupt);
  FieldWriter newer;
  newer.bytes(99, {});
  EXPECT_EQ(parse_client_message(newer.take()).error().code, Code::kUnsupported);
  FieldWriter time, data, message;
  time.varint(1, static_cast<uint64_t>(-1));  // time that goes backwards
  data.bytes(1, time.take());
  message.bytes(7, data.take());
  EXPECT_EQ(parse_client_message(message.take()).error().code, Code::kCorrupt);
}

TEST(SudoLog, UnknownMembersArePassedOver) {
  FieldWriter hello, message;
  hello.varint(77, 1);
  hello.bytes(1, as_bytes("sudo"));
  hello.bytes(78, as_bytes("newer"));
  message.bytes(13, hello.take());
  EXPECT_EQ(*parse_client_message(message.take()), ClientMessage(Hello{"sudo"}));
}

TEST(SudoLog, FramesComeInPiecesAndHaveABound) {
  Frames frames;
  const Bytes stream = {0, 0, 0, 1, 'a', 0, 0, 0, 2, 'b', 'c', 0};
  std::vector<Bytes> got;
  for (const uint8_t byte : stream) {
    frames.add({&byte, 1});
    const auto next = frames.next();
    ASSERT_TRUE(next);
    if (*next) got.push_back(**next);
  }
  EXPECT_EQ(got, (std::vector<Bytes>{{'a'}, {'b', 'c'}}));
  Frames large;
  large.add(Bytes{0, 0x20, 0, 1});
  EXPECT_EQ(large.next().error().code, Code::kLimit);
  Frames empty;
  empty.add(Bytes{0, 0, 0, 0});
  EXPECT_EQ(empty.next().error().code, Code::kCorrupt);
}

TEST(SudoLog, FactsAreWhatSudoSaid) {
  const Facts facts = facts_of(accepted(), false);
  EXPECT_EQ(facts.sudo.what, event::Sudo::What::kAccept);
  EXPECT_EQ(facts.sudo.by, "jane");
  EXPECT_EQ(facts.sudo.as, "root");
  EXPECT_EQ(facts.sudo.as_uid, 0U);
  EXPECT_EQ(facts.sudo.argv.back(), "\xff");
  EXPECT_EQ(facts.size, (event::WindowSize{24, 80, 0, 0}));
  EXPECT_TRUE(facts.cut.empty());
  EXPECT_EQ(facts_of(accepted(), true).sudo.what, event::Sudo::What::kCommand);
}

TEST(SudoLog, WhatIsTooLongIsCutAndSaid) {
  Decision decision = accepted();
  decision.infos[4].value = std::vector<std::string>(kArgumentsMax + 1, "x");
  decision.infos[3].value = std::string(kFactBytesMax + 1, 'x');
  const Facts facts = facts_of(decision, false);
  EXPECT_EQ(facts.sudo.argv.size(), kArgumentsMax);
  EXPECT_EQ(facts.cut, (std::vector<std::string>{"command", "runargv"}));
}

TEST(SudoLog, AnEndHasAStatusOrASignal) {
  EXPECT_EQ(end_of({.status = 7})->exit_status, 7);
  EXPECT_EQ(end_of({.signal = "KILL"})->signal, SIGKILL);
  EXPECT_EQ(end_of({.signal = "NOSUCH"})->why, "signal NOSUCH");
  EXPECT_FALSE(end_of({.status = 256}));
}

TEST(Progress, OnlyWhatIsDurableIsCommitted) {
  Progress progress;
  progress.take(seconds(1));
  progress.settle({.messages = 4});
  progress.take(seconds(1));
  progress.settle({.messages = 5});
  EXPECT_FALSE(progress.commit(3));
  EXPECT_EQ(progress.commit(4)->elapsed, seconds(1));
  EXPECT_FALSE(progress.commit(4));
  EXPECT_EQ(progress.commit(9)->elapsed, seconds(2));
}

TEST(Progress, WhatIsHeldBackIsNotCommitted) {
  Progress progress;
  progress.take(seconds(1));  // typed, and not decided yet
  progress.take(seconds(1));
  EXPECT_FALSE(progress.commit(100));
  progress.settle({.messages = 6});
  EXPECT_EQ(progress.commit(6)->elapsed, seconds(2));
}

TEST(Progress, ManyRecordsTakeNoRoom) {
  Progress progress;
  for (uint64_t i = 1; i <= 100'000; ++i) {
    progress.take(Nanos(1));
    progress.settle({.messages = i});
  }
  EXPECT_EQ(progress.commit(100'000)->elapsed, Nanos(100'000));
}

}  // namespace
}  // namespace stele::sudolog
