#include "http/client.h"

#include <gtest/gtest.h>

#include "http/test_world.h"

namespace stele::http {
namespace {

using namespace std::chrono_literals;

TEST(Client, trusts_an_authority_by_its_pin) {
  World world;
  ClientOptions options = world.client_options();
  options.authorities_pem.clear();
  options.authority_pin = world.authority.certificate().pin;
  Client client = Client::make(std::move(options)).value();
  const auto response = client.request(get("/"));
  ASSERT_TRUE(response.has_value()) << response.error().message();
  EXPECT_EQ(response->status, 200);
}

TEST(Client, does_not_trust_another_pin) {
  World world;
  ClientOptions options = world.client_options();
  options.authorities_pem.clear();
  options.authority_pin = TestAuthority(2).certificate().pin;
  Client client = Client::make(std::move(options)).value();
  EXPECT_EQ(client.request(get("/")).error().code, Code::kUnauthentic);
}

TEST(Client, does_not_take_the_servers_own_key_for_an_authority) {
  World world;
  const TestIdentity self = world.authority.server({"127.0.0.1"});
  world.options.identity = {self.certificate.to_pem(), self.key.to_pem(), ""};
  ClientOptions options = world.client_options();
  options.authorities_pem.clear();
  options.authority_pin = self.certificate.pin;
  Client client = Client::make(std::move(options)).value();
  EXPECT_EQ(client.request(get("/")).error().code, Code::kUnauthentic);
}

TEST(Client, refuses_a_server_of_another_authority_name_or_time) {
  World world;
  ClientOptions options = world.client_options();
  options.authorities_pem = TestAuthority(2).certificate().to_pem();
  Client stranger = Client::make(std::move(options)).value();
  EXPECT_EQ(stranger.request(get("/")).error().code, Code::kUnauthentic);

  const TestIdentity other = world.authority.server({"other.example"});
  ASSERT_TRUE(world.server()
                  .set_identity({other.certificate.to_pem(), other.key.to_pem(), ""})
                  .has_value());
  Client misled = world.client();
  EXPECT_EQ(misled.request(get("/")).error().code, Code::kUnauthentic);

  ASSERT_TRUE(world.server().set_identity(server_identity(world.authority)).has_value());
  world.set_now(kTestNow + 24h * 31);
  Client late = world.client();
  EXPECT_EQ(late.request(get("/")).error().code, Code::kUnauthentic);
  EXPECT_EQ(world.server().counts().requests_by_status.size(), 0U);
}

TEST(Client, a_request_that_reached_nobody_was_never_sent) {
  World world;
  ClientOptions options = world.client_options();
  world.server().stop(0ms);
  Client client = Client::make(std::move(options)).value();
  EXPECT_EQ(client.request(post("/", as_bytes("x"))).error().code, Code::kIo);
}

TEST(Client, a_request_without_an_answer_has_an_unknown_outcome) {
  std::vector<Reply> held;
  World world([&](Request, Reply reply) { held.push_back(std::move(reply)); });
  Client client = world.client();
  ClientRequest request = post("/", as_bytes("x"));
  request.timeout = 200ms;
  const auto response = client.request(request);
  ASSERT_FALSE(response.has_value());
  EXPECT_EQ(response.error().code, Code::kOutcomeUnknown) << response.error().message();
}

TEST(Client, takes_no_answer_larger_than_allowed) {
  World world;
  ClientOptions options = world.client_options();
  options.response_bytes = 1000;
  Client client = Client::make(std::move(options)).value();
  EXPECT_EQ(client.request(post("/echo", Bytes(1000)))->body.size(), 1000U);
  EXPECT_EQ(client.request(post("/echo", Bytes(1001))).error().code, Code::kLimit);
  EXPECT_EQ(client.request(post("/echo", Bytes(10)))->body.size(), 10U);

  ClientOptions few_headers = world.client_options();
  few_headers.header_bytes = 50;
  Client strict = Client::make(std::move(few_headers)).value();
  EXPECT_EQ(strict.request(get("/")).error().code, Code::kLimit);
}

TEST(Client, follows_no_redirect) {
  World world([](Request request, Reply reply) {
    if (request.path == "/elsewhere") return (void)reply.send(text_response(200, "followed"));
    reply.send({302, "", Bytes(), {{"Location", "/elsewhere"}}});
  });
  Client client = world.client();
  const auto response = client.request(get("/"));
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(*response->header("location"), "/elsewhere");
}

TEST(Client, sends_what_must_not_happen_twice_on_a_fresh_connection) {
  World world;
  Client client = world.client();
  ClientRequest once = post("/", as_bytes("x"));
  once.is_idempotent = false;
  EXPECT_EQ(client.request(get("/"))->status, 200);
  EXPECT_EQ(client.request(get("/"))->status, 200);
  EXPECT_EQ(world.server().counts().connections, 1U);
  EXPECT_EQ(client.request(once)->status, 200);
  EXPECT_EQ(world.server().counts().connections, 2U);
}

TEST(Client, asks_no_proxy_of_the_environment) {
  ASSERT_EQ(setenv("https_proxy", "http://127.0.0.1:1", 1), 0);
  World world;
  Client client = world.client();
  const auto response = client.request(get("/"));
  EXPECT_TRUE(response.has_value()) << response.error().message();
  ASSERT_EQ(unsetenv("https_proxy"), 0);

  ClientOptions options = world.client_options();
  options.proxy = "http://127.0.0.1:1";
  Client by_proxy = Client::make(std::move(options)).value();
  EXPECT_EQ(by_proxy.request(get("/")).error().code, Code::kIo);
}

TEST(Client, refuses_options_and_requests_that_are_none) {
  for (const char* url : {"", "http://h", "https://", "https://u:p@h", "https://h/", "https://h/x",
                          "https://h?x", "https://h\n"}) {
    ClientOptions options;
    options.base_url = url;
    EXPECT_EQ(Client::make(std::move(options)).error().code, Code::kInvalid) << url;
  }
  World world;
  ClientOptions half = world.client_options();
  half.certificate_pem = world.authority.client("a").certificate.to_pem();
  EXPECT_EQ(Client::make(std::move(half)).error().code, Code::kInvalid);
  ClientOptions broken = world.client_options();
  broken.authorities_pem = "no PEM";
  EXPECT_EQ(Client::make(std::move(broken)).error().code, Code::kCorrupt);

  Client client = world.client();
  for (const char* target : {"", "x", "/ ", "/a\r\nX: y", "/#a"}) {
    EXPECT_EQ(client.request(get(target)).error().code, Code::kInvalid) << target;
  }
  ClientRequest request = get("/");
  request.headers = {{"X", "a\r\nY: b"}};
  EXPECT_EQ(client.request(request).error().code, Code::kInvalid);
}

TEST(Client, an_error_names_no_secret) {
  World world;
  ClientOptions options = world.client_options();
  world.server().stop(0ms);
  Client client = Client::make(std::move(options)).value();
  ClientRequest request = get("/v1?token=hunter2");
  request.headers = {{"Authorization", "Bearer hunter2"}};
  const std::string said = client.request(request).error().message();
  EXPECT_EQ(said.find("hunter2"), std::string::npos) << said;
}

}  // namespace
}  // namespace stele::http
