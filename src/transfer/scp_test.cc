// scp's own protocol, at both ends of it.
#include <gtest/gtest.h>

#include "crypto/sha256.h"
#include "transfer/test_packets.h"

namespace stele::transfer {
namespace {

using event::Piped;
using What = event::Transfer::What;
using namespace std::string_literals;

class ScpTest : public testing::Test {
 protected:
  void sender(std::string_view bytes) {
    say(to_host_ ? Piped::Pipe::kInput : Piped::Pipe::kOutput, bytes);
  }
  void receiver(std::string_view bytes) {
    say(to_host_ ? Piped::Pipe::kOutput : Piped::Pipe::kInput, bytes);
  }
  void good() { receiver("\0"s); }
  void use(bool to_host) {
    to_host_ = to_host;
    follower_ = follow_scp(to_host);
    seen = {};
  }
  bool is_lost() const {
    return !seen.transfers.empty() && seen.transfers.back().what == What::kLost;
  }
  Seen seen;

 private:
  void say(Piped::Pipe pipe, std::string_view bytes) {
    seen.add(follower_->take(pipe, as_bytes(bytes)));
  }

 public:
  bool to_host_ = true;
  std::unique_ptr<Follower> follower_ = follow_scp(true);
};

TEST_F(ScpTest, a_tree_is_told_file_by_file_with_what_it_holds) {
  for (const bool to_host : {true, false}) {
    use(to_host);
    good();
    for (const char* const line : {"T1700000000 0 1700000000 0\n", "D0755 0 tree\n"}) {
      sender(line);
      good();
    }
    sender("C0640 5 notes\n");
    good();
    sender("hel");
    sender("lo"s + '\0');
    good();
    sender("C0600 0 empty\n");
    good();
    sender("\0"s);
    good();
    sender("E\n");
    good();
    EXPECT_TRUE(follower_->finish().empty());
    ASSERT_EQ(seen.transfers.size(), 2U);
    const event::Transfer& notes = seen.transfers[0];
    EXPECT_EQ(notes.what, to_host ? What::kToHost : What::kFromHost);
    EXPECT_EQ(notes.protocol, "scp");
    EXPECT_EQ(notes.name, "tree/notes");
    EXPECT_EQ(notes.bytes, 5U);
    EXPECT_EQ(notes.mode, 0640U);
    EXPECT_EQ(notes.hash, crypto::sha256(as_bytes("hello")));
    EXPECT_EQ(seen.transfers[1].hash, crypto::sha256(ByteSpan{}));
    EXPECT_EQ(
        to_host ? seen.input : seen.output,
        "T1700000000 0 1700000000 0\nD0755 0 tree\nC0640 5 notes\n#####\0C0600 0 empty\n\0E\n"s);
  }
}

TEST_F(ScpTest, what_either_end_could_not_do_is_told) {
  good();
  sender("\1scp: x: No such file or directory\n");
  sender("C0644 5 refused\n");
  receiver("\1scp: refused: Permission denied\n");
  sender("C0644 2 unread\n");
  good();
  sender("ab\1scp: unread: Input/output error\n");
  good();
  sender("C0644 2 unwritten\n");
  good();
  sender("ab\0"s);
  receiver("\1scp: unwritten: No space left on device\n");
  sender("C0644 9 cut\n");
  good();
  sender("ab");
  seen.add(follower_->finish());
  ASSERT_EQ(seen.transfers.size(), 4U);
  for (const auto& each : seen.transfers) EXPECT_FALSE(each.hash);
  EXPECT_EQ(seen.transfers[0].why, "refused");
  EXPECT_EQ(seen.transfers[1].why, "the sender could not read all of it");
  EXPECT_EQ(seen.transfers[2].why, "the receiver could not write it");
  EXPECT_EQ(seen.transfers[3].why, "the session ended");
  EXPECT_EQ(seen.transfers[3].bytes, 2U);
}

TEST_F(ScpTest, whoever_speaks_out_of_turn_or_otherwise_is_kept_whole_from_there) {
  for (const std::string& first :
       {"C0644 5 x\nhello"s, "C0644 5 a/b\n"s, "C0644 5 ..\n"s, "Cx 5 b\n"s, "C0644 -5 b\n"s,
        "E\n"s, "ls\n"s, "\n"s, "\0"s, std::string(5000, 'C')}) {
    use(true);
    good();
    sender(first);
    sender("echo more\n");
    EXPECT_TRUE(is_lost()) << first;
    EXPECT_EQ(seen.input, first + "echo more\n");
  }
  use(true);
  receiver("$ ");
  receiver("\n");
  sender("C0644 5 x\n");
  EXPECT_TRUE(is_lost());
  EXPECT_EQ(seen.output, "$ \n");
}

}  // namespace
}  // namespace stele::transfer
