#include "http/server.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <thread>

#include "http/test_world.h"
#include "os/posix_file_system.h"

namespace stele::http {
namespace {

using namespace std::chrono_literals;

std::string answer(Client& client, const ClientRequest& request) {
  const auto response = client.request(request);
  if (!response) return "error: " + response.error().message();
  return std::to_string(response->status) + " " + text(response->body);
}

TEST(Server, answers_many_requests_on_one_connection) {
  World world;
  Client client = world.client();
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(answer(client, get("/n" + std::to_string(i))),
              "200 GET /n" + std::to_string(i) + " - 0");
  }
  const Counts counts = world.server().counts();
  EXPECT_EQ(counts.connections, 1U);
  EXPECT_EQ(counts.connections_open, 1U);
  EXPECT_EQ(counts.requests_by_status, (std::map<int, uint64_t>{{200, 300}}));
  EXPECT_GT(counts.bytes_in, 300U * 20);
  EXPECT_GT(counts.bytes_out, 300U * 20);
}

TEST(Server, hands_over_method_query_headers_and_body) {
  Request seen;
  World world([&seen](Request request, Reply reply) {
    seen = std::move(request);
    reply.send({204, "", Bytes(), {{"X-Answer", "42"}}});
  });
  Client client = world.client();
  ClientRequest request = post("/v1/x?a=1&b=%20", as_bytes("body"));
  request.method = "PUT";
  request.content_type = "text/x";
  request.headers = {{"Authorization", "Bearer t"}, {"X-Empty", ""}};
  const auto response = client.request(request);
  ASSERT_TRUE(response.has_value()) << response.error().message();
  EXPECT_EQ(response->status, 204);
  EXPECT_EQ(*response->header("x-answer"), "42");
  EXPECT_EQ(response->header("content-length"), nullptr);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.path, "/v1/x");
  EXPECT_EQ(seen.query.at("b"), " ");
  EXPECT_EQ(text(seen.body), "body");
  EXPECT_EQ(*seen.header("content-type"), "text/x");
  EXPECT_EQ(*seen.header("authorization"), "Bearer t");
  EXPECT_EQ(*seen.header("x-empty"), "");
  EXPECT_EQ(seen.peer.address, "127.0.0.1");
  EXPECT_EQ(seen.peer.certificate, nullptr);
}

TEST(Server, takes_and_gives_bodies_up_to_the_limit) {
  World world;
  Client client = world.client();
  for (const size_t size : {size_t{0}, size_t{1}, size_t{16383}, size_t{16384}, size_t{65537},
                            size_t{1} << 20, size_t{16} << 20}) {
    const Bytes body = pattern(size);
    const auto response = client.request(post("/echo", body));
    ASSERT_TRUE(response.has_value()) << size << ": " << response.error().message();
    EXPECT_EQ(response->status, 200);
    EXPECT_TRUE(response->body == body) << size;
  }
  EXPECT_EQ(world.server().counts().connections, 1U);
}

