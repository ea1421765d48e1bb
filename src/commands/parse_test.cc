#include "commands/parse.h"

#include <gtest/gtest.h>

#include <cstring>

#include "commands/kernel_record.h"

namespace stele::commands {
namespace {

std::string terminal(uint32_t number) { return "terminal " + std::to_string(number); }

/// A record as the kernel's programs make it.
class ParseRecord : public testing::Test {
 protected:
  ParseRecord() {
    record_.kind = kKernelExec;
    record_.pid = 12;
    record_.parent = 11;
    record_.session = 7;
    record_.boot_ns = 5'000'999;
    record_.before = record_.now = {1000, 1000, 100, 100, 0};
    record_.login_uid = record_.audit_session = UINT32_MAX;
    set_file("/bin/ls");
    set_directory(std::string_view("ada\0home\0", 9));
    set_argv(std::string_view("ls\0\0-l\0", 7));
  }
  void set_file(std::string_view file) { std::memcpy(record_.file, file.data(), file.size()); }
  void set_directory(std::string_view names) {
    std::memcpy(record_.directory, names.data(), names.size());
    record_.directory_bytes = static_cast<uint32_t>(names.size());
  }
  void set_argv(std::string_view argv) {
    std::memcpy(record_.argv, argv.data(), argv.size());
    record_.argv_bytes = static_cast<uint32_t>(argv.size());
  }
  ByteSpan bytes() const {
    const size_t size = record_.kind == kKernelExec
                            ? offsetof(KernelRecord, argv) + record_.argv_bytes
                        : record_.kind == kKernelTerminal ? offsetof(KernelRecord, directory)
                                                          : offsetof(KernelRecord, file);
    return {reinterpret_cast<const uint8_t*>(&record_), size};
  }
  Result<Seen> parse() const { return parse_record(bytes(), terminal); }
  event::Exec exec() const { return std::get<event::Exec>(parse().value().bodies.back()); }
  event::Exit exit(uint32_t status) {
    record_.kind = kKernelExit;
    record_.status = status;
    return std::get<event::Exit>(parse().value().bodies.back());
  }

