// Sessions without a terminal: each way's bytes, its end and its back-pressure.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "capture/capture.h"
#include "event/sink.h"
#include "os/clock.h"
#include "os/fd.h"

namespace stele::capture {
namespace {

using Pipe = event::Piped::Pipe;

class MemorySink : public event::Sink {
 public:
  Status output(BootTime, ByteSpan) override { return fail(Code::kInvalid, "no terminal here"); }
  Status input(BootTime, ByteSpan) override { return fail(Code::kInvalid, "no terminal here"); }
  Status event(BootTime, event::Lane lane, const event::Body& body) override {
    if (const auto* end = std::get_if<event::End>(&body)) ends.push_back(*end);
    const auto* piped = std::get_if<event::Piped>(&body);
    if (piped == nullptr) return {};
    EXPECT_EQ(lane, piped->lane());
    auto& bytes = taken[static_cast<size_t>(piped->pipe)];
    bytes.append(as_text(piped->bytes));
    if (bytes.size() > bytes_max) return fail(Code::kNoSpace, "full");
    return {};
  }
  void passed_on() override {}

  std::array<std::string, 3> taken;
  std::vector<event::End> ends;
  size_t bytes_max = SIZE_MAX;
};

struct TestPipe {
  os::Fd read_end, write_end;
  TestPipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
};

std::string read_all(int fd) {
  std::string all;
  std::array<char, 4096> chunk;
  for (ssize_t got = 0; (got = ::read(fd, chunk.data(), chunk.size())) > 0;)
    all.append(chunk.data(), static_cast<size_t>(got));
  return all;
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t took = ::write(fd, bytes.data(), bytes.size());
    if (took <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(took));
  }
}

/// A person's three pipes, and what came of a shell command behind them.
struct PipedRun {
  explicit PipedRun(std::string command, std::string_view sent = "", bool reads_output = true) {
    TestPipe input, output, error;
    std::thread sends([&] {
      write_all(input.write_end.get(), sent);
      input.write_end.reset();
    });
    std::thread reads_out([&] {
      if (reads_output) out = read_all(output.read_end.get());
      output.read_end.reset();
    });
    std::thread reads_err([&] { err = read_all(error.read_end.get()); });
    Options options;
    options.argv = {"/bin/sh", "-c", std::move(command)};
    options.environment = {"PATH=/usr/bin:/bin"};
    options.session = "the session";
    options.input = input.read_end.get();
    options.output = output.write_end.get();
    options.error = error.write_end.get();
    os::SystemClock clock;
    outcome = run_piped(options, sink, clock);
    input.read_end.reset();
    output.write_end.reset();
    error.write_end.reset();
    for (std::thread* thread : {&sends, &reads_out, &reads_err}) thread->join();
  }

  const std::string& taken(Pipe pipe) const { return sink.taken[static_cast<size_t>(pipe)]; }

