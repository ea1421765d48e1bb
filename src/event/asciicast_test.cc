#include "event/asciicast.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "event/test_events.h"

namespace stele::event {
namespace {

const WallTime kBegan{std::chrono::microseconds(1'795'428'201'999'999)};

/// A session written with the version, line by line.
class Cast {
 public:
  explicit Cast(AsciicastVersion version)
      : writer_(version, [this](std::string_view line) { lines_.emplace_back(line); }) {}
  Cast& begin(const Start& start) { return writer_.begin(start, kBegan), *this; }
  Cast& event(int64_t us, const Body& body) { return writer_.event(Micros(us), body), *this; }
  Cast& output(int64_t us, std::string_view bytes) { return event(us, Output{bytes_of(bytes)}); }
  Cast& input(int64_t us, std::string_view bytes) { return event(us, Input{bytes_of(bytes)}); }
  Cast& finish() { return writer_.finish(), *this; }
  std::string text() const {
    std::string all;
    for (const std::string& line : lines_) all += line;
    return all;
  }

 private:
  std::vector<std::string> lines_;
  AsciicastWriter writer_;
};

Start small_start() {
  Start start;
  start.argv = {"/bin/sh", "-c", "echo it's", ""};
  start.title = "a \"title\"";
  start.terminal = "xterm";
  start.size = {24, 100, 0, 0};
  return start;
}

TEST(Asciicast, shows_what_was_piped_as_a_terminal_would) {
  Cast cast(AsciicastVersion::kV2);
  cast.begin(small_start())
      .event(0, Piped{Piped::Pipe::kInput, bytes_of("in\n")})
      .event(1, Piped{Piped::Pipe::kOutput, bytes_of("a\nb")})
      .event(2, Piped{Piped::Pipe::kError, bytes_of("\nc\r\n")})
      .finish();
  const std::string text = cast.text();
  EXPECT_NE(text.find(R"("i","in\n")"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("o","a\r\nb")"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("o","\r\nc\r\r\n")"), std::string::npos) << text;
}

TEST(Asciicast, version_3_counts_from_the_event_before) {
  Cast cast(AsciicastVersion::kV3);
  cast.begin(small_start())
      .output(1'000'250, "$ ")
      .input(1'500'000, "x")
      .event(1'500'000, Resize{{30, 90, 0, 0}});
  End end;
  end.exit_status = 3;
  cast.output(2'000'001, "x\r\n").event(2'000'002, end);
  EXPECT_EQ(cast.text(),
            R"({"version":3,"term":{"cols":100,"rows":24,"type":"xterm"},"timestamp":1795428201,)"
            R"("command":"/bin/sh -c 'echo it'\\''s' ''","title":"a \"title\""})"
            "\n"
            R"([1.000250,"o","$ "])"
            "\n"
            R"([0.499750,"i","x"])"
            "\n"
            R"([0.000000,"r","90x30"])"
            "\n"
            R"([0.500001,"o","x\r\n"])"
            "\n"
            R"([0.000001,"x","3"])"
            "\n");
}

TEST(Asciicast, version_2_counts_from_the_start_and_marks_the_end) {
  Cast cast(AsciicastVersion::kV2);
  End end;
  end.exit_status = 0;
  cast.begin(small_start()).output(1'000'250, "$ ").input(61'500'000, "x").event(61'500'001, end);
  EXPECT_EQ(
      cast.text(),
      R"({"version":2,"width":100,"height":24,"timestamp":1795428201,)"
      R"("command":"/bin/sh -c 'echo it'\\''s' ''","title":"a \"title\"","env":{"TERM":"xterm"}})"
      "\n"
      R"([1.000250,"o","$ "])"
      "\n"
      R"([61.500000,"i","x"])"
      "\n"
      R"([61.500001,"m","end"])"
      "\n");
}

TEST(Asciicast, header_is_whole_even_when_nothing_is_known) {
  EXPECT_EQ(Cast(AsciicastVersion::kV3).begin({}).text(),
            "{\"version\":3,\"term\":{\"cols\":80,\"rows\":24},\"timestamp\":1795428201}\n");
  EXPECT_EQ(Cast(AsciicastVersion::kV2).begin({}).text(),
            "{\"version\":2,\"width\":80,\"height\":24,\"timestamp\":1795428201}\n");
}

TEST(Asciicast, carries_a_cut_character_over_to_the_event_that_ends_it) {
  Cast cast(AsciicastVersion::kV3);
  cast.output(10, "a\xe7")
      .input(20, "\xc3")
      .output(30, "\xab")
      .output(40,
              "\xaf"
              "b")
      .input(50, "\xa4");
  EXPECT_EQ(cast.finish().text(),
            "[0.000010,\"o\",\"a\"]\n"
            "[0.000030,\"o\",\"\xe7\xab\xaf"
            "b\"]\n"
            "[0.000010,\"i\",\"\xc3\xa4\"]\n");
}

TEST(Asciicast, replaces_what_is_no_character_and_what_never_becomes_one) {
  Cast cast(AsciicastVersion::kV3);
  cast.output(10, "caf\xe9\r\n").output(20, "\xf0\x9f").input(20, "\xe2");
  End end;
  end.signal = 9;
  EXPECT_EQ(cast.event(30, end).finish().text(),
            "[0.000010,\"o\",\"caf\xef\xbf\xbd\\r\\n\"]\n"
            "[0.000000,\"o\",\"\xef\xbf\xbd\"]\n"
            "[0.000000,\"i\",\"\xef\xbf\xbd\"]\n"
            "[0.000020,\"x\",\"137\"]\n");
}

TEST(Asciicast, marks_what_it_has_no_code_for) {
  Cast cast(AsciicastVersion::kV3);
  cast.event(0, full_start()).event(0, sample_grant());
  cast.event(1, Gap{"disk full", 70, 0, Micros(1'500'000)})
      .event(1, Redaction{Redaction::Why::kHeuristic, 16});
  cast.event(1, Suspend{false}).event(1, Suspend{true}).event(1, Unknown{40, {}});
  cast.event(1, full_exec());
  End end;
  end.why = "hangup";
  EXPECT_EQ(cast.event(1, end).text(),
            "[0.000001,\"m\",\"gap of 1.500000 s, 70 bytes of output: disk full\"]\n"
            "[0.000000,\"m\",\"redacted input, heuristic, up to 16 bytes\"]\n"
            "[0.000000,\"m\",\"recorder stopped\"]\n"
            "[0.000000,\"m\",\"recorder continued\"]\n"
            "[0.000000,\"m\",\"event of unknown type 40\"]\n"
            "[0.000000,\"m\",\"exec sudo -i caf\xef\xbf\xbd\"]\n"
            "[0.000000,\"m\",\"end: hangup\"]\n");
}

TEST(Asciicast, never_goes_back_in_time) {
  EXPECT_EQ(Cast(AsciicastVersion::kV2).output(50, "a").output(40, "b").text(),
            "[0.000050,\"o\",\"a\"]\n[0.000050,\"o\",\"b\"]\n");
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The real player, which wants a terminal: script(1) gives it one.
TEST(Asciicast, version_2_gives_asciinema_every_byte) {
  if (std::system("command -v asciinema script >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "needs asciinema and script";
  std::string shown;
  for (int c = 0; c < 0x80; ++c) shown += static_cast<char>(c);
  shown += "\x1b[31m häßlich 端末 🚀 \xc2\x9b \xe2\x80\xa8 \"quoted\\\" \x7f\r\n";
  Cast cast(AsciicastVersion::kV2);
  cast.begin(full_start());
  for (size_t i = 0; i < shown.size(); i += 5)
    cast.output(static_cast<int64_t>(i), shown.substr(i, 5)).input(static_cast<int64_t>(i), "k");
  cast.event(500, full_end()).finish();

  const std::string folder = testing::TempDir() + "stele-asciicast-" +
                             std::to_string(testing::UnitTest::GetInstance()->random_seed());
  const std::string file = folder + ".cast", out = folder + ".out";
  std::ofstream(file, std::ios::binary) << cast.text();
  const std::string command = "LC_ALL=C.UTF-8 script -qec \"asciinema cat '" + file + "' > '" +
                              out + "'\" /dev/null >/dev/null 2>&1 </dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(contents(out), shown);
  std::remove(file.c_str());
  std::remove(out.c_str());
}

}  // namespace
}  // namespace stele::event
