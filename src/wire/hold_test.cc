#include "wire/hold.h"

#include <gtest/gtest.h>

namespace stele::wire {
namespace {

constexpr std::string_view kStream = "0197a3b2-0000-7000-8000-0000000000aa",
                           kLater = "0197a3b2-0000-7000-8000-0000000000ab";

std::string request_text(const std::string& scope, const std::string& why = "case 7") {
  return "stele-hold-v1\n" + scope + "for " + why + "\n";
}
std::string stream_line(std::string_view id) { return "stream " + std::string(id) + "\n"; }

TEST(HoldRequests, are_on_a_session_a_person_or_a_span) {
  const std::string one = stream_line(kStream), two = stream_line(kLater);
  const std::vector<std::string> good = {"session\n" + one, "person 12 jane roe\n" + one + two,
                                         "person 0 jane\n",
                                         "span 1767225600000000 1767312000000000\n"};
  for (const std::string& scope : good) {
    const auto request = parse_hold_request(request_text(scope));
    ASSERT_TRUE(request.has_value()) << request.error().message();
    EXPECT_EQ(encode(*request), request_text(scope));
  }
  const std::vector<std::string> bad = {"session\n",
                                        "session\n" + one + two,
                                        "person 12 jane\n" + two + one,
                                        "person 12 jane\n" + one + one,
                                        "person x jane\n" + one,
                                        "person 12 \n" + one,
                                        "span 2 1\n",
                                        "span 1 2\n" + one,
                                        "everything\n",
                                        ""};
  for (const std::string& scope : bad) {
    EXPECT_EQ(parse_hold_request(request_text(scope)).error().code, Code::kInvalid) << scope;
  }
  for (const std::string& why : {std::string(), std::string(401, 'x'), std::string("a\tb")})
    EXPECT_FALSE(parse_hold_request(request_text("session\n" + one, why)).has_value());
  EXPECT_FALSE(parse_hold_request(request_text("session\n" + one) + "\n").has_value());
}

TEST(Holds, have_their_steps_in_one_order) {
  const std::string front =
      "stele-hold-v1\n" + std::string(kLater) + "\nsession\n" + stream_line(kStream);
  const std::string steps[] = {"asked jane 1 case 7\n", "placed bob 2\n",
                               "release-asked ian 3 closed\n", "released bob 4\n"};
  std::string text = front;
  EXPECT_FALSE(parse_hold(text).has_value()) << "asked by nobody";
  for (size_t i = 0; i < 4; ++i) {
    text += steps[i];
    const auto hold = parse_hold(text);
    ASSERT_TRUE(hold.has_value()) << hold.error().message();
    EXPECT_EQ(hold->state(), static_cast<Hold::Step>(i));
    EXPECT_EQ(encode(*hold), text);
  }
  EXPECT_FALSE(parse_hold(text + steps[0]).has_value());
  EXPECT_FALSE(parse_hold(front + steps[1]).has_value());
  EXPECT_FALSE(parse_hold(front + "asked jane 1\n").has_value()) << "without a reason";
  EXPECT_FALSE(parse_hold(front + steps[0] + "placed bob 2 because\n").has_value());
  for (size_t size = 0; size < text.size(); ++size) {
    const auto cut = parse_hold(text.substr(0, size));
    EXPECT_TRUE(!cut || encode(*cut) == text.substr(0, size));
  }
  EXPECT_EQ(parse_holds(text + front + steps[0]).value().size(), 2U);
  EXPECT_TRUE(parse_holds("").value().empty());
}

}  // namespace
}  // namespace stele::wire