TEST(Server, sends_the_bytes_of_a_file) {
  std::string name = std::filesystem::temp_directory_path() / "stele-http-XXXXXX";
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  os::PosixFileSystem files;
  const Bytes content = pattern(700'000);
  ASSERT_TRUE(files.put_once(name + "/tile", content).has_value());
  World world([&](Request request, Reply reply) {
    const size_t size = request.path == "/short" ? 700'001 : 600'000;
    reply.send({200, "x/y", file_body(files.open_read(name + "/tile").value(), 100'000, size), {}});
  });
  Client client = world.client();
  const auto response = client.request(get("/"));
  ASSERT_TRUE(response.has_value()) << response.error().message();
  EXPECT_TRUE(equal(response->body, ByteSpan(content).subspan(100'000)));
  const auto cut = client.request(get("/short"));
  ASSERT_FALSE(cut.has_value()) << "the file is shorter than was promised";
  EXPECT_EQ(cut.error().code, Code::kOutcomeUnknown);
  EXPECT_EQ(client.request(get("/"))->status, 200);
  std::filesystem::remove_all(name);
}

TEST(Server, answers_head_without_the_body) {
  World world([](Request, Reply reply) { reply.send(text_response(200, "twelve bytes")); });
  Client client = world.client();
  ClientRequest request = get("/");
  request.method = "HEAD";
  for (int i = 0; i < 2; ++i) {
    const auto response = client.request(request);
    ASSERT_TRUE(response.has_value()) << response.error().message();
    EXPECT_EQ(*response->header("content-length"), "12");
    EXPECT_TRUE(response->body.empty());
  }
}

TEST(Server, is_answered_later_and_from_another_thread) {
  std::promise<Reply> asked;
  World world([&](Request, Reply reply) { asked.set_value(std::move(reply)); });
  Client client = world.client();
  std::thread other([&] {
    const Reply reply = asked.get_future().get();
    EXPECT_TRUE(reply.send(text_response(200, "first")));
    EXPECT_FALSE(reply.send(text_response(200, "second")));
  });
  EXPECT_EQ(answer(client, get("/")), "200 first");
  other.join();
}

TEST(Server, answers_a_dropped_request_with_500) {
  World world([](Request, Reply reply) { const Reply copy = reply; });
  Client client = world.client();
  EXPECT_EQ(answer(client, get("/")), "500 the request was dropped\n");
  EXPECT_EQ(answer(client, get("/")), "500 the request was dropped\n");
}

TEST(Server, never_sends_a_header_that_is_two) {
  World world([](Request, Reply reply) { reply.send({200, "a/b\r\nX-Evil: 1", Bytes(), {}}); });
  Client client = world.client();
  const auto response = client.request(get("/"));
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->status, 500);
  EXPECT_EQ(response->header("x-evil"), nullptr);
}

TEST(Server, refuses_a_body_before_it_is_read) {
  World world;
  world.options.limits.body_bytes = 1000;
  world.options.body_bytes_for = [](const Request& head) {
    return head.path == "/small" ? size_t{10} : size_t{1} << 40;
  };
  world.options.refuse = [](int status, std::string_view why) {
    return text_response(status, "no: " + std::string(why));
  };
  Client client = world.client();
  EXPECT_EQ(answer(client, post("/", Bytes(1000))), "200 POST / - 1000");
  EXPECT_EQ(answer(client, post("/", Bytes(1001))), "413 no: the body is too large");
  EXPECT_EQ(answer(client, post("/small", Bytes(10))), "200 POST /small - 10");
  EXPECT_EQ(answer(client, post("/small", Bytes(11))), "413 no: the body is too large");
  EXPECT_EQ(answer(client, post("/", Bytes(2 << 20))), "413 no: the body is too large");
  EXPECT_EQ(world.server().counts().refused_body_bytes, 3U);
}

TEST(Server, has_only_so_much_memory_for_bodies) {
  std::promise<Reply> held;
  World world([&](Request request, Reply reply) {
    if (request.path == "/hold") return held.set_value(std::move(reply));
    echo(std::move(request), std::move(reply));
  });
  world.options.limits.gate.body_bytes = world.options.limits.gate.body_bytes_per_peer = 300'000;
  const std::string url = world.url();
  std::thread holder([&] {
    Client client = world.client();
    EXPECT_EQ(answer(client, post("/hold", Bytes(200'000))), "200 done");
  });
  const Reply reply = held.get_future().get();
  Client client = world.client();
  EXPECT_EQ(answer(client, post("/", Bytes(100'001))),
            "503 no memory left for bodies; try again\n");
  EXPECT_EQ(answer(client, post("/", Bytes(50'000))), "200 POST / - 50000");
  reply.send(text_response(200, "done"));
  holder.join();
  Client later = world.client();
  EXPECT_EQ(answer(later, post("/", Bytes(250'000))), "200 POST / - 250000");
  EXPECT_EQ(world.server().counts().refused_memory, 1U);
}

TEST(ClientCertificate, tells_the_handler_which_host_it_is) {
  Peer seen;
  World world([&](Request request, Reply reply) {
    seen = request.peer;
    reply.send(text_response(200, request.peer.host()));
  });
  const TestIdentity web = world.authority.client("web01");
  Client client = world.client(web);
  EXPECT_EQ(answer(client, get("/")), "200 web01");
  ASSERT_TRUE(seen.certificate != nullptr);
  EXPECT_EQ(*seen.certificate, web.certificate);
  EXPECT_FALSE(seen.is_expired);
  Client stranger = world.client();
  EXPECT_EQ(answer(stranger, get("/")), "200 ");
}

TEST(ClientCertificate, keeps_many_hosts_apart_at_once) {
  World world;
  const std::string url = world.url();
  std::vector<TestIdentity> hosts;
  for (int i = 0; i < 8; ++i) {
    hosts.push_back(world.authority.client("web" + std::to_string(i)));
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      Client client = world.client(hosts[static_cast<size_t>(i)]);
      for (int n = 0; n < 40; ++n) {
        EXPECT_EQ(answer(client, post("/n", Bytes(static_cast<size_t>(n)))),
                  "200 POST /n web" + std::to_string(i) + " " + std::to_string(n));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(world.server().counts().requests_by_status.at(200), 320U);
}

Error refused(World& world, const TestIdentity& identity) {
  Client client = world.client(identity);
  const auto response = client.request(get("/"));
  EXPECT_FALSE(response.has_value()) << response->status;
  return response ? Error{} : response.error();
}

TEST(ClientCertificate, of_another_authority_is_refused) {
  World world;
  TestAuthority theirs(2);
  const Error error = refused(world, theirs.client("web01"));
  EXPECT_EQ(error.code, Code::kPermission) << error.message();
  EXPECT_NE(error.context.find("unknown ca"), std::string::npos) << error.context;
  while (world.server().counts().handshakes_failed == 0) std::this_thread::yield();
}

TEST(ClientCertificate, that_is_a_servers_or_from_the_future_is_refused) {
  World world;
  EXPECT_EQ(refused(world, world.authority.server({"web01"})).code, Code::kPermission);
  EXPECT_EQ(refused(world, world.authority.client("web01", kTestNow + 1h)).code, Code::kPermission);
}

TEST(ClientCertificate, that_has_expired_is_refused) {
  World world;
  const TestIdentity web = world.authority.client("web01");
  world.set_now(kTestNow + 24h);
  const Error error = refused(world, web);
  EXPECT_EQ(error.code, Code::kPermission);
  EXPECT_NE(error.context.find("expired"), std::string::npos) << error.context;
}

TEST(ClientCertificate, within_the_grace_comes_through_marked_as_expired) {
  bool is_expired = false;
  World world([&](Request request, Reply reply) {
    is_expired = request.peer.is_expired;
    reply.send(text_response(200, request.peer.host()));
  });
  world.options.expired_grace = 24h * 30;
  const TestIdentity web = world.authority.client("web01");
  Client client = world.client(web);
  EXPECT_EQ(answer(client, get("/")), "200 web01");
  EXPECT_FALSE(is_expired);
  world.set_now(kTestNow + 24h * 29);
  Client late = world.client(web);
  EXPECT_EQ(answer(late, get("/")), "200 web01");
  EXPECT_TRUE(is_expired);
  world.set_now(kTestNow + 24h * 31);
  EXPECT_EQ(refused(world, web).code, Code::kUnauthentic) << "the server's has expired by now, too";
}

TEST(ClientCertificate, ends_its_connection_where_it_runs_out) {
  World world;
  Client client = world.client(world.authority.client("web01"));
  EXPECT_EQ(answer(client, get("/")), "200 GET / web01 0");
  world.set_now(kTestNow + 24h);
  EXPECT_EQ(answer(client, get("/")), "401 the client certificate has expired\n");
}

TEST(Server, shows_a_new_certificate_from_one_connection_to_the_next) {
  World world;
  Client before = world.client();
  EXPECT_EQ(answer(before, get("/")), "200 GET / - 0");

  TestAuthority next(9);
  EXPECT_TRUE(world.server().set_identity(server_identity(next)).has_value());
  EXPECT_EQ(answer(before, get("/")), "200 GET / - 0") << "what is open stays";
  Client old_trust = world.client();
  EXPECT_EQ(old_trust.request(get("/")).error().code, Code::kUnauthentic);
  ClientOptions options = world.client_options();
  options.authorities_pem = next.certificate().to_pem();
  Client new_trust = Client::make(std::move(options)).value();
  EXPECT_EQ(answer(new_trust, get("/")), "200 GET / - 0");

  TlsIdentity mixed = server_identity(next);
  mixed.key_pem = crypto::TlsKey::generate().to_pem();
  EXPECT_EQ(world.server().set_identity(std::move(mixed)).error().code, Code::kInvalid);
  EXPECT_FALSE(world.server().set_identity({}).has_value());
  EXPECT_EQ(answer(new_trust, get("/")), "200 GET / - 0") << "a failed change changes nothing";
}

TEST(Server, says_why_it_cannot_start) {
  World world;
  ServerOptions options;
  options.now = [] { return kTestNow; };
  options.identity = server_identity(world.authority);
  options.port = world.server().port();
  const auto taken = Server::start(std::move(options), echo);
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code, Code::kBusy);
  ServerOptions named;
  named.now = [] { return kTestNow; };
  named.identity = server_identity(world.authority);
  named.address = "localhost";
  EXPECT_EQ(Server::start(std::move(named), echo).error().code, Code::kInvalid);
}

TEST(Stop, lets_what_was_asked_be_answered) {
  std::promise<Reply> asked;
  World world([&](Request request, Reply reply) {
    if (request.path == "/slow") return asked.set_value(std::move(reply));
    echo(std::move(request), std::move(reply));
  });
  world.options.threads = 1;  // which stops all its connections at once
  const std::string url = world.url();
  Client idle = world.client();
  EXPECT_EQ(answer(idle, get("/")), "200 GET / - 0");
  std::thread client([&] {
    Client asking = world.client();
    const auto response = asking.request(get("/slow"));
    ASSERT_TRUE(response.has_value()) << response.error().message();
    EXPECT_EQ(text(response->body), "still here");
    EXPECT_EQ(*response->header("connection"), "close");
  });
  const Reply reply = asked.get_future().get();
  std::thread stopping([&] { world.server().stop(60s); });
  // Once it is stopping, nobody new is let in.
  while (idle.request(get("/")).has_value()) {
  }
  reply.send(text_response(200, "still here"));
  stopping.join();
  client.join();
  EXPECT_EQ(world.server().counts().connections_open, 0U);
}

TEST(Stop, does_not_wait_longer_than_its_grace) {
  std::promise<Reply> asked;
  World world([&](Request, Reply reply) { asked.set_value(std::move(reply)); });
  const std::string url = world.url();
  std::thread client([&] {
    Client asking = world.client();
    EXPECT_EQ(asking.request(get("/")).error().code, Code::kOutcomeUnknown);
  });
  const Reply reply = asked.get_future().get();
  world.server().stop(1ms);
  client.join();
  EXPECT_TRUE(reply.send(text_response(200, "too late"))) << "harmless";
}

TEST(Stop, ends_idle_connections_at_once) {
  World world;
  Client client = world.client();
  EXPECT_EQ(answer(client, get("/")), "200 GET / - 0");
  world.server().stop(60s);
  EXPECT_EQ(world.server().counts().connections_open, 0U);
  ClientRequest once = get("/");
  once.is_idempotent = false;
  EXPECT_EQ(client.request(once).error().code, Code::kIo) << "never sent";
}

}  // namespace
}  // namespace stele::http
