// SFTP as OpenSSH's client and server speak it, and as nobody should.
#include <gtest/gtest.h>

#include <functional>

#include "crypto/sha256.h"
#include "transfer/test_packets.h"

namespace stele::transfer {
namespace {

using event::Piped;
using What = event::Transfer::What;

constexpr uint32_t kReads = 1, kWrites = 2, kAppends = 4, kCreates = 8, kTruncates = 16;

class SftpTest : public testing::Test {
 protected:
  SftpTest() { begin(); }

  void begin() {
    follower = follow_sftp();
    seen = {};
    input.clear();
    output.clear();
    ask(Packet(Sftp::kInit).u32(3));
    answer(Packet(Sftp::kVersion).u32(3).text("limits@openssh.com").text("1"));
  }
  void ask(const Bytes& packet) {
    seen.add(follower->take(Piped::Pipe::kInput, packet));
    input += as_text(packet);
  }
  void answer(const Bytes& packet) {
    seen.add(follower->take(Piped::Pipe::kOutput, packet));
    output += as_text(packet);
  }
  void status(uint32_t id, uint32_t code = 0) {
    answer(Packet(Sftp::kStatus, id).u32(code).text("").text(""));
  }
  void open(const std::string& name, uint32_t flags, const std::string& handle) {
    ask(Packet(Sftp::kOpen, 1).text(name).u32(flags).u32(0));
    answer(Packet(Sftp::kHandle, 1).text(handle));
  }
  static Packet write(uint32_t id, const std::string& handle, uint64_t at, std::string_view text) {
    return Packet(Sftp::kWrite, id).text(handle).u64(at).text(text);
  }
  static Packet read(uint32_t id, const std::string& handle, uint64_t at, uint32_t length) {
    return Packet(Sftp::kRead, id).text(handle).u64(at).u32(length);
  }
  void close(const std::string& handle, uint32_t code = 0) {
    ask(Packet(Sftp::kClose, 99).text(handle));
    status(99, code);
  }
  const event::Transfer& only() {
    EXPECT_EQ(seen.transfers.size(), 1U);
    static const event::Transfer none;
    return seen.transfers.empty() ? none : seen.transfers.front();
  }
  bool is_lost() const {
    return !seen.transfers.empty() && seen.transfers.back().what == What::kLost;
  }
  bool is_whole() const { return seen.input == input && seen.output == output; }

