#include "logsrv/ingest.h"

#include <gtest/gtest.h>

#include "crypto/sha256.h"
#include "ledger/test_rotation.h"

namespace stele::logsrv {
namespace {

using ledger::kLayout;
using ledger::PrivateKey;
using ledger::TestStream;
using ledger::World;
using wire::Accepted;
using wire::Answer;
using wire::Refusal;
using wire::Refused;

constexpr const char* kOrigin = "stele/test/1";
constexpr const char* kHost = "1";  // the world's own

class IngestTest : public ::testing::Test {
 protected:
  IngestTest() {
    const Bytes note = files->read(kLayout.recipients(), 1 << 16).value();
    admission.origin = kOrigin;
    admission.hosts = World::trust(*files).hosts;
    admission.recipients_lists = {crypto::sha256(note)};
    start();
  }
  /// The server as it comes up again.
  void start(size_t remembered_max = 1000) {
    ingest.reset();
    finder.reset();
    sequencer.reset();
    files = std::make_unique<sim::SimFileSystem>(world.disk);
    auto ledger = world.open(*files).value();
    ASSERT_TRUE(ledger->sync().has_value());
    ASSERT_TRUE(ledger->publish_through(ledger->size()).has_value());
    vault.emplace(*files, kLayout.vault());
    finder.emplace(*vault, ledger->size(), remembered_max);
    admission.keys = std::make_shared<IngestKeys>();
    EXPECT_TRUE(admission.keys->read(admission.hosts, *ledger).has_value());
    ledger->set_owner_rule(same_host([this] { return admitted; }));
    sequencer.emplace(std::move(ledger), SequencerOptions());
    ingest.emplace(
        *sequencer, *finder,
        [](const std::function<void()>& work) {
          work();
          return true;
        },
        [this](const std::string& host, const StreamId& stream, uint32_t sequence,
               const Refused& why) { told.push_back({host, stream, sequence, why.code}); });
    admit();
  }
  void admit() {
    admitted = std::make_shared<const Admission>(admission);
    ingest->admit(admitted);
  }
  void publish() {
    auto ledger = world.open(*files).value();
    ASSERT_TRUE(ledger->sync().has_value());
    ASSERT_TRUE(ledger->publish_through(ledger->size()).has_value());
  }

  Result<std::vector<Answer>> post(Bytes body, const std::string& host = kHost) {
    std::optional<Result<std::vector<Answer>>> answers;
    ingest->take(host, std::move(body), [&](auto given) { answers = std::move(given); });
    sequencer->step();
    EXPECT_TRUE(answers.has_value());
    return answers ? *std::move(answers) : fail(Code::kIo, "no answer");
  }
  std::vector<Answer> send(const std::vector<Bytes>& segments, const std::string& host = kHost) {
    Bytes body;
    for (const Bytes& segment : segments) wire::add_segment(body, segment);
    return post(std::move(body), host).value();
  }
  Refused refusal(const std::vector<Answer>& answers, size_t i = 0) {
    const auto* refused = std::get_if<Refused>(&answers.at(i));
    EXPECT_NE(refused, nullptr) << "answer " << i << " is: taken";
    return refused != nullptr ? *refused : Refused{Refusal::kNotNow, 0, {}, {}};
  }
  static uint64_t index(const std::vector<Answer>& answers, size_t i = 0) {
    const auto* refused = std::get_if<Refused>(&answers.at(i));
    EXPECT_EQ(refused, nullptr) << refused->reason;
    return refused == nullptr ? std::get<Accepted>(answers[i]).index : UINT64_MAX;
  }