  MemorySink sink;
  Result<Outcome> outcome = fail(Code::kInvalid, "not run");
  std::string out, err;
};

TEST(Piped, keeps_three_ways_apart_and_passes_all_on) {
  PipedRun run("cat; printf 'no\\n' >&2; exit 3", std::string_view("in\0\xff", 4));
  ASSERT_TRUE(run.outcome) << run.outcome.error().message();
  EXPECT_EQ(run.outcome->exit_code, 3);
  EXPECT_EQ(run.out, std::string("in\0\xff", 4));
  EXPECT_EQ(run.err, "no\n");
  EXPECT_EQ(run.taken(Pipe::kInput), run.out);
  EXPECT_EQ(run.taken(Pipe::kOutput), run.out);
  EXPECT_EQ(run.taken(Pipe::kError), "no\n");
  ASSERT_EQ(run.sink.ends.size(), 1U);
  EXPECT_EQ(run.sink.ends[0].exit_status, 3);
  EXPECT_EQ(run.sink.ends[0].input_bytes, 4U);
  EXPECT_EQ(run.sink.ends[0].output_bytes, 7U);
}

TEST(Piped, passes_more_than_any_buffer_holds) {
  std::string much(2'000'000, 'x');
  for (size_t i = 0; i < much.size(); i += 7) much[i] = static_cast<char>(i);
  PipedRun run("cat", much);
  EXPECT_TRUE(run.out == much);
  EXPECT_TRUE(run.taken(Pipe::kInput) == much);
  EXPECT_TRUE(run.taken(Pipe::kOutput) == much);
}

TEST(Piped, tells_the_command_that_nobody_reads_it) {
  PipedRun run("yes; echo $? >&2", "", /*reads_output=*/false);
  EXPECT_EQ(run.err, "141\n") << "128 + SIGPIPE";
}

TEST(Piped, does_not_wait_for_input_that_nobody_wants) {
  PipedRun run("exec <&-; echo done", std::string(1'000'000, 'x'));
  EXPECT_EQ(run.out, "done\n");
  EXPECT_EQ(run.outcome->exit_code, 0);
}

TEST(Piped, waits_for_what_is_left_behind_as_long_as_it_can_be_heard) {
  PipedRun run("(sleep 0.2; echo late) & exit 4");
  EXPECT_EQ(run.out, "late\n");
  EXPECT_EQ(run.outcome->exit_code, 4);
}

TEST(Piped, the_command_leads_a_group_of_its_own_and_knows_its_session) {
  PipedRun run("echo $STELE_SESSION; trap 'echo int; exit 5' INT; kill -INT -$$; sleep 10");
  EXPECT_EQ(run.out, "the session\nint\n");
  EXPECT_EQ(run.outcome->exit_code, 5);
}

TEST(Piped, says_how_it_ended) {
  EXPECT_EQ(PipedRun("kill -9 $$").outcome->exit_code, 137);
  PipedRun missing("exec /no/such/command");
  EXPECT_EQ(missing.outcome->exit_code, 127);
}

TEST(Piped, passes_nothing_on_that_can_not_be_recorded) {
  TestPipe output;
  Options options;
  options.argv = {"/bin/sh", "-c", "echo first; sleep 0.1; echo second; sleep 100"};
  options.environment = {"PATH=/usr/bin:/bin"};
  options.input = -1;
  options.output = output.write_end.get();
  options.error = -1;
  MemorySink sink;
  sink.bytes_max = 8;
  os::SystemClock clock;
  const auto outcome = run_piped(options, sink, clock);
  output.write_end.reset();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::kNoSpace);
  EXPECT_EQ(read_all(output.read_end.get()), "first\n");
  EXPECT_TRUE(sink.ends.empty());
}

TEST(Piped, is_hung_up_when_it_is_terminated) {
  PipedRun run("trap 'exit 6' TERM; kill -TERM $PPID; while :; do sleep 0.01; done");
  EXPECT_EQ(run.outcome->exit_code, 128 + SIGTERM);
  EXPECT_EQ(run.sink.ends.at(0).why, kWhyTerminated);
}

/// A command that would go on for long, where something had come to `stop` before it began.
TEST(Piped, is_hung_up_when_it_is_told_to_stop_with_or_without_a_terminal) {
  for (const auto how : {run, run_piped}) {
    TestPipe stop, input;
    write_all(stop.write_end.get(), "x");
    Options options;
    options.argv = {"/bin/sleep", "100"};
    options.input = input.read_end.get();
    options.output = options.error = -1;
    options.stop = stop.read_end.get();
    MemorySink sink;
    os::SystemClock clock;
    const auto outcome = how(options, sink, clock);
    ASSERT_TRUE(outcome) << outcome.error().message();
    EXPECT_EQ(outcome->exit_code, 128 + SIGTERM);
    EXPECT_EQ(sink.ends.at(0).why, kWhyTerminated);
  }
}

}  // namespace
}  // namespace stele::capture