  KernelRecord record_{};
};

TEST_F(ParseRecord, an_exec) {
  const Seen seen = parse().value();
  EXPECT_EQ(seen.session, 7U);
  EXPECT_EQ(seen.at, BootTime(Micros(5000)));
  ASSERT_EQ(seen.bodies.size(), 1U);
  event::Exec wanted;
  wanted.pid = 12;
  wanted.parent = 11;
  wanted.file = "/bin/ls";
  wanted.argv = {"ls", "", "-l"};
  wanted.cwd = "/home/ada";
  wanted.uid = wanted.euid = 1000;
  wanted.gid = wanted.egid = 100;
  EXPECT_EQ(exec(), wanted);
}

TEST_F(ParseRecord, where_it_was_and_on_which_terminal) {
  set_directory("");
  record_.terminal = 34816;
  record_.login_uid = 1001;
  record_.audit_session = 3;
  EXPECT_EQ(exec().cwd, "/");
  EXPECT_EQ(exec().tty, "terminal 34816");
  EXPECT_EQ(exec().login_uid, 1001U);
  EXPECT_EQ(exec().audit_session, 3U);
}

TEST_F(ParseRecord, what_was_cut_says_so) {
  EXPECT_FALSE(exec().is_cut);
  set_argv("long argument without an end");
  record_.cut = kCutArgv;
  EXPECT_TRUE(exec().is_cut);
  EXPECT_EQ(exec().argv, std::vector<std::string>{"long argument without an end"});
  record_.cut = kCutDirectory;
  EXPECT_EQ(exec().cwd, "(unreachable)/home/ada");
}

TEST_F(ParseRecord, other_rights_come_before_what_was_done_with_them) {
  record_.now.euid = 0;
  record_.now.capabilities = 1;
  const Seen seen = parse().value();
  ASSERT_EQ(seen.bodies.size(), 2U);
  const event::Privilege wanted{12, {1000, 1000, 100, 100, 0}, {1000, 0, 100, 100, 1}};
  EXPECT_EQ(std::get<event::Privilege>(seen.bodies[0]), wanted);
}

TEST_F(ParseRecord, how_it_ended) {
  EXPECT_EQ(exit(3 << 8), (event::Exit{12, 3, {}, false}));
  EXPECT_EQ(exit(15), (event::Exit{12, {}, 15, false}));
  EXPECT_EQ(exit(11 | 0x80), (event::Exit{12, {}, 11, true}));
}

TEST_F(ParseRecord, nothing_else_is_a_record) {
  const ByteSpan whole = bytes();
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(parse_record(whole.first(size), terminal).error().code, Code::kCorrupt) << size;
  record_.kind = kKernelForward + 1;
  EXPECT_EQ(parse().error().code, Code::kCorrupt);
  record_.kind = kKernelExec;
  record_.directory_bytes = kPathBytesMax + 1;
  EXPECT_EQ(parse().error().code, Code::kCorrupt);
}

TEST_F(ParseRecord, somebody_on_a_terminal_is_of_no_session_and_nothing_else_is_said) {
  record_.kind = kKernelTerminal;
  record_.session = 0;
  const Seen seen = parse().value();
  ASSERT_TRUE(seen.terminal);
  EXPECT_TRUE(seen.bodies.empty());
  EXPECT_EQ(seen.terminal->tty, terminal(record_.terminal));
  EXPECT_EQ(seen.terminal->program, record_.file);
  EXPECT_EQ(seen.terminal->login_uid, record_.login_uid);
}

TEST_F(ParseRecord, how_a_recorder_ended_is_no_exit_of_its_session_s) {
  record_.kind = kKernelRecorderEnd;
  record_.status = 9;
  const Seen seen = parse().value();
  EXPECT_TRUE(seen.bodies.empty());
  ASSERT_TRUE(seen.recorder);
  EXPECT_EQ(seen.recorder->signal, 9);
}

class ParseForward : public testing::Test {
 protected:
  ParseForward() {
    record_.kind = kKernelForward;
    record_.pid = 12;
    record_.started_ns = 34'019'999'999;
    record_.boot_ns = 5'000'999;
    record_.port = 5432;
    const uint8_t address[] = {192, 0, 2, 7};
    std::memcpy(record_.address, address, sizeof address);
  }
  Result<Seen> parse(size_t size = sizeof(KernelForward)) const {
    return parse_record({reinterpret_cast<const uint8_t*>(&record_), size}, terminal);
  }

  KernelForward record_{};
};

TEST_F(ParseForward, is_an_sshd_that_connects) {
  const Seen seen = parse().value();
  EXPECT_EQ(seen.at, BootTime(Micros(5000)));
  EXPECT_TRUE(seen.bodies.empty() && !seen.terminal && !seen.recorder);
  ASSERT_TRUE(seen.forward);
  EXPECT_EQ(seen.forward->sshd, (os::ProcessKey{12, 3401}));
  EXPECT_EQ(seen.forward->what,
            (event::Forward{event::Forward::What::kConnect, "192.0.2.7", 5432, Micros(0)}));
}

TEST_F(ParseForward, or_listens_and_has_an_address_of_either_kind) {
  record_.listens = record_.is_v6 = 1;
  std::memset(record_.address, 0, sizeof record_.address);
  record_.address[15] = 1;
  EXPECT_EQ(parse()->forward->what,
            (event::Forward{event::Forward::What::kListen, "::1", 5432, Micros(0)}));
  record_.address[10] = record_.address[11] = 0xff;
  EXPECT_EQ(parse()->forward->what.address, "0.0.0.1") << "IPv4, in IPv6's clothes";
}

TEST_F(ParseForward, or_nothing_at_all) {
  for (size_t size = 0; size < sizeof record_; ++size) EXPECT_FALSE(parse(size)) << size;
  record_.port = 65'536;
  EXPECT_EQ(parse().error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace stele::commands