  TestStream stream() { return {*files, world.clock, world.random}; }
  /// Another host, known or not, that signs the segment as its own.
  PrivateKey enrol(const std::string& host) {
    PrivateKey key{ledger::host_key_name(kOrigin, host),
                   crypto::SigningKey::generate(world.random)};
    std::string lines;
    for (const auto& entry : admission.hosts.entries())
      lines +=
          receipt::VerifierKey{entry.name, receipt::KeyType::kNote, entry.key}.to_string() + "\n";
    lines +=
        receipt::VerifierKey{key.name, receipt::KeyType::kNote, key.key.public_key()}.to_string() +
        "\n";
    admission.hosts = ledger::HostKeys::parse(lines).value();
    admit();
    return key;
  }
  static Bytes signed_by(const PrivateKey& key, Bytes segment) {
    const auto id = segment::host_key_id(key.name, key.key.public_key().bytes);
    std::copy(id.begin(), id.end(), segment.begin() + 32);
    segment::sign_segment(segment, [&](ByteSpan message) { return key.key.sign(message); });
    return segment;
  }

  World world;
  std::unique_ptr<sim::SimFileSystem> files = std::make_unique<sim::SimFileSystem>(world.disk);
  Admission admission;
  std::shared_ptr<const Admission> admitted;
  std::optional<Sequencer> sequencer;
  std::optional<vault::LocalVault> vault;
  std::optional<LeafFinder> finder;
  std::optional<Ingest> ingest;
  struct Told {
    std::string host;
    StreamId stream;
    uint32_t sequence;
    Refusal code;
  };
  std::vector<Told> told;  // of what was refused
};

TEST_F(IngestTest, answers_each_segment_with_its_leaf_and_index) {
  TestStream a = stream(), b = stream();
  const Bytes a0 = a.next().bytes, b0 = b.next().bytes, a1 = a.next().bytes;
  const auto answers = send({a0, b0, a1});
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(index(answers, i), i);
  EXPECT_EQ(std::get<Accepted>(answers[2]).leaf.segment_hash, crypto::sha256(a1));
  EXPECT_EQ(world.verify_now().leaves, 3U);
}

TEST_F(IngestTest, what_a_full_disk_took_of_a_request_is_known_and_the_rest_is_asked_for_again) {
  TestStream a = stream();
  send({a.next().bytes});
  const std::vector<Bytes> all = {a.next().bytes, a.next().bytes, a.next(50, true).bytes};
  // The third step of that one write: half of it is on the disk then.
  files->set_plan({.fail_at = files->steps().size() + 3,
                   .fail_code = Code::kNoSpace,
                   .fails_from_there = true});
  const auto answers = send(all);
  EXPECT_EQ(index(answers, 0), 1U);
  for (const size_t i : {1, 2}) EXPECT_EQ(refusal(answers, i).code, Refusal::kNotNow);
  Bytes again;
  for (const Bytes& segment : all) wire::add_segment(again, segment);
  EXPECT_EQ(post(again).error().code, Code::kNoSpace);
  files->set_plan({});
  const auto later = send(all);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(index(later, i), i + 1);
  EXPECT_EQ(world.verify_now().leaves, 4U);
}

TEST_F(IngestTest, takes_again_what_it_has_with_the_index_it_has) {
  TestStream a = stream();
  const std::vector<Bytes> all = {a.next().bytes, a.next().bytes, a.next(50, true).bytes};
  send(all);
  for (const size_t remembered : {size_t{1000}, size_t{1}}) {
    const auto again = send(all);
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(index(again, i), i);
    publish();
    start(remembered);
  }
  TestStream other = stream();
  send({other.next().bytes, other.next().bytes});
  publish();
  EXPECT_EQ(index(send({all[1]})), 1U) << "from the bundles, after another start";
  EXPECT_EQ(sequencer->counts().segments, 2U) << "nothing was written twice";
}

TEST_F(IngestTest, a_clock_ten_years_off_is_flagged_and_never_refused) {
  constexpr std::chrono::hours kTenYears{24 * 3652};
  const WallTime now = world.clock.wall();
  for (const auto off : {kTenYears, -kTenYears, std::chrono::hours(0)}) {
    TestStream a = stream();
    world.clock.set_wall(now + off);
    const Bytes a0 = a.next().bytes, a1 = a.next(50, true).bytes;
    world.clock.set_wall(now);
    const auto answers = send({a0, a1});
    for (size_t i = 0; i < 2; ++i) {
      index(answers, i);
      const segment::Leaf& leaf = std::get<Accepted>(answers[i]).leaf;
      EXPECT_EQ(leaf.wall_first, now + off);
      EXPECT_EQ(leaf.received, now);
    }
  }
  publish();
  const auto report = world.verify_now();
  EXPECT_EQ(report.verdict, ledger::Verdict::kIntact);
  ASSERT_EQ(report.streams.size(), 3U);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(report.streams[i].skewed, i < 2) << i;
}

TEST_F(IngestTest, takes_nothing_of_a_request_that_is_none) {
  EXPECT_EQ(post({}).error().code, Code::kCorrupt);
  EXPECT_EQ(post(Bytes(100, 0xff)).error().code, Code::kCorrupt);
  EXPECT_EQ(post(Bytes(wire::kRequestBytesMax + 1)).error().code, Code::kLimit);
}

TEST_F(IngestTest, refuses_what_is_no_segment_and_takes_the_rest) {
  TestStream a = stream();
  const auto answers = send({Bytes(300, 7), a.next().bytes});
  EXPECT_EQ(refusal(answers).code, Refusal::kMalformed);
  EXPECT_EQ(index(answers, 1), 0U);
}

TEST_F(IngestTest, what_is_of_a_newer_version_is_told_so_and_not_called_malformed) {
  TestStream a = stream();
  const Bytes whole = a.next().bytes;
  Bytes newer = whole;
  newer[4] = 2;
  EXPECT_EQ(refusal(send({newer})).code, Refusal::kUnsupported);
  const auto name = files->read(kLayout.host_key(), 4096).value();
  const auto host = ledger::parse_private_key(name).value();
  newer = whole;
  ASSERT_EQ(newer[segment::kHeaderBytes + 2], 1) << "the manifest's format";
  newer[segment::kHeaderBytes + 2] = 2;
  (void)segment::sign_segment(newer, [&](ByteSpan message) { return host.key.sign(message); });
  EXPECT_EQ(refusal(send({newer})).code, Refusal::kUnsupported);
  EXPECT_EQ(index(send({whole})), 0U) << "nothing else stands in its place";
}

TEST_F(IngestTest, refuses_any_changed_bit) {
  TestStream a = stream();
  const Bytes whole = a.next().bytes;
  for (size_t bit = 0; bit < whole.size() * 8; bit += 13) {
    Bytes changed = whole;
    changed[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
    refusal(send({changed}));
  }
  EXPECT_EQ(index(send({whole})), 0U);
}

TEST_F(IngestTest, refuses_another_host_s_segments) {
  TestStream a = stream();
  const Bytes a0 = a.next().bytes, a1 = a.next().bytes;
  EXPECT_EQ(refusal(send({a0}, "2")).code, Refusal::kNotYours) << "a certificate of another host";
  EXPECT_EQ(index(send({a0})), 0U);
  const PrivateKey thief = enrol("2");
  const Bytes forged = signed_by(thief, a1);
  EXPECT_EQ(refusal(send({forged}, "2")).code, Refusal::kNotYours) << "going on with a stream";
  EXPECT_EQ(refusal(send({forged})).code, Refusal::kNotYours);
  const PrivateKey stranger{ledger::host_key_name(kOrigin, kHost),
                            crypto::SigningKey::generate(world.random)};
  EXPECT_EQ(refusal(send({signed_by(stranger, a1)})).code, Refusal::kBadSignature);
  EXPECT_EQ(index(send({a1})), 1U);
}

TEST_F(IngestTest, says_what_is_expected_of_a_segment_out_of_order) {
  TestStream a = stream();
  const auto a0 = a.next(), a1 = a.next(), a2 = a.next();
  EXPECT_EQ(refusal(send({a1.bytes})).code, Refusal::kOutOfOrder);
  EXPECT_EQ(refusal(send({a1.bytes})).next, 0U);
  send({a0.bytes});
  const Refused why = refusal(send({a2.bytes}));
  EXPECT_EQ(why.code, Refusal::kOutOfOrder);
  EXPECT_EQ(why.next, 1U);
  EXPECT_EQ(why.hash, a0.hash);
}

TEST_F(IngestTest, names_the_last_agreed_hash_in_a_conflict) {
  TestStream a = stream();
  const PrivateKey host = ledger::load_private_key(*files, kLayout.host_key()).value();
  const auto a0 = a.next(), a1 = a.next(), a2 = a.next();
  send({a0.bytes, a1.bytes});
  Bytes other = a1.bytes;
  other[200] ^= 1;
  Refused why = refusal(send({signed_by(host, other)}));
  EXPECT_EQ(why.code, Refusal::kConflict) << "in the place of one that is there";
  ASSERT_EQ(told.size(), 1U) << "and of nothing that was taken";
  EXPECT_EQ(told[0].host, kHost);
  EXPECT_EQ(told[0].stream, a.id());
  EXPECT_EQ(told[0].sequence, 1U);
  EXPECT_EQ(told[0].code, Refusal::kConflict);
  EXPECT_EQ(why.next, 1U);
  EXPECT_EQ(why.hash, a0.hash);
  Bytes after = a2.bytes;
  after[40] ^= 1;  // `previous`
  why = refusal(send({signed_by(host, after)}));
  EXPECT_EQ(why.code, Refusal::kConflict) << "behind another one than there is";
  EXPECT_EQ(why.next, 2U);
  EXPECT_EQ(why.hash, a1.hash);
}

TEST_F(IngestTest, refuses_what_follows_a_close_and_what_follows_a_refused_one) {
  TestStream a = stream();
  const PrivateKey host = ledger::load_private_key(*files, kLayout.host_key()).value();
  const auto a0 = a.next(), a1 = a.next(50, true);
  send({a0.bytes, a1.bytes});
  Bytes behind = a1.bytes;
  behind[27] = 2;  // sequence number
  EXPECT_EQ(refusal(send({signed_by(host, behind)})).code, Refusal::kClosed);
  TestStream b = stream();
  Bytes broken = b.next().bytes;
  broken.back() ^= 1;
  const auto answers = send({broken, b.next().bytes, stream().next().bytes});
  EXPECT_EQ(refusal(answers, 0).code, Refusal::kBadSignature);
  EXPECT_EQ(refusal(answers, 1).code, Refusal::kSkipped);
  EXPECT_EQ(index(answers, 2), 2U);
}

TEST_F(IngestTest, refuses_what_is_sealed_to_a_list_that_never_was_in_force) {
  TestStream a = stream();
  admission.recipients_lists.clear();
  admit();
  EXPECT_EQ(refusal(send({a.next().bytes})).code, Refusal::kUnknownRecipients);
}

TEST_F(IngestTest, says_that_nothing_is_known_when_the_disk_fails) {
  TestStream a = stream();
  Bytes body;
  wire::add_segment(body, a.next().bytes);
  files->set_plan({.fail_at = files->steps().size() + 1, .fails_from_there = true});
  EXPECT_EQ(post(body).error().code, Code::kIo);
  start();
  EXPECT_TRUE(std::holds_alternative<Accepted>(post(body).value().front()));
}

/// The same server, with a host whose keys rotate.
class RotatingIngest : public IngestTest {
 protected:
  std::vector<Answer> send_all(const std::vector<ledger::Sealed>& all) {
    std::vector<Bytes> bytes;
    for (const ledger::Sealed& each : all) bytes.push_back(each.bytes);
    return send(bytes);
  }
  Refusal code(const std::vector<Answer>& answers, size_t i = 0) {
    return refusal(answers, i).code;
  }

  ledger::RotatingHost h{world};
};

TEST_F(RotatingIngest, a_new_key_is_taken_once_its_rotation_is_committed) {
  const auto h0 = h.next(*h.host), a0 = h.next(*h.a);
  const auto r = h.rotate({ledger::RotatingHost::standing(a0)});
  const auto a1 = h.next(*h.a), h2 = h.next(*h.host);
  send_all({h0, a0});
  EXPECT_EQ(code(send_all({a1})), Refusal::kNotNow) << "it has to wait, and is not set aside";
  const auto answers = send_all({r, a1, h2});
  EXPECT_EQ(index(answers), 2U);
  EXPECT_EQ(code(answers, 1), Refusal::kNotNow) << "not before the rotation is committed";
  const auto again = send_all({a1, h2});
  EXPECT_EQ(index(again, 0), 3U);
  EXPECT_EQ(index(again, 1), 4U);
  publish();
  EXPECT_EQ(world.verify_now().verdict, ledger::Verdict::kIntact);
}

TEST_F(RotatingIngest, an_ended_key_has_only_to_say_what_was_agreed_on) {
  const auto h0 = h.next(*h.host), a0 = h.next(*h.a), a1 = h.next(*h.a), b0 = h.next(*h.b);
  const auto r = h.rotate({ledger::RotatingHost::standing(a1)});
  send_all({h0, a0, r});
  EXPECT_EQ(code(send_all({b0})), Refusal::kBadSignature) << "a stream that was not agreed on";
  h.steal(0, 1);
  const auto a2 = h.next(*h.a);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(index(send_all({a1})), 3U) << "unshipped when the key ended; then, sent again";
    EXPECT_EQ(index(send_all({a0})), 1U) << "sent again";
    EXPECT_EQ(code(send_all({a2})), Refusal::kBadSignature) << "beyond what was agreed on";
    publish();
    start();
  }
}

TEST_F(RotatingIngest, what_is_not_to_be_found_yet_is_not_refused_for_good) {
  start(1);
  const auto h0 = h.next(*h.host), a0 = h.next(*h.a, true);
  const auto r = h.rotate({ledger::RotatingHost::standing(a0)});
  send_all({h0, a0, r});
  EXPECT_EQ(code(send_all({a0})), Refusal::kNotNow) << "neither remembered nor in a bundle";
  publish();
  EXPECT_EQ(index(send_all({a0})), 1U);
}

TEST_F(RotatingIngest, a_new_key_does_not_sign_for_the_past) {
  const auto h0 = h.next(*h.host), a0 = h.next(*h.a);
  auto twin = h.going_on(a0);
  const auto a1 = h.next(*h.a);
  const auto r = h.rotate({ledger::RotatingHost::standing(a1)});
  send_all({h0, a0, r});
  EXPECT_EQ(code(send_all({h.next(twin)})), Refusal::kBadSignature);
  EXPECT_EQ(index(send_all({a1})), 3U);
}

TEST_F(RotatingIngest, a_rotation_by_another_key_is_refused) {
  const auto h0 = h.next(*h.host);
  send_all({h0});
  h.keys.push_back(
      std::make_unique<crypto::SigningKey>(crypto::SigningKey::generate(world.random)));
  EXPECT_EQ(code(send_all({h.rotate({}, 0, 1)})), Refusal::kBadSignature);
}

TEST_F(RotatingIngest, a_stream_that_stood_still_for_a_hundred_rotations_goes_on) {
  const auto h0 = h.next(*h.host), a0 = h.next(*h.a);
  send_all({h0, a0});
  for (int i = 0; i < 100; ++i) send_all({h.rotate({ledger::RotatingHost::standing(a0)})});
  for (int round = 0; round < 2; ++round) {
    const auto next = h.next(*h.a);
    EXPECT_EQ(index(send_all({next})), 102U + static_cast<uint64_t>(round));
    publish();
    start();
  }
  EXPECT_EQ(index(send_all({a0})), 1U) << "sent again, by a key that is long gone";
  EXPECT_EQ(world.verify_now().verdict, ledger::Verdict::kIntact);
}

TEST_F(RotatingIngest, a_host_has_no_say_in_the_server_s_own_stream) {
  auto server = h.sealer(segment::Kind::kServer);
  EXPECT_EQ(code(send_all({h.next(server)})), Refusal::kNotYours);
}

}  // namespace
}  // namespace stele::logsrv