  std::unique_ptr<Follower> follower;
  Seen seen;
  std::string input, output;  // all that was said
};

TEST_F(SftpTest, a_file_that_is_put_has_the_digest_of_its_content_and_the_content_is_not_kept) {
  open("there/n\xe9", kWrites | kCreates | kTruncates, "h");
  ask(write(2, "h", 0, "hello "));
  ask(write(3, "h", 6, "world"));
  status(2);
  status(3);
  close("h");
  EXPECT_EQ(only().what, What::kToHost);
  EXPECT_EQ(only().protocol, "sftp");
  EXPECT_EQ(only().name, "there/n\xe9");
  EXPECT_EQ(only().bytes, 11U);
  EXPECT_EQ(only().hash, crypto::sha256(as_bytes("hello world")));
  EXPECT_EQ(seen.input.size(), input.size());
  EXPECT_EQ(seen.input.find("hello"), std::string::npos);
  EXPECT_NE(seen.input.find("######"), std::string::npos);
  EXPECT_EQ(seen.output, output);
}

TEST_F(SftpTest, bytes_may_come_in_any_pieces) {
  open("a", kWrites | kTruncates, "h");
  const Bytes packet = write(2, "h", 0, "some content");
  const std::string before = seen.input;
  for (const uint8_t byte : packet) seen.add(follower->take(Piped::Pipe::kInput, {&byte, 1}));
  EXPECT_EQ(seen.input, before + std::string(as_text(packet)).substr(0, packet.size() - 12) +
                            std::string(12, '#'));
  status(2);
  close("h");
  EXPECT_EQ(only().hash, crypto::sha256(as_bytes("some content")));
}

TEST_F(SftpTest, a_digest_is_of_the_file_up_to_there_or_of_its_piece_alone) {
  open("a", kWrites | kTruncates, "h");
  open("b", kWrites | kTruncates, "i");
  ask(write(2, "h", 0, "ab"));
  ask(write(3, "i", 0, "xyz"));
  ask(write(4, "h", 2, "cd"));
  ask(write(5, "i", 9, "not in order"));
  ask(write(6, "i", 3, "late"));
  using Way = Piped::Pipe;
  const auto of = [](std::string_view text) { return crypto::sha256(as_bytes(text)); };
  EXPECT_EQ(seen.elided, (std::vector<event::Elided>{{Way::kInput, 2, 0, of("ab")},
                                                     {Way::kInput, 3, 0, of("xyz")},
                                                     {Way::kInput, 2, 2, of("abcd")},
                                                     {Way::kInput, 12, 0, of("not in order")},
                                                     {Way::kInput, 4, 0, of("late")}}));
}

TEST_F(SftpTest, scp_completes_a_file_by_its_size) {
  open("a", kWrites | kCreates, "h");
  ask(write(2, "h", 0, "content"));
  status(2);
  ask(Packet(Sftp::kFsetstat, 3).text("h").u32(1).u64(7));
  status(3);
  ask(Packet(Sftp::kFsetstat, 4).text("h").u32(4).u32(0600));
  status(4);
  close("h");
  EXPECT_EQ(only().hash, crypto::sha256(as_bytes("content")));
  EXPECT_EQ(only().mode, 0600U);
}

TEST_F(SftpTest, a_file_that_is_fetched_is_whole_when_its_end_was_seen) {
  open("a", kReads, "h");
  for (uint32_t i = 0; i < 3; ++i) ask(read(2 + i, "h", uint64_t{4} * i, 4));
  answer(Packet(Sftp::kData, 2).text("abcd"));
  answer(Packet(Sftp::kData, 3).text("ef"));
  status(4, 1);
  ask(read(5, "h", 6, 2));
  status(5, 1);
  close("h");
  EXPECT_EQ(only().what, What::kFromHost);
  EXPECT_EQ(only().bytes, 6U);
  EXPECT_EQ(only().hash, crypto::sha256(as_bytes("abcdef")));
  EXPECT_EQ(seen.output.find("abcd"), std::string::npos);
  EXPECT_EQ(seen.input, input);
}

TEST_F(SftpTest, what_is_not_whole_or_not_in_order_has_no_digest_and_says_why) {
  const auto put = [&](uint32_t flags, uint64_t at, uint32_t code) {
    begin();
    open("a", flags, "h");
    ask(write(2, "h", at, "content"));
    status(2, code);
    close("h");
    EXPECT_FALSE(only().hash);
    return only().why;
  };
  EXPECT_EQ(put(kWrites, 0, 0), "not the whole file");
  EXPECT_EQ(put(kWrites | kTruncates, 7, 0), "not in order");
  EXPECT_EQ(put(kWrites | kTruncates, 0, 4), "a write failed");
  begin();
  open("a", kReads, "h");
  ask(read(2, "h", 0, 7));
  answer(Packet(Sftp::kData, 2).text("content"));
  close("h");
  EXPECT_EQ(only().why, "not the whole file");
  EXPECT_EQ(only().bytes, 7U);
  begin();
  open("a", kWrites | kTruncates, "h");
  ask(write(2, "h", 0, "content"));
  seen.add(follower->finish());
  EXPECT_EQ(only().why, "the session ended");
}

TEST_F(SftpTest, what_is_appended_is_kept_for_it_may_go_into_a_pipe) {
  open("fifo", kWrites | kAppends, "h");
  ask(write(2, "h", 0, "id; who\n"));
  status(2);
  close("h");
  EXPECT_EQ(only().why, "appended");
  EXPECT_TRUE(is_whole());
}

TEST_F(SftpTest, what_it_changes_by_name_is_told_when_it_is_answered) {
  ask(Packet(Sftp::kRemove, 2).text("a"));
  ask(Packet(Sftp::kRename, 3).text("a").text("b"));
  ask(Packet(Sftp::kSymlink, 4).text("/etc/passwd").text("link"));
  ask(Packet(Sftp::kMkdir, 5).text("d").u32(4).u32(0700));
  ask(Packet(Sftp::kRmdir, 6).text("d"));
  ask(Packet(Sftp::kSetstat, 7).text("a").u32(2).u32(0).u32(5));
  ask(Packet(Sftp::kExtended, 8).text("posix-rename@openssh.com").text("c").text("d"));
  ask(Packet(Sftp::kExtended, 9).text("hardlink@openssh.com").text("old").text("new"));
  ask(Packet(Sftp::kExtended, 10).text("statvfs@openssh.com").text("/"));
  ask(Packet(Sftp::kOpen, 11).text("/etc/shadow").u32(kReads).u32(0));
  EXPECT_TRUE(seen.transfers.empty());
  for (uint32_t id = 2; id < 10; ++id) status(id, id == 2 ? 3 : 0);
  answer(Packet(Sftp::kExtendedReply, 10).u64(0));
  status(11, 3);
  std::string told;
  for (const event::Transfer& each : seen.transfers) {
    told += std::string(transfer_name(each.what)) + " " + each.name + " " + each.to + " " +
            std::to_string(each.error) + each.why + "\n";
  }
  EXPECT_EQ(told,
            "remove a  3refused\nrename a b 0\nsymlink link /etc/passwd 0\nmake-directory d  0\n"
            "remove-directory d  0\nset-attributes a  0\nrename c d 0\nlink new old 0\n"
            "from-host /etc/shadow  3refused\n");
  EXPECT_EQ(seen.transfers[3].mode, 0700U);
  EXPECT_EQ(seen.transfers[5].uid, 0U);
  EXPECT_EQ(seen.transfers[5].gid, 5U);
  EXPECT_TRUE(is_whole());
}

TEST_F(SftpTest, what_is_not_the_protocol_is_kept_whole_from_there_and_files_under_way_are_told) {
  const std::vector<std::function<void()>> tricks = {
      [&] { ask({'l', 's', '\n', '\n'}); },
      [&] { ask(Packet(Sftp::kInit, 3)); },
      [&] { ask(Packet(static_cast<Sftp>(77), 3).text("x")); },
      [&] { ask(Packet(Sftp::kRemove, 3).text("x").u32(1)); },
      [&] { ask(Packet(Sftp::kRemove, 3).u32(9).raw("x")); },
      [&] { ask(Packet(Sftp::kRemove, 3).text(std::string(5000, 'x'))); },
      [&] { ask(write(3, "no such handle", 0, "x")); },
      [&] { ask(write(3, std::string(300, 'h'), 0, "x")); },
      [&] { ask(write(3, "h", 0, "x").raw("y")); },
      [&] { ask(read(3, "h", UINT64_MAX, 7)); },
      [&] { ask(Packet(Sftp::kClose, 3).text("h")), ask(write(4, "h", 0, "x")); },
      [&] { ask(Packet(Sftp::kStat, 3).text("a")), ask(Packet(Sftp::kStat, 3).text("a")); },
      [&] { status(3); },
      [&] { answer(Packet(Sftp::kData, 3).text("x")); },
      [&] { ask(read(3, "h", 0, 1)), answer(Packet(Sftp::kData, 3).text("xy")); },
      [&] { ask(Packet(Sftp::kStat, 3).text("a")), answer(Packet(Sftp::kHandle, 3).text("g")); },
      [&] { ask(Packet(Sftp::kOpendir, 3).text("a")), answer(Packet(Sftp::kHandle, 3).text("h")); },
      [&] { ask({0xff, 0xff, 0xff, 0xff, 6}); },
  };
  for (size_t i = 0; i < tricks.size(); ++i) {
    begin();
    open("a", kReads | kWrites | kTruncates, "h");
    tricks[i]();
    ASSERT_TRUE(is_lost()) << i;
    ASSERT_EQ(seen.transfers.front().name, "a") << i;
    EXPECT_TRUE(seen.transfers.front().why.starts_with("lost")) << i;
    const size_t told = seen.transfers.size();
    ask(write(50, "h", 0, "echo all of it"));
    answer(Packet(Sftp::kData, 51).text("and this"));
    EXPECT_TRUE(is_whole()) << i;
    EXPECT_EQ(seen.transfers.size(), told);
    EXPECT_TRUE(follower->finish().empty());
  }
}

TEST_F(SftpTest, what_begins_otherwise_is_kept_whole) {
  follower = follow_sftp();
  seen = {};
  input.clear();
  ask(Packet(Sftp::kOpen, 1).text("a").u32(kWrites).u32(0));
  EXPECT_TRUE(is_lost());
  follower = follow_sftp();
  seen = {};
  output.clear();
  answer(Packet(Sftp::kVersion).u32(3));
  EXPECT_TRUE(is_lost());
}

TEST_F(SftpTest, too_much_under_way_is_not_followed) {
  for (uint32_t id = 0; id <= kSftpRequestsMax && !is_lost(); ++id)
    ask(Packet(Sftp::kStat, id).text("a"));
  EXPECT_TRUE(is_lost());
  begin();
  for (uint32_t i = 0; i <= kSftpFilesMax && !is_lost(); ++i)
    open("a", kReads, "h" + std::to_string(i));
  EXPECT_TRUE(is_lost());
  begin();
  for (uint32_t id = 0; id < 100 && !is_lost(); ++id)
    ask(Packet(Sftp::kRemove, id).text(std::string(4000, 'x')));
  EXPECT_TRUE(is_lost());
}

}  // namespace
}  // namespace stele::transfer
