#include "wire/enrolment.h"

#include <gtest/gtest.h>

namespace stele::wire {
namespace {

EnrolmentRequest request() {
  EnrolmentRequest r{"stele-token-v1.00ff", {}, {}, {1, 2, 3}, {}};
  r.machine.fill(1);
  r.signing_key.fill(2);
  r.signature.fill(3);
  return r;
}

Enrolment enrolment() {
  return {"web01", 12, "log+1+AQ==", "policy+2+AQ==", {4, 5}, {6}, {7, 8, 9}};
}

RenewalRequest renewal() {
  RenewalRequest r{7, {9, 8}, {1, 2, 3}, {}};
  r.signature.fill(3);
  return r;
}

TEST(Enrolment, comes_back_as_it_was_said) {
  EXPECT_EQ(parse_enrolment_request(encode(request())).value(), request());
  EXPECT_EQ(parse_enrolment(encode(enrolment())).value(), enrolment());
  EXPECT_EQ(parse_renewal_request(encode(renewal())).value(), renewal());
  EXPECT_EQ(parse_renewal(encode(Renewal{{4, 5}})).value(), (Renewal{{4, 5}}));
  EXPECT_NE(signed_part(renewal(), "web01"), signed_part(renewal(), "web02"));
  EXPECT_EQ(encode(request()).rfind(signed_part(request()), 0), 0U);
}

template <typename Parse>
void expect_one_spelling(const std::string& whole, const Parse& parse) {
  for (size_t at = 0; at < whole.size(); ++at) {
    EXPECT_FALSE(parse(whole.substr(0, at)).has_value()) << at;
    for (const char other : {'\n', ' ', '=', 'A'}) {
      std::string changed = whole;
      changed[at] = other;
      if (const auto parsed = parse(changed)) {
        EXPECT_EQ(encode(*parsed), changed);
      }
    }
  }
  EXPECT_FALSE(parse(whole + "\n").has_value());
}

TEST(Enrolment, has_one_spelling) {
  expect_one_spelling(encode(request()), parse_enrolment_request);
  expect_one_spelling(encode(enrolment()), parse_enrolment);
  expect_one_spelling(encode(renewal()), parse_renewal_request);
  expect_one_spelling(encode(Renewal{{4, 5}}), parse_renewal);
}

TEST(Enrolment, is_bounded) {
  EXPECT_EQ(parse_enrolment_request(std::string(kEnrolmentBytesMax + 1, '\n')).error().code,
            Code::kLimit);
}

}  // namespace
}  // namespace stele::wire
