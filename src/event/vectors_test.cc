// testdata/vectors/event.json: what any implementation must read, and what it must refuse. Here it
// is made from values and held against the file, byte by byte; a change of the format shows as a
// difference.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "base/hex.h"
#include "codec/json.h"
#include "event/codec.h"
#include "event/test_events.h"

namespace stele::event {
namespace {

struct Accepted {
  std::string_view name;
  Lane lane;
  int64_t base_us;
  std::vector<std::pair<int64_t, Body>> events;  // at µs
  std::vector<std::string_view> diagnostic;      // RFC 8949 §8
};

struct Refused {
  std::string_view name;
  Lane lane;
  std::string_view hex, error;
};

Unknown unknown_event() { return {40, from_hex("85182800a1626964182af93e00c11a514b67b0").value()}; }

std::vector<Accepted> accepted() {
  return {
      {"start",
       Lane::kFacts,
       1'000'000,
       {{1'000'000, full_start()}},
       {R"([1, 0, {"cwd": h'2f686f6d652f616461', "gid": 1000, "ses": 7, "tty": h'2f6465762f7074732f33', "uid": 1000, )"
        R"("argv": [h'2f62696e2f6c73', h'2d6c', h'636166e9'], "auid": 1001, "boot": "5f0c2a91-0000-4000-8000-000000000000", )"
        R"("euid": 0, "host": h'7765623031', "size": [24, 80, 0, 0], "term": h'787465726d2d323536636f6c6f72', "user": h'616461', )"
        R"("login": h'6772616365', "title": h'72656c6561736520342e32', "groups": [4, 27, 1000], "kernel": "6.1.0-26-amd64", )"
        R"("parent": "0197a3b2-0000-7000-8000-000000000000", "policy": "all", )"
        R"("machine": "0123456789abcdef0123456789abcdef", "recorder": "stele 0.1.0"}])"}},
      {"start, nothing known",
       Lane::kFacts,
       0,
       {{0, Start{}}},
       {R"([1, 0, {"gid": 0, "uid": 0, "euid": 0, "policy": "redact"}])"}},
      {"the facts of a session",
       Lane::kFacts,
       1'000'000,
       {{1'000'000, Resize{{50, 132, 1188, 900}}},
        {1'250'000, Gap{"no space left on device", 70'000, 12, Micros(2'000'000)}},
        {4'000'000, Suspend{false}},
        {9'000'000'000, Suspend{true}},
        {9'000'000'500, full_end()}},
       {"[4, 0, 50, 132, 1188, 900]",
        R"([6, 250000, "no space left on device", 70000, 12, 2000000])", "[8, 2750000, false]",
        "[8, 8996000000, true]",
        R"([7, 500, {"in": 789, "out": 123456, "rss": 67108864, "why": "hangup", "core": true, "exit": 0, )"
        R"("stime": 250, "utime": 1500000, "copied": [2, 1, 70000], "signal": 15, "forwards": 0}])"}},
      {"end, nothing known", Lane::kFacts, 0, {{0, End{}}}, {"[7, 0, {}]"}},
      {"a key, typed before the segment began",
       Lane::kInput,
       5'000'000,
       {{3'500'000, Input{bytes_of("l")}},
        {3'501'234, Input{bytes_of("s")}},
        {5'000'000, Redaction{Redaction::Why::kNoEcho, 16}},
        {6'000'000, Redaction{Redaction::Why::kHeuristic, 48}}},
       {"[3, -1500000, h'6c']", "[3, 1234, h'73']", "[5, 1498766, 0, 16]", "[5, 1000000, 1, 48]"}},
      {"a line, in the lane of what is typed",
       Lane::kInput,
       0,
       {{7, full_line()}, {9, Line{"id", ""}}},
       {R"([14, 7, "ls -l caf\u00e9", "ada@web01:~$", true])", R"([14, 2, "id", "", false])"}},
      {"a line, where policy has it in facts",
       Lane::kFacts,
       0,
       {{7, full_line()}},
       {R"([14, 7, "ls -l caf\u00e9", "ada@web01:~$", true])"}},
      {"output, among it none and no UTF-8",
       Lane::kOutput,
       5'000'000,
       {{5'000'310, Output{bytes_of("ls\r\n")}},
        {5'000'310, Output{}},
        {5'066'000, Output{{0xff, 0x00}}}},
       {"[2, 310, h'6c730d0a']", "[2, 0, h'']", "[2, 65690, h'ff00']"}},
      {"output without a terminal",
       Lane::kOutput,
       0,
       {{0, Piped{Piped::Pipe::kOutput, {0x00, 0xff}}},
        {5, Piped{Piped::Pipe::kError, bytes_of("no")}}},
       {"[18, 0, h'00ff']", "[19, 5, h'6e6f']"}},
      {"input without a terminal",
       Lane::kInput,
       0,
       {{7, Piped{Piped::Pipe::kInput, bytes_of("in")}}},
       {"[17, 7, h'696e']"}},
      {"output of a copy, a file's content among it",
       Lane::kOutput,
       0,
       {{0, Piped{Piped::Pipe::kOutput, {0x67}}},
        {0, Elided{Piped::Pipe::kOutput, 32'768, 65'536, sample_hash(0xa0)}}},
       {"[18, 0, h'67']",
        "[27, 0, 1, 32768, 65536, "
        "h'a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf']"}},
      {"transfer",
       Lane::kFacts,
       0,
       {{0, full_transfer()}, {1, Transfer{}}},
       {R"([28, 0, 1, {"to": h'6e6f746573', "gid": 0, "uid": 1000, "why": "not to its end", )"
        R"("hash": h'202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f', "mode": 416, )"
        R"("name": h'636166e92f6e6f746573', "size": 70000, "error": 4, "protocol": "sftp"}])",
        "[28, 1, 0, {}]"}},
      {"grant",
       Lane::kOutput,
       0,
       {{0, sample_grant()}},
       {"[9, 0, h'000102030405060708090a0b0c0d0e0f', 300, "
        "h'fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0']"}},
      {"what ran",
       Lane::kFacts,
       0,
       {{0, full_privilege()}, {1, full_exec()}, {2, Exec{}}, {3, full_exit()}, {4, Exit{}}},
       {R"([12, 0, {"to": [1000, 0, 1000, 1000, 2199023255551], "pid": 4711, "from": [1000, 1000, 1000, 1000, 0]}])",
        R"([10, 1, {"cut": true, "cwd": h'2f686f6d652f616461', "gid": 1000, "pid": 4711, "ses": 7, "tty": h'2f6465762f7074732f33', )"
        R"("uid": 1000, "argv": [h'7375646f', h'2d69', h'636166e9'], "auid": 1001, "egid": 1000, "euid": 0, )"
        R"("file": h'2f7573722f62696e2f7375646f', "ppid": 4700}])",
        R"([10, 1, {"gid": 0, "pid": 0, "uid": 0, "egid": 0, "euid": 0, "ppid": 0}])",
        R"([11, 1, {"pid": 4711, "core": true, "exit": 0, "signal": 11}])",
        R"([11, 1, {"pid": 0}])"}},
      {"what was forwarded",
       Lane::kFacts,
       0,
       {{0, Forward{Forward::What::kListen, "::1", 6010, Micros(70'000)}},
        {1'000, Forward{Forward::What::kConnect, "192.0.2.7", 5432}}},
       {R"([29, 0, 1, "::1", 6010, 70000])", R"([29, 1000, 0, "192.0.2.7", 5432, 0])"}},
      {"finding",
       Lane::kFacts,
       0,
       {{0, Finding{"silence", "web01 says nothing", sample_grant().stream, 7}}, {5, Finding{}}},
       {R"([13, 0, {"seq": 7, "rule": "silence", "what": "web01 says nothing", )"
        R"("stream": h'000102030405060708090a0b0c0d0e0f'}])",
        "[13, 5, {}]"}},
      {"terms",
       Lane::kFacts,
       0,
       {{0, full_terms()}, {1, Terms{}}},
       {R"([15, 0, {"hash": h'a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf', "name": "operators", )"
        R"("open": true, "rule": 2, "input": "none", "lines": true, "banner": "Recorded.\nAll of it.", "digest": true, "reason": "the disk is full", )"
        R"("version": 17, "no-output": true}])",
        R"([15, 1, {"rule": 0, "input": "redact"}])"}},
      {"start, and where each of it is known from",
       Lane::kFacts,
       0,
       {{0, known_start()}},
       {R"([1, 0, {"cwd": h'2f686f6d652f616461', "gid": 1000, "ses": 7, "tty": h'2f6465762f7074732f33', "uid": 1000, )"
        R"("argv": [h'2f62696e2f6c73', h'2d6c', h'636166e9'], "auid": 1001, "boot": "5f0c2a91-0000-4000-8000-000000000000", )"
        R"("euid": 0, "from": h'3139322e302e322e37203532303134', "host": h'7765623031', "size": [24, 80, 0, 0], )"
        R"("term": h'787465726d2d323536636f6c6f72', "user": h'616461', )"
        R"("known": {"uid": 0, "term": 3, "user": 2, "certificate": 1}, )"
        R"("login": h'6772616365', "names": [h'61646d', h'7375646f', h'616461'], "title": h'72656c6561736520342e32', )"
        R"("cgroup": h'2f757365722e736c696365', "groups": [4, 27, 1000], "kernel": "6.1.0-26-amd64", )"
        R"("parent": "0197a3b2-0000-7000-8000-000000000000", "policy": "all", "invoker": 1001, )"
        R"("machine": "0123456789abcdef0123456789abcdef", "service": h'73736864', )"
        R"("ssh_key": "SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "recorder": "stele 0.1.0", )"
        R"("authority": "SHA256:HxADAgEFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", )"
        R"("container": "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", )"
        R"("certificate": h'6e6f742061207265616c206f6e65', "invoker_name": h'6772616365'}])"}},
      {"start, of which PAM told",
       Lane::kFacts,
       0,
       {{0, arrived_start()}},
       {R"([1, 0, {"cwd": h'2f686f6d652f616461', "gid": 1000, "ses": 7, "tty": h'2f6465762f7074732f33', "uid": 1000, )"
        R"("argv": [h'2f62696e2f6c73', h'2d6c', h'636166e9'], "auid": 1001, "boot": "5f0c2a91-0000-4000-8000-000000000000", )"
        R"("euid": 0, "from": h'3139322e302e322e37203532303134', "host": h'7765623031', "size": [24, 80, 0, 0], )"
        R"("term": h'787465726d2d323536636f6c6f72', "user": h'616461', "known": {"uid": 0, "forwarded_agent": 3}, )"
        R"("login": h'6772616365', "title": h'72656c6561736520342e32', "groups": [4, 27, 1000], "kernel": "6.1.0-26-amd64", )"
        R"("parent": "0197a3b2-0000-7000-8000-000000000000", "policy": "all", "arrival": h'73736864', )"
        R"("machine": "0123456789abcdef0123456789abcdef", "methods": [h'7075626c69636b6579', h'70617373776f7264'], )"
        R"("service": h'73736864', "ssh_key": "SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", )"
        R"("recorder": "stele 0.1.0", "forwarded_agent": h'2f746d702f7373682d34634b4d72622f6167656e742e37'}])"}},
      {"person, by what PAM told",
       Lane::kFacts,
       0,
       {{0, arrived_person()}},
       {R"([16, 0, {"name": "linus", "rule": "linus", "arrival": true, "through": "ssh key", "version": 5}])"}},
      {"person",
       Lane::kFacts,
       0,
       {{0, full_person()}, {1, Person{}}},
       {R"([16, 0, {"by": 1, "hash": h'c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf', "name": "grace", )"
        R"("rule": "grace-hopper", "roles": ["dba", "on-call"], "through": "certificate", "version": 12}])",
        "[16, 1, {}]"}},
      {"sudo, and where the opening was safe",
       Lane::kFacts,
       0,
       {{0, Opening{true, Micros(18'000)}}, {1, full_sudo()}, {2, Sudo{}}},
       {"[26, 0, true, 18000]",
        R"([25, 1, 1, {"as": h'726f6f74', "by": h'616461', "cwd": h'2f686f6d652f616461', "tty": h'2f6465762f7074732f33', )"
        R"("why": h'636f6d6d616e64206e6f7420616c6c6f776564', "argv": [h'6964', h'2d75'], "file": h'2f7573722f62696e2f6964', )"
        R"("host": h'7765623031', "as_gid": 10, "as_uid": 0, "by_uid": 1000, "plugin": h'7375646f6572735f706f6c696379', )"
        R"("as_group": h'776865656c'}])",
        "[25, 1, 0, {}]"}},
      {"a host's own",
       Lane::kFacts,
       0,
       {{0, full_host_start()},
        {1, full_summary()},
        {2, HostSummary{}},
        {3, ClockStep{Micros(-3'600'000'000)}},
        {4, SessionNumber{1234, sample_grant().stream}},
        {5, HostStop{"asked to"}}},
       {R"([20, 0, {"boot": "5f0c2a91-0000-4000-8000-000000000000", "host": h'7765623031', "agent": "stele 0.1.0", )"
        R"("kernel": "6.1.0-26-amd64", "machine": "0123456789abcdef0123456789abcdef", "sessions": 1233}])",
        R"([22, 1, {"lost": 5, "open": 3, "root": h'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', )"
        R"("seen": 20, "size": 99, "offset": -1500, "covered": 17, "waiting": 70, "excluded": 6, "sessions": 1234, "unrecorded": 2, "waiting_bytes": 80000}])",
        "[22, 1, {}]", "[23, 1, -3600000000]", "[24, 1, 1234, h'000102030405060708090a0b0c0d0e0f']",
        R"([21, 1, "asked to"])"}},
      {"a server's own",
       Lane::kFacts,
       0,
       {{0, ServerStart{"log01", "stele-server 0.1.0"}},
        {1, Change{"+ host web01"}},
        {2, Asked{Asked::Kind::kLogin, "jane", "5f70abcd", "192.0.2.7", "", "", {}}},
        {3, full_asked()},
        {4, Asked{Asked::Kind::kRefusal, "", "", "192.0.2.9", "GET /v1/hosts", "", {}, 0, 0, 40}},
        {5, Scrub{12, 3456, 700'000'000, 1, Micros(90'000'000)}},
        {6, Probe{"https://s3.example evidence stele/", "stele/canary/0be8 3HL4", "COMPLIANCE",
                  Micros(-1'200'000), "delete"}},
        {7, ServerStop{"asked to"}}},
       {R"([30, 0, {"host": "log01", "program": "stele-server 0.1.0"}])",
        R"([35, 1, "+ host web01"])",
        R"([32, 1, {"peer": "192.0.2.7", "token": "5f70abcd", "person": "jane"}])",
        R"([33, 1, {"next": 12, "peer": "192.0.2.7", "what": "segments", "count": 2, "first": 3, "token": "5f70abcd", )"
        R"("person": "jane", "stream": h'000102030405060708090a0b0c0d0e0f', "purpose": "play"}])",
        R"([34, 1, {"peer": "192.0.2.9", "what": "GET /v1/hosts", "count": 40}])",
        R"([36, 1, 12, 3456, 700000000, 1, 90000000])",
        R"([37, 1, "https://s3.example evidence stele/", "stele/canary/0be8 3HL4", "COMPLIANCE", -1200000, "delete"])",
        R"([31, 1, "asked to"])"}},
      {"a type of tomorrow",
       Lane::kOutput,
       0,
       {{0, unknown_event()}},
       {R"([40, 0, {"id": 42}, 1.5, 1(1363896240)])"}},
  };
}

constexpr Refused kRefused[] = {
    {"cut short", Lane::kOutput, "830200436162", "corrupt"},
    {"a longer form than needed", Lane::kOutput, "83020058016c", "corrupt"},
    {"an indefinite length", Lane::kOutput, "9f0200416cff", "corrupt"},
    {"output in the lane of the facts", Lane::kFacts, "830200416c", "corrupt"},
    {"input in the lane of the output", Lane::kOutput, "830300416c", "corrupt"},
    {"standard input in the lane of the output", Lane::kOutput, "831100416c", "corrupt"},
    {"standard error in the lane of the input", Lane::kInput, "831300416c", "corrupt"},
    {"content of standard input in the lane of the output", Lane::kOutput,
     "85181b00000158200000000000000000000000000000000000000000000000000000000000000000", "corrupt"},
    {"a transfer that does something else", Lane::kFacts, "84181c000aa0", "corrupt"},
    {"forwarded some other way", Lane::kFacts, "86181d00026131191538 00", "corrupt"},
    {"forwarded to no address", Lane::kFacts, "86181d00006019153800", "corrupt"},
    {"a port that is none", Lane::kFacts, "86181d000061311a0001000000", "corrupt"},
    {"type 0", Lane::kFacts, "830000416c", "corrupt"},
    {"text for bytes", Lane::kOutput, "830200616c", "corrupt"},
    {"too few items", Lane::kFacts, "8504000102 03", "corrupt"},
    {"time goes back", Lane::kOutput, "830200416c830220416c", "corrupt"},
    {"a redaction that tells the length", Lane::kInput, "840500000b", "corrupt"},
    {"a line in the lane of the output", Lane::kOutput, "850e00616160f4", "corrupt"},
    {"a line of nothing", Lane::kFacts, "850e006060f4", "corrupt"},
    {"a start without uid", Lane::kFacts,
     "830100a363676964006465756964 0066706f6c69637966726564616374", "corrupt"},
    {"an empty entry spelled out", Lane::kFacts, "830700a16377687960", "corrupt"},
    {"known from nowhere", Lane::kFacts,
     "830100a563676964006375696400 64657569640065 6b6e6f776ea16375696404 "
     "66706f6c69637966726564616374",
     "corrupt"},
    {"sudo decides something else", Lane::kFacts, "8418190004a0", "corrupt"},
    {"entries out of order", Lane::kFacts, "830700a26377687961786269 6e01", "corrupt"},
    {"a newer type that is not deterministic", Lane::kFacts, "83182800fb3ff8000000000000",
     "corrupt"},
    {"nested too deep", Lane::kFacts, "8318280081818181818181818181818181818181", "limit"},
};

std::string without_spaces(std::string_view text) {
  std::string out(text);
  std::erase(out, ' ');
  return out;
}

std::string line(const Accepted& vector) {
  LaneEncoder encoder;
  encoder.begin(at(vector.base_us));
  for (const auto& [us, body] : vector.events) encoder.event(at(us), body);
  std::string out;
  codec::JsonWriter json(out);
  json.begin_object().key("name").text(vector.name).key("lane").text(lane_name(vector.lane));
  json.key("base_us").number(vector.base_us).key("hex").text(to_hex(encoder.bytes()));
  json.key("at_us").begin_array();
  for (const auto& [us, body] : vector.events) json.number(us);
  json.end_array().key("diagnostic").begin_array();
  for (std::string_view item : vector.diagnostic) json.text(item);
  json.end_array().end_object();
  return out;
}

std::string line(const Refused& vector) {
  std::string out;
  codec::JsonWriter(out)
      .begin_object()
      .key("name")
      .text(vector.name)
      .key("lane")
      .text(lane_name(vector.lane))
      .key("hex")
      .text(without_spaces(vector.hex))
      .key("error")
      .text(vector.error)
      .end_object();
  return out;
}

template <typename Vectors>
std::string lines(const Vectors& vectors) {
  std::string out;
  for (const auto& vector : vectors) out += (out.empty() ? "\n" : ",\n") + line(vector);
  return out;
}

TEST(EventVectors, are_what_this_program_writes) {
  const std::string made = "{\"format\":\"stele event, version 1\",\"accepted\":[" +
                           lines(accepted()) + "],\n\"refused\":[" + lines(kRefused) + "]}\n";
  std::ifstream file(STELE_TESTDATA "/vectors/event.json", std::ios::binary);
  const std::string kept{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (made != kept) std::ofstream(testing::TempDir() + "event.json", std::ios::binary) << made;
  EXPECT_TRUE(made == kept) << "this program's are in " << testing::TempDir() << "event.json";
}

TEST(EventVectors, are_read_as_what_they_mean) {
  for (const Accepted& vector : accepted()) {
    LaneEncoder encoder;
    encoder.begin(at(vector.base_us));
    std::vector<Event> expected;
    for (const auto& [us, body] : vector.events) {
      encoder.event(at(us), body);
      expected.push_back({vector.lane, at(us), body});
    }
    ASSERT_EQ(vector.diagnostic.size(), expected.size());
    const auto events = decode_lane(vector.lane, at(vector.base_us), encoder.bytes());
    ASSERT_TRUE(events.has_value()) << vector.name << ": " << events.error().context;
    EXPECT_EQ(*events, expected) << vector.name;
  }
}

TEST(EventVectors, are_refused_where_they_must_be) {
  for (const Refused& vector : kRefused) {
    const auto events =
        decode_lane(vector.lane, at(0), from_hex(without_spaces(vector.hex)).value());
    ASSERT_FALSE(events.has_value()) << vector.name;
    EXPECT_EQ(code_name(events.error().code), vector.error)
        << vector.name << ": " << events.error().context;
  }
}

}  // namespace
}  // namespace stele::event
