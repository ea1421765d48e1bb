#include "config/toml.h"

#include <gtest/gtest.h>

#include "config/nearest.h"
#include "sim/disk.h"
#include "sim/file_system.h"

namespace stele::config {
namespace {

using namespace std::chrono_literals;

Document parsed(std::string_view text) {
  auto document = Document::parse(text, "server.toml");
  EXPECT_TRUE(document.has_value()) << document.error().context;
  return *std::move(document);
}

template <typename T>
std::string said(const Result<T>& result) {
  if (result.has_value()) return "no error";
  EXPECT_EQ(result.error().code, Code::kInvalid);
  return result.error().context;
}

TEST(Config, gives_values_by_their_dotted_key) {
  Document file = parsed(R"(listen = "0.0.0.0:8443"
[http]
threads = 4
body = "16MiB"
idle = "2m"
strict = true
[log]
witnesses = ["a", "b"]
)");
  EXPECT_EQ(file.text("listen", std::nullopt), "0.0.0.0:8443");
  EXPECT_EQ(file.integer("http.threads", 1, {1, 64}), 4);
  EXPECT_EQ(file.size("http.body", 0, {1, 1 << 30}), uint64_t{16} << 20);
  EXPECT_EQ(file.duration("http.idle", 1s, {1s, 1h}), 120s);
  EXPECT_EQ(file.boolean("http.strict", false), true);
  EXPECT_EQ(file.list("log.witnesses", std::nullopt), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(file.finish().has_value());
}

TEST(Config, what_is_absent_is_the_default_or_an_error) {
  Document file = parsed("\n[http]\n");
  EXPECT_EQ(file.text("listen", "here"), "here");
  EXPECT_EQ(file.integer("http.threads", 7, {1, 64}), 7);
  EXPECT_EQ(file.list("log.witnesses", std::vector<std::string>{}), std::vector<std::string>{});
  EXPECT_FALSE(file.has("http.idle"));
  EXPECT_EQ(said(file.text("listen", std::nullopt)),
            "server.toml:1:1: listen: is missing, and has no default; wanted is a text");
  EXPECT_EQ(
      said(file.boolean("http.strict", std::nullopt)),
      "server.toml:2:1: http.strict: is missing, and has no default; wanted is true or false");
  EXPECT_FALSE(file.integer("a", std::nullopt, {0, 1}).has_value());
  EXPECT_FALSE(file.size("a", std::nullopt, {0, 1}).has_value());
  EXPECT_FALSE(file.duration("a", std::nullopt, {0s, 1s}).has_value());
  EXPECT_FALSE(file.list("a", std::nullopt).has_value());
}

TEST(Config, another_type_is_told_at_its_place) {
  Document file = parsed("listen = 8443\nidle = 10\nthreads = \"4\"\nbody = 1.5\nall = [1]\n");
  EXPECT_EQ(said(file.text("listen", "x")),
            "server.toml:1:10: listen: is an integer; wanted is a text");
  EXPECT_EQ(said(file.integer("threads", 1, {1, 9})),
            "server.toml:3:11: threads: is a text; wanted is an integer from 1 to 9");
  EXPECT_NE(said(file.duration("idle", 1s, {1s, 9s})).find("server.toml:2:8: idle: is an integer"),
            std::string::npos);
  EXPECT_NE(
      said(file.size("body", 1, {1, 9})).find("is a number with a fraction; wanted is a size"),
      std::string::npos);
  EXPECT_EQ(said(file.boolean("listen", true)),
            "server.toml:1:10: listen: is an integer; wanted is true or false");
  EXPECT_EQ(said(file.list("listen", std::nullopt)),
            "server.toml:1:10: listen: is an integer; wanted is a list of texts");
  EXPECT_NE(said(file.list("all", std::nullopt)).find("its item 1 is not a text"),
            std::string::npos);
  EXPECT_EQ(said(file.names("listen")),
            "server.toml:1:10: listen: is an integer; wanted is a table");
}

TEST(Config, what_is_out_of_range_is_told_with_the_range) {
  Document file = parsed("n = 65\nbody = \"2GiB\"\nidle = \"1s\"\nmode = \"opne\"\nt = \"ab\"\n");
  EXPECT_EQ(said(file.integer("n", 1, {1, 64})),
            "server.toml:1:5: n: is 65; wanted is an integer from 1 to 64");
  EXPECT_EQ(file.integer("n", 1, {1, 65}), 65);
  EXPECT_EQ(file.integer("n", 1, {65, 65}), 65);
  EXPECT_FALSE(file.integer("n", 1, {66, 70}).has_value());
  EXPECT_EQ(said(file.size("body", 1, {1, 1024})),
            "server.toml:2:8: body: is 2147483648 bytes; wanted is a size like \"64KiB\", "
            "\"512MiB\" or \"2GiB\" from 1 to 1024 bytes");
  EXPECT_NE(said(file.duration("idle", 5s, {2s, 9s})).find("is 1s; wanted is a duration"),
            std::string::npos);
  EXPECT_EQ(said(file.word("mode", "open", {"open", "closed"})),
            "server.toml:4:8: mode: is none of the words wanted: \"open\", \"closed\"");
  EXPECT_FALSE(file.text("t", "", 1).has_value());
  EXPECT_TRUE(file.text("t", "", 2).has_value());
}

TEST(Config, an_error_never_repeats_a_text) {
  Document file = parsed("a = \"hunter2\"\n");
  EXPECT_EQ(said(file.word("a", "", {"x"})).find("hunter2"), std::string::npos);
  EXPECT_EQ(said(file.size("a", 1, {1, 2})).find("hunter2"), std::string::npos);
  EXPECT_EQ(said(file.duration("a", 1s, {1s, 2s})).find("hunter2"), std::string::npos);
  EXPECT_EQ(said(file.integer("a", 1, {1, 2})).find("hunter2"), std::string::npos);
}

TEST(Config, control_characters_are_no_text) {
  Document file = parsed("a = \"x\\u001b[2J\"\nb = [\"\\n\"]\n");
  EXPECT_FALSE(file.text("a", "").has_value());
  EXPECT_FALSE(file.list("b", std::nullopt).has_value());
}

TEST(Config, a_key_nobody_asked_for_names_the_one_that_was_meant) {
  Document file = parsed("[http]\nthreads = 4\nidel = \"1m\"\n");
  (void)file.integer("http.threads", 1, {1, 64});
  (void)file.duration("http.idle", 1s, {1s, 1h});
  EXPECT_EQ(said(file.finish()),
            "server.toml:3:1: http.idel: is no key that is known here; is \"http.idle\" meant?");
}

TEST(Config, an_unknown_key_far_from_all_is_only_named) {
  Document file = parsed("[other.thing]\nx = 1\n");
  (void)file.text("listen", "");
  EXPECT_EQ(said(file.finish()), "server.toml:1:2: other: is no key that is known here");
  Document quoted = parsed("\"a.b\" = 1\n");
  (void)quoted.integer("a.b", 1, {1, 2});
  EXPECT_FALSE(quoted.finish().has_value()) << "a quoted key is not a path";
}

TEST(Config, tables_of_a_persons_naming_are_listed) {
  Document file = parsed("[group.admins]\nrecord = true\n[group.staff]\nrecord = false\n");
  const auto groups = file.names("group");
  ASSERT_EQ(groups, (std::vector<std::string>{"admins", "staff"}));
  EXPECT_FALSE(file.finish().has_value()) << "their keys were not read yet";
  for (const std::string& group : *groups) (void)file.boolean("group." + group + ".record", true);
  EXPECT_TRUE(file.finish().has_value());
  EXPECT_FALSE(parsed("[g.\"a b\"]\n").names("g").has_value());
  EXPECT_EQ(parsed("").names("g"), std::vector<std::string>{});
}

TEST(Config, what_is_not_toml_is_told_by_line_and_column) {
  const auto broken = Document::parse("a = 1\nb = = 2\n", "agent.toml");
  EXPECT_EQ(said(broken).substr(0, 27), "agent.toml:2:5: not TOML: E") << said(broken);
  EXPECT_FALSE(Document::parse("a = 1\na = 2\n", "x").has_value());
  EXPECT_FALSE(Document::parse("\xff\xfe", "x").has_value());
  EXPECT_FALSE(Document::parse("[[[a]]]\n", "x").has_value());
  EXPECT_FALSE(Document::parse("a = " + std::string(100'000, '['), "x").has_value());
  EXPECT_EQ(Document::parse(std::string(kTomlBytesMax + 1, ' '), "x").error().code, Code::kLimit);
}

TEST(Config, a_file_that_is_not_there_is_not_an_empty_one) {
  sim::Disk disk;
  sim::SimFileSystem files(disk);
  EXPECT_EQ(Document::load(files, "/server.toml").error().code, Code::kNotFound);
  ASSERT_TRUE(files.put_once("/server.toml", as_bytes("a = 1\n")).has_value());
  auto file = Document::load(files, "/server.toml");
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(file->integer("a", 2, {0, 9}), 1);
  EXPECT_EQ(file->wrong("a", "is odd").context, "/server.toml:1:5: a: is odd");
}

TEST(Duration, has_a_number_and_one_unit) {
  EXPECT_EQ(parse_duration("0s"), 0s);
  EXPECT_EQ(parse_duration("90s"), 90s);
  EXPECT_EQ(parse_duration("10m"), 600s);
  EXPECT_EQ(parse_duration("24h"), 86400s);
  EXPECT_EQ(parse_duration("30d"), 30 * 86400s);
  for (const char* text : {"", "s", "10", "-1s", "+1s", "1.5h", "1h30m", " 1s", "1s ", "01s", "1S",
                           "99999999999999999999s", "18446744073709551615d", "40000d"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
}

TEST(Size, has_a_number_and_a_unit_of_1024) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("512"), 512U);
  EXPECT_EQ(parse_size("16KiB"), 16384U);
  EXPECT_EQ(parse_size("2GiB"), uint64_t{2} << 30);
  EXPECT_EQ(parse_size("8388607TiB"), uint64_t{8388607} << 40);
  for (const char* text : {"", "KiB", "1KB", "1kib", "1 KiB", "-1", "1.5GiB", "016", "8388608TiB",
                           "18446744073709551616"}) {
    EXPECT_FALSE(parse_size(text).has_value()) << text;
  }
}

TEST(Nearest, is_a_slip_of_the_finger_away) {
  const std::set<std::string, std::less<>> known = {"http.idle", "http.threads", "listen"};
  EXPECT_EQ(nearest("listne", known), "listen");
  EXPECT_EQ(nearest("http.thread", known), "http.threads");
  EXPECT_EQ(nearest("vault", known), "");
  EXPECT_EQ(nearest(std::string(10'000, 'a'), known), "");
}

}  // namespace
}  // namespace stele::config
