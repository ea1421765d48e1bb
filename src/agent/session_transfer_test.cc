// Copies that the agent follows: what stands in the record for what a recorder sent.
#include "agent/test_session_host.h"
#include "crypto/sha256.h"
#include "transfer/test_packets.h"

namespace stele::agent {
namespace {

using event::Piped;
using transfer::Packet;
using transfer::Sftp;
using What = event::Transfer::What;

class SessionTransferTest : public SessionHostTest {
 protected:
  static wire::Hello sftp() {
    wire::Hello asks = hello();
    asks.program = wire::Program::kSftpServer;
    return asks;
  }
  wire::Terms begin(SessionHost& host, const wire::Hello& asks) {
    EXPECT_TRUE(host.receive(*wire::encode(asks)));
    return std::get<wire::Welcome>(reply(host)).terms;
  }
  Status say(SessionHost& host, Piped::Pipe pipe, const Bytes& bytes) {
    const Piped piped{pipe, bytes};
    return host.receive(*wire::encode_event(next_++, event::at(5), piped.lane(), piped));
  }
  /// Up to where a file's content is on its way.
  void put(SessionHost& host) {
    EXPECT_TRUE(say(host, Piped::Pipe::kInput, Packet(Sftp::kInit).u32(3)));
    EXPECT_TRUE(say(host, Piped::Pipe::kOutput, Packet(Sftp::kVersion).u32(3)));
    EXPECT_TRUE(say(host, Piped::Pipe::kInput, Packet(Sftp::kOpen, 1).text("a").u32(0x1a).u32(0)));
    EXPECT_TRUE(say(host, Piped::Pipe::kOutput, Packet(Sftp::kHandle, 1).text("h")));
    EXPECT_TRUE(
        say(host, Piped::Pipe::kInput, Packet(Sftp::kWrite, 2).text("h").u64(0).text("content")));
  }
  template <typename Body>
  std::vector<Body> stood() {
    std::vector<Body> all;
    for (const event::Event& each : sessions.only().stood)
      if (const auto* body = std::get_if<Body>(&each.body)) all.push_back(*body);
    return all;
  }
  std::optional<event::Copies> copied() {
    return std::get<event::End>(sessions.only().events.back().body).copied;
  }
  uint64_t next_ = 2;
};

TEST_F(SessionTransferTest, content_is_elided_where_the_program_is_known) {
  auto to = host();
  EXPECT_TRUE(begin(*to, sftp()).digests);
  put(*to);
  const auto elided = stood<event::Elided>();
  ASSERT_EQ(elided.size(), 1U);
  EXPECT_EQ(elided[0].hash, crypto::sha256(as_bytes("content")));
  EXPECT_EQ(elided[0].pipe, Piped::Pipe::kInput);
  EXPECT_TRUE(to->receive(end_of(next_)));
  ASSERT_EQ(sessions.only().transfers.size(), 1U);
  EXPECT_EQ(sessions.only().transfers[0].why, "the session ended");
  EXPECT_EQ(copied(), (event::Copies{1, 0, 7}));
}

TEST_F(SessionTransferTest, the_end_counts_what_was_copied) {
  auto to = host();
  begin(*to, sftp());
  put(*to);
  EXPECT_TRUE(say(*to, Piped::Pipe::kOutput, Packet(Sftp::kStatus, 2).u32(0).text("").text("")));
  EXPECT_TRUE(say(*to, Piped::Pipe::kInput, Packet(Sftp::kClose, 3).text("h")));
  EXPECT_TRUE(say(*to, Piped::Pipe::kOutput, Packet(Sftp::kStatus, 3).u32(0).text("").text("")));
  ASSERT_EQ(stood<event::Transfer>().size(), 1U);
  EXPECT_TRUE(to->receive(end_of(next_)));
  EXPECT_EQ(copied(), (event::Copies{1, 0, 7}));
}

TEST_F(SessionTransferTest,
       of_what_was_not_followed_nothing_is_counted_whatever_its_recorder_says) {
  auto to = host();
  begin(*to, hello());
  event::End claims;
  claims.copied = event::Copies{9, 9, 9};
  EXPECT_TRUE(to->receive(*wire::encode_event(next_, event::at(5), event::Lane::kFacts, claims)));
  EXPECT_EQ(copied(), std::nullopt);
}

TEST_F(SessionTransferTest, once_the_protocol_is_lost_nothing_is_counted) {
  auto to = host();
  begin(*to, sftp());
  put(*to);
  EXPECT_TRUE(say(*to, Piped::Pipe::kInput, Bytes(9, 0xff)));
  ASSERT_EQ(stood<event::Transfer>().back().what, What::kLost);
  EXPECT_TRUE(to->receive(end_of(next_)));
  EXPECT_EQ(copied(), std::nullopt);
}

TEST_F(SessionTransferTest, and_nowhere_else) {
  EXPECT_FALSE(begin(*host(), hello()).digests);
  wire::Hello less = sftp();
  less.input_policy = event::InputPolicy::kNone;
  sessions.sessions.clear();
  EXPECT_FALSE(begin(*host(), less).digests) << "of what is not kept nothing can be followed";
  policy.terms.keeps_output = false;
  sessions.sessions.clear();
  EXPECT_FALSE(begin(*host(), sftp()).digests);
  policy.terms.keeps_output = true;
  policy.terms.transfers_whole = true;
  sessions.sessions.clear();
  auto to = host();
  EXPECT_FALSE(begin(*to, sftp()).digests);
  put(*to);
  EXPECT_TRUE(sessions.only().stood.empty());
  EXPECT_EQ(sessions.only().events.size(), 5U);
}

TEST_F(SessionTransferTest, an_agent_that_comes_later_keeps_all_and_says_so) {
  auto before = host();
  begin(*before, sftp());
  put(*before);
  sessions.make_durable(4);
  const StreamId id = sessions.sessions.begin()->first;
  before.reset();
  const size_t stood_before = sessions.only().stood.size();
  auto after = host();
  ASSERT_TRUE(after->receive(wire::encode(wire::Resume{id, 5})));
  next_ = 5;
  EXPECT_TRUE(say(*after, Piped::Pipe::kInput, Packet(Sftp::kWrite, 2).text("h").u64(0).text("x")));
  EXPECT_EQ(sessions.only().stood.size(), stood_before);
  EXPECT_TRUE(std::holds_alternative<Piped>(sessions.only().events.back().body));
  ASSERT_EQ(sessions.only().transfers.size(), 1U);
  EXPECT_EQ(sessions.only().transfers[0].what, What::kLost);
  EXPECT_TRUE(after->receive(end_of(next_)));
  EXPECT_EQ(copied(), std::nullopt) << "what was before, it does not know";
}

TEST_F(SessionTransferTest, what_is_missing_ends_the_following) {
  auto to = host();
  begin(*to, sftp());
  put(*to);
  const event::Gap gap{"the agent is away", 0, 7, Micros(5)};
  EXPECT_TRUE(to->receive(*wire::encode_event(next_++, event::at(5), event::Lane::kFacts, gap)));
  const auto& told = sessions.only().transfers;
  ASSERT_EQ(told.size(), 2U) << "the file, and that its place is lost";
  EXPECT_EQ(told.back().what, What::kLost);
  EXPECT_TRUE(to->receive(end_of(next_)));
  EXPECT_EQ(copied(), std::nullopt);
}

}  // namespace
}  // namespace stele::agent
