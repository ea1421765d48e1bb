#include "recorder/link.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <future>

#include "base/check.h"
#include "event/test_events.h"
#include "os/clock.h"
#include "os/pty.h"
#include "recorder/test_agent.h"

namespace stele::recorder {
namespace {

using event::Lane;

class LinkTest : public testing::Test {
 protected:
  void SetUp() override {
    link = *Link::make({.path = agent.path,
                        .opening_max = Micros(200'000),
                        .begin_thread = {},
                        .on_failure = [this] { failed.set_value(); }},
                       clock);
    hello.argv = {"sh"};
  }
  auto opening() {
    return std::async(std::launch::async, [this] { return link->open(hello); });
  }
  void begin() {
    auto opened = opening();
    agent.begin();
    ASSERT_TRUE(opened.get());
  }
  Status put(std::string_view text) {
    return link->put(clock.boot(), Lane::kOutput, as_bytes(text));
  }
  auto putting(std::string text) {
    return std::async(std::launch::async, [this, text] { return put(text); });
  }
  template <typename Future>
  static bool is_waiting(Future& future) {
    return future.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout;
  }

  Agent agent;
  os::SystemClock clock;
  wire::Hello hello;
  std::promise<void> failed;
  std::unique_ptr<Link> link;
};

TEST_F(LinkTest, is_over_when_policy_leaves_the_session_out) {
  auto opened = opening();
  agent.accept();
  agent.hear();
  agent.say(wire::encode(wire::Unrecorded{"not recorded"}));
  EXPECT_EQ(std::get<wire::Unrecorded>(*opened.get()).banner, "not recorded");
}

TEST_F(LinkTest, is_open_when_the_start_is_taken_and_not_before) {
  auto opened = opening();
  agent.accept();
  agent.hear();
  agent.welcome();
  EXPECT_TRUE(is_waiting(opened));
  agent.taken(1);
  EXPECT_EQ(std::get<wire::Welcome>(*opened.get()).session, agent.id);
}

TEST_F(LinkTest, numbers_events_from_two_and_cuts_what_is_large) {
  begin();
  ASSERT_TRUE(put(std::string(wire::kContentBytesMax + 1, 'x')));
  ASSERT_TRUE(link->put(clock.boot(), Lane::kFacts, event::Suspend{true}));
  EXPECT_EQ(agent.hear_event(), 2u);
  EXPECT_EQ(agent.hear_event(), 3u);
  EXPECT_EQ(agent.hear_event(), 4u);
  EXPECT_TRUE(agent.is_silent());
}

TEST_F(LinkTest, sends_again_from_where_the_agent_wants_it) {
  begin();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put("x"));
  for (uint64_t n = 2; n <= 6; ++n) EXPECT_EQ(agent.hear_event(), n);
  agent.taken(3);
  agent.die();
  agent.accept();
  const auto resume = std::get<wire::Resume>(agent.hear());
  EXPECT_EQ(resume.session, agent.id);
  EXPECT_TRUE(resume.first == 2 || resume.first == 4);  // whether `taken` was heard in time
  agent.welcome(5);
  EXPECT_EQ(agent.hear_event(), 5u);
  EXPECT_EQ(agent.hear_event(), 6u);
  ASSERT_TRUE(put("x"));
  EXPECT_EQ(agent.hear_event(), 7u);
}

TEST_F(LinkTest, holds_the_caller_while_the_agent_is_away) {
  begin();
  agent.die();
  agent.accept();
  auto put_it = putting("x");
  EXPECT_TRUE(is_waiting(put_it));
  agent.hear();
  agent.welcome(2);
  EXPECT_EQ(agent.hear_event(), 2u);
  EXPECT_TRUE(put_it.get());
}

TEST_F(LinkTest, holds_the_caller_while_the_window_is_full) {
  agent.terms.window_bytes = wire::kWindowBytesMin;
  begin();
  const std::string piece(40'000, 'x');
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(put(piece));
  auto fourth = putting(piece);
  EXPECT_TRUE(is_waiting(fourth));
  for (uint64_t n = 2; n <= 4; ++n) EXPECT_EQ(agent.hear_event(), n);
  EXPECT_TRUE(is_waiting(fourth));  // heard is not taken
  agent.taken(2);
  EXPECT_EQ(agent.hear_event(), 5u);
  EXPECT_TRUE(fourth.get());
}

TEST_F(LinkTest, says_hello_again_when_the_opening_was_lost) {
  auto opened = opening();
  agent.accept();
  agent.hear();
  agent.welcome();
  agent.die();
  agent.accept();
  EXPECT_TRUE(std::holds_alternative<wire::Resume>(agent.hear()));
  agent.say(wire::encode(wire::SessionRefused{wire::SessionRefusal::kUnknownSession, "?"}));
  agent.die();
  agent.id = {8};
  agent.begin();
  EXPECT_EQ(std::get<wire::Welcome>(*opened.get()).session, agent.id);
}

TEST_F(LinkTest, is_refused_by_an_agent_that_hangs_up_before_it_heard_a_word) {
  for (int i = 0; i < 50; ++i) {  // whichever comes first, what is sent or the end
    auto opened = opening();
    agent.accept();
    agent.say(wire::encode(wire::SessionRefused{wire::SessionRefusal::kPolicy, "too many"}));
    agent.die();
    const auto refused = opened.get();
    ASSERT_FALSE(refused);
    ASSERT_NE(refused.error().message().find("too many"), std::string::npos)
        << refused.error().message();
    SetUp();
  }
}

TEST_F(LinkTest, is_refused_with_the_agents_words) {
  auto opened = opening();
  agent.accept();
  agent.hear();
  agent.say(wire::encode(wire::SessionRefused{wire::SessionRefusal::kPolicy, "not on sunday"}));
  const auto error = opened.get().error();
  EXPECT_EQ(error.code, Code::kPermission);
  EXPECT_NE(error.context.find("not on sunday"), std::string::npos);
}

TEST_F(LinkTest, waits_while_the_agent_says_not_now) {
  auto opened = opening();
  agent.accept();
  agent.hear();
  agent.say(wire::encode(wire::SessionRefused{wire::SessionRefusal::kNotNow, "busy"}));
  agent.die();
  agent.begin();
  EXPECT_TRUE(opened.get());
}

TEST_F(LinkTest, without_an_agent_is_an_error_in_time) {
  ::unlink(agent.path.c_str());
  EXPECT_EQ(link->open(hello).error().code, Code::kNotFound);
}

TEST_F(LinkTest, believes_no_agent_that_took_what_it_was_not_sent) {
  begin();
  ASSERT_TRUE(put("x"));
  agent.taken(3);
  failed.get_future().wait();
  EXPECT_EQ(put("y").error().code, Code::kConflict);
}

TEST_F(LinkTest, believes_no_agent_that_lost_what_it_had_taken) {
  begin();
  ASSERT_TRUE(put("x"));
  agent.hear_event();
  agent.taken(2);
  ASSERT_TRUE(put("y"));  // gives "link" time to hear it, or not: both are an error below
  agent.hear_event();
  agent.taken(3);
  agent.die();
  agent.accept();
  const auto resume = std::get<wire::Resume>(agent.hear());
  agent.welcome(resume.first == 2 ? 5 : resume.first - 1);
  failed.get_future().wait();
  EXPECT_EQ(put("z").error().code, Code::kConflict);
}

TEST_F(LinkTest, ends_a_closed_session_whose_agent_stays_away) {
  agent.terms.patience_ms = 50;
  begin();
  ::unlink(agent.path.c_str());
  agent.die();
  failed.get_future().wait();
  EXPECT_FALSE(put("x"));
  EXPECT_FALSE(link->close());
}

TEST_F(LinkTest, goes_on_in_an_open_session_and_tells_what_is_missing) {
  agent.terms.patience_ms = 50;
  agent.terms.open = true;
  begin();
  ::unlink(agent.path.c_str());
  agent.die();
  // The first may still be held, if it was sent before the break was seen; the second is not.
  ASSERT_TRUE(put("held?"));
  ASSERT_TRUE(put("not kept"));
  agent.listen();
  agent.accept();
  agent.hear();
  agent.welcome(2);
  auto said = std::get<wire::Said>(agent.hear());
  const bool held = std::holds_alternative<event::Output>(said.event.body);
  if (held) said = std::get<wire::Said>(agent.hear());
  EXPECT_EQ(said.number, held ? 3u : 2u);
  EXPECT_EQ(std::get<event::Gap>(said.event.body).output_bytes, held ? 8u : 13u);
  ASSERT_TRUE(put("kept"));
  EXPECT_EQ(agent.hear_event(), said.number + 1);
}

TEST_F(LinkTest, is_closed_when_all_is_taken) {
  begin();
  ASSERT_TRUE(put("x"));
  auto closing = std::async(std::launch::async, [this] { return link->close(); });
  agent.hear_event();
  EXPECT_EQ(std::get<wire::Bye>(agent.hear()).last, 2u);
  EXPECT_TRUE(is_waiting(closing));
  agent.taken(2);
  EXPECT_TRUE(closing.get());
}

TEST_F(LinkTest, that_broke_after_bye_says_bye_again) {
  begin();
  ASSERT_TRUE(put("x"));
  auto closing = std::async(std::launch::async, [this] { return link->close(); });
  agent.hear_event();
  agent.hear();
  agent.die();
  agent.accept();
  agent.hear();
  agent.welcome(3);  // the session was over: all is durable
  EXPECT_EQ(std::get<wire::Bye>(agent.hear()).last, 2u);
  EXPECT_TRUE(closing.get());
}

}  // namespace
}  // namespace stele::recorder
