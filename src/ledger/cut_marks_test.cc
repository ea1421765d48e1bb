// What a server says of hosts that fell silent: only it may say so, and a stream that goes on is
// not cut.
#include "ledger/cut_marks.h"

#include <gtest/gtest.h>

#include "ledger/test_report.h"
#include "ledger/test_rotation.h"

namespace stele::ledger {
namespace {

class Cut : public ::testing::Test {
 protected:
  Cut() {
    sim::SimFileSystem files(world.disk);
    const receipt::VerifierKey key{"stele/test/1/host/web01", receipt::KeyType::kNote,
                                   web01.public_key()};
    const std::string all = std::string(as_text(files.read(kLayout.host_vkey(), 1 << 16).value())) +
                            key.to_string() + "\n";
    EXPECT_TRUE(files.replace(kLayout.host_vkey(), as_bytes(all)).has_value());
  }

  segment::Sealer of_web01(Kind kind) {
    return {
        make_uuid_v7(world.clock.wall(), world.random), kind,
        HostSigner{web01, segment::host_key_id("stele/test/1/host/web01", web01.public_key().bytes),
                   1},
        server.recipients, world.random};
  }
  Sealed say(segment::Sealer& stream, std::vector<Standing> cut,
             const std::vector<StreamId>& heard = {}) {
    stream.carry({.cut = std::move(cut), .heard = heard});
    return server.next(stream);
  }
  Report verify_of(const std::vector<Sealed>& all) {
    sim::SimFileSystem files(world.disk);
    auto ledger = world.open(files).value();
    for (const Sealed& each : all) {
      const auto appended = ledger->append(each.bytes);
      EXPECT_TRUE(appended.has_value()) << appended.error().message();
    }
    EXPECT_TRUE(ledger->sync().has_value());
    EXPECT_TRUE(ledger->publish_through(ledger->size()).has_value());
    return World::verify_now(files, {});
  }
  /// The session's, when the ledger has this.
  Verdict verdict_of(const std::vector<Sealed>& all) {
    const Report report = verify_of(all);
    EXPECT_EQ(all_faults(report).size(), 0U) << describe(report);
    for (const StreamReport& stream : report.streams)
      if (stream.stream == session.stream()) return stream.verdict;
    return Verdict::kMissing;
  }

  World world;
  RotatingHost server{world};  // its key is the ledger's own
  crypto::SigningKey web01 = crypto::SigningKey::generate(world.random);
  segment::Sealer own = server.sealer(Kind::kServer), session = of_web01(Kind::kSession);
  Sealed s0 = server.next(session), s1 = server.next(session);
};

TEST_F(Cut, is_what_the_server_took_for_cut) {
  EXPECT_EQ(verdict_of({s0, s1}), Verdict::kOpen);
  const Sealed cut = say(own, {RotatingHost::standing(s1)});
  EXPECT_EQ(verdict_of({cut}), Verdict::kCut);
}

TEST_F(Cut, is_withdrawn_when_the_chain_goes_on) {
  const Sealed cut = say(own, {RotatingHost::standing(s1)});
  EXPECT_EQ(verdict_of({s0, s1, cut, server.next(session)}), Verdict::kOpen);
  EXPECT_EQ(verdict_of({server.next(session, true)}), Verdict::kIntact);
}

TEST_F(Cut, is_withdrawn_when_its_host_is_heard_again) {
  const Sealed cut = say(own, {RotatingHost::standing(s1)});
  const Sealed heard = say(own, {}, {session.stream()});
  EXPECT_EQ(verdict_of({s0, s1, cut, heard}), Verdict::kOpen);
  EXPECT_EQ(verdict_of({say(own, {RotatingHost::standing(s1)})}), Verdict::kCut) << "and again";
}

TEST_F(Cut, is_where_it_was_seen_and_nowhere_else) {
  EXPECT_EQ(verdict_of({s0, s1, say(own, {RotatingHost::standing(s0)})}), Verdict::kOpen);
  Standing elsewhere = RotatingHost::standing(s1);
  elsewhere.last_hash[0] ^= 1;
  EXPECT_EQ(verdict_of({say(own, {elsewhere})}), Verdict::kOpen);
}

TEST_F(Cut, is_for_the_server_alone_to_say) {
  segment::Sealer claimed = of_web01(Kind::kServer), host = of_web01(Kind::kHost);
  segment::Sealer not_its_stream = server.sealer(Kind::kSession);
  const auto standing = RotatingHost::standing(s1);
  EXPECT_EQ(verdict_of({s0, s1, say(claimed, {standing}), say(host, {standing}),
                        say(not_its_stream, {standing})}),
            Verdict::kOpen);
}

TEST_F(Cut, is_a_host_s_own_stream_that_another_goes_on_with) {
  segment::Sealer first = of_web01(Kind::kHost), second = of_web01(Kind::kHost);
  const Sealed h0 = server.next(first);
  const auto verdict = [&](const std::vector<Sealed>& all) {
    return verify_of(all).streams.front().verdict;
  };
  EXPECT_EQ(verdict({h0}), Verdict::kOpen);
  segment::Sealer stranger = server.sealer(Kind::kHost);
  stranger.carry({.continues = RotatingHost::standing(h0)});
  EXPECT_EQ(verdict({server.next(stranger)}), Verdict::kOpen) << "of another host";
  second.carry({.continues = RotatingHost::standing(h0)});
  EXPECT_EQ(verdict({server.next(second)}), Verdict::kCut);
}

}  // namespace
}  // namespace stele::ledger
