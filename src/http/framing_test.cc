#include "http/framing.h"

#include <gtest/gtest.h>

#include "http/gate.h"

namespace stele::http {
namespace {

using Query = std::map<std::string, std::string, std::less<>>;

std::optional<Request> parsed(std::string_view target) {
  Request request;
  if (!parse_target(target, request)) return std::nullopt;
  return request;
}

int status_of(std::string_view target, std::vector<Header> headers, unsigned version = 11,
              std::string method = "GET") {
  Request request;
  request.method = std::move(method);
  request.headers = std::move(headers);
  const auto checked = check_head(target, version, request);
  return checked ? 200 : checked.error().status;
}

TEST(Target, is_a_path_and_parameters) {
  EXPECT_EQ(parsed("/")->path, "/");
  EXPECT_EQ(parsed("/log/tile/0/x001/067")->path, "/log/tile/0/x001/067");
  EXPECT_EQ(parsed("/v1/sessions/")->path, "/v1/sessions/");
  EXPECT_EQ(parsed("/a%20b")->path, "/a b");
  EXPECT_EQ(parsed("/a?b=c%26d&e")->query, (Query{{"b", "c&d"}, {"e", ""}}));
  EXPECT_EQ(parsed("/a?")->query, Query{});
}

TEST(Target, with_a_second_spelling_is_refused) {
  for (const char* target :
       {"",      "*",       "a",           "http://h/", "//",       "//a",    "/a//b", "/.",
        "/..",   "/a/../b", "/a/%2e%2E/b", "/%2f",      "/a%2Fb",   "/a%",    "/a%2",  "/a%zz",
        "/a%00", "/a%0a",   "/a?b=1&b=2",  "/a?=x",     "/a?b=%0d", "/a?&b=1"}) {
    EXPECT_FALSE(parsed(target).has_value()) << target;
  }
}

TEST(Target, has_at_most_64_parameters) {
  std::string target = "/a?";
  for (int i = 0; i < 64; ++i) target += (i ? "&k" : "k") + std::to_string(i) + "=v";
  EXPECT_TRUE(parsed(target).has_value());
  EXPECT_FALSE(parsed(target + "&k64=v").has_value());
}

TEST(Head, says_how_long_the_body_is_in_one_way) {
  const Header host{"host", "h"};
  EXPECT_EQ(status_of("/", {host}), 200);
  EXPECT_EQ(status_of("/", {host, {"content-length", "5"}}), 200);
  EXPECT_EQ(status_of("/", {host, {"content-length", "5"}, {"content-length", "5"}}), 400);
  for (const char* length : {"", "-1", "+1", "0x5", "5 5", "5, 5", "9223372036854775808"}) {
    EXPECT_EQ(status_of("/", {host, {"content-length", length}}), 400) << length;
  }
  EXPECT_EQ(status_of("/", {host, {"transfer-encoding", "chunked"}}), 411);
  EXPECT_EQ(status_of("/", {host, {"content-length", "5"}, {"transfer-encoding", "x"}}), 411);
}

TEST(Head, needs_one_host_a_method_and_http_1_1) {
  const Header host{"host", "h"};
  EXPECT_EQ(status_of("/", {}), 400);
  EXPECT_EQ(status_of("/", {host, host}), 400);
  EXPECT_EQ(status_of("/", {host}, 10), 505);
  EXPECT_EQ(status_of("/", {host}, 11, "get"), 400);
  EXPECT_EQ(status_of("/", {host}, 11, ""), 400);
  EXPECT_EQ(status_of("h:443", {host}, 11, "CONNECT"), 400);
  EXPECT_EQ(status_of("/", {host, {"expect", "100-Continue"}}), 200);
  EXPECT_EQ(status_of("/", {host, {"expect", "gold"}}), 417);
  EXPECT_EQ(status_of("/", std::vector<Header>(101, {"x", "y"})), 431);
}

TEST(Head, ends_the_connection_when_asked_to) {
  const auto keeps = [](std::string value) {
    Request request;
    request.method = "GET";
    request.headers = {{"host", "h"}, {"connection", std::move(value)}};
    return check_head("/", 11, request)->keep_alive;
  };
  EXPECT_TRUE(keeps("keep-alive"));
  EXPECT_TRUE(keeps("closed"));
  EXPECT_FALSE(keeps("close"));
  EXPECT_FALSE(keeps("te, Close"));
}

TEST(Answer, has_a_head_of_whole_lines) {
  const std::chrono::sys_seconds at(std::chrono::seconds(784111777));
  Response response = text_response(200, "hello");
  response.headers = {{"ETag", "\"1\""}};
  EXPECT_EQ(encode_head(response, "OK", 5, false, at),
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nETag: \"1\"\r\nContent-Length: 5\r\n"
            "Connection: close\r\n\r\n");
  response.headers = {{"X", "a\r\nSet-Cookie: b"}};
  EXPECT_FALSE(encode_head(response, "OK", 5, true, at).has_value());
  response.headers = {{"X\r\nY", "a"}};
  EXPECT_FALSE(encode_head(response, "OK", 5, true, at).has_value());
  const Response empty{304, "", Bytes(), {}};
  EXPECT_EQ(encode_head(empty, "Not Modified", 0, true, at)->find("Content-Length"),
            std::string::npos);
}

TEST(Gate, bounds_connections_in_all_and_for_each_peer) {
  Gate gate({3, 2, 100, 60});
  auto a1 = gate.enter("a"), a2 = gate.enter("a");
  ASSERT_TRUE(a1 && a2);
  EXPECT_EQ(gate.enter("a"), nullptr) << "its share";
  auto b = gate.enter("b");
  ASSERT_TRUE(b);
  EXPECT_EQ(gate.enter("c"), nullptr) << "all of them";
  a1.reset();
  EXPECT_TRUE(gate.enter("c") != nullptr);
  EXPECT_EQ(gate.connections(), 2U);
  EXPECT_FALSE(gate.wait_until_empty(std::chrono::milliseconds(0)));
  a2.reset();
  b.reset();
  EXPECT_TRUE(gate.wait_until_empty(std::chrono::milliseconds(0)));
}

TEST(Gate, bounds_memory_in_all_and_for_each_peer) {
  Gate gate({10, 10, 100, 60});
  auto a1 = gate.enter("a"), a2 = gate.enter("a"), b = gate.enter("b");
  EXPECT_TRUE(a1->reserve(50));
  EXPECT_FALSE(a2->reserve(11)) << "the peer's share";
  EXPECT_TRUE(a2->reserve(10));
  EXPECT_FALSE(b->reserve(41)) << "all there is";
  EXPECT_TRUE(b->reserve(40));
  a1->release();
  a2.reset();
  EXPECT_TRUE(b->reserve(20));
  EXPECT_FALSE(b->reserve(SIZE_MAX));
  EXPECT_TRUE(a1->reserve(40));
}

TEST(PeerOfAddress, is_an_ipv4_address_or_half_an_ipv6_one) {
  EXPECT_EQ(peer_of_address("10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(peer_of_address("::1"), "0:0:0:0::/64");
  EXPECT_EQ(peer_of_address("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(peer_of_address("2001:db8:1:2::9"), "2001:db8:1:2::/64");
  EXPECT_EQ(peer_of_address("2001:db8::9"), "2001:db8:0:0::/64");
  EXPECT_EQ(peer_of_address("2001:db8:1:2:3:4:5:6"), peer_of_address("2001:db8:1:2::"));
}

}  // namespace
}  // namespace stele::http
