// Peers that speak TLS and mean no good, or do not even speak TLS.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <thread>

#include "http/test_world.h"

namespace stele::http {
namespace {

using namespace std::chrono_literals;

/// A TCP connection from an address of loopback's 127/8, closed when it goes.
class Socket {
 public:
  explicit Socket(uint16_t port, const char* from = "127.0.0.1")
      : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    inet_pton(AF_INET, from, &here.sin_addr);
    EXPECT_EQ(bind(descriptor_, reinterpret_cast<sockaddr*>(&here), sizeof here), 0);
    sockaddr_in there{};
    there.sin_family = AF_INET;
    there.sin_port = htons(port);
    inet_pton(AF_INET, "127.0.0.1", &there.sin_addr);
    EXPECT_EQ(connect(descriptor_, reinterpret_cast<sockaddr*>(&there), sizeof there), 0);
    const int yes = 1;
    setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  ~Socket() { close(descriptor_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int get() const { return descriptor_; }
  void send(std::string_view text) {
    (void)::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
  }
  /// All that comes until the server ends the connection.
  std::string read_to_end() {
    std::string out;
    char chunk[4096];
    for (ssize_t size; (size = read(descriptor_, chunk, sizeof chunk)) > 0;) {
      out.append(chunk, static_cast<size_t>(size));
    }
    return out;
  }

 private:
  const int descriptor_;
};

/// TLS by hand, checking nothing of the server.
class RawPeer {
 public:
  explicit RawPeer(uint16_t port, const char* from = "127.0.0.1", int version = TLS1_3_VERSION)
      : socket_(port, from), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_min_proto_version(context_, version);
    SSL_CTX_set_max_proto_version(context_, version);
    tls_ = SSL_new(context_);
    SSL_set_fd(tls_, socket_.get());
    is_connected_ = SSL_connect(tls_) == 1;
  }
  ~RawPeer() {
    SSL_free(tls_);
    SSL_CTX_free(context_);
  }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  bool is_connected() const { return is_connected_; }
  /// False: the connection is gone.
  bool send(std::string_view text) {
    return SSL_write(tls_, text.data(), static_cast<int>(text.size())) > 0;
  }
  std::string read_to_end() {
    std::string out;
    char chunk[4096];
    for (int size; (size = SSL_read(tls_, chunk, sizeof chunk)) > 0;) {
      out.append(chunk, static_cast<size_t>(size));
    }
    return out;
  }
  /// Up to and with `end`, or to the connection's end.
  std::string read_until(std::string_view end) {
    std::string out;
    char c = 0;
    while (!out.ends_with(end) && SSL_read(tls_, &c, 1) == 1) out.push_back(c);
    return out;
  }
  /// Sends the text over and over, 5 ms apart, until the server has something to say to it.
  void drip(std::string_view text) {
    pollfd ready{socket_.get(), POLLIN, 0};
    while (send(text) && poll(&ready, 1, 5) == 0) {
    }
  }
  /// Says that nothing more will come.
  void finish() { SSL_shutdown(tls_); }
  /// One request and all that comes back until the server closes.
  std::string ask(std::string_view request) {
    send(request);
    return read_to_end();
  }

 private:
  Socket socket_;
  SSL_CTX* const context_;
  SSL* tls_ = nullptr;
  bool is_connected_ = false;
};

class HostilePeer : public ::testing::Test {
 protected:
  HostilePeer() { signal(SIGPIPE, SIG_IGN); }  // what OpenSSL's socket writes raise

  std::string ask(std::string_view request) { return RawPeer(port()).ask(request); }
  uint16_t port() { return world.server().port(); }
  /// The server still serves others.
  void expect_alive() {
    Client client = world.client();
    const auto response = client.request(get("/alive"));
    ASSERT_TRUE(response.has_value()) << response.error().message();
    EXPECT_EQ(response->status, 200);
  }

  World world;
};

std::string status_of(std::string_view response) {
  return response.starts_with("HTTP/1.1 ") ? std::string(response.substr(9, 3))
                                           : "none: " + std::string(response);
}

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_F(HostilePeer, with_an_older_tls_is_refused) {
  EXPECT_FALSE(RawPeer(port(), "127.0.0.1", TLS1_2_VERSION).is_connected());
  EXPECT_TRUE(RawPeer(port()).is_connected());
  expect_alive();
  while (world.server().counts().handshakes_failed == 0) std::this_thread::yield();
}

TEST_F(HostilePeer, with_garbage_for_tls_is_cut_off) {
  for (const std::string& garbage :
       {std::string(kGet), std::string(100'000, '\xff'), std::string("\x16\x03\x01\xff\xff", 5),
        std::string("\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9)}) {
    Socket socket(port());
    socket.send(garbage);
    shutdown(socket.get(), SHUT_WR);
    socket.read_to_end();
  }
  expect_alive();
}

TEST_F(HostilePeer, with_bad_framing_is_answered_400_and_closed) {
  for (const std::string_view request : {
           "nonsense\r\n\r\n",
           "GET / HTTP/1.1\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
           "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
           "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
           "GET /../etc HTTP/1.1\r\nHost: h\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
       }) {
    const std::string response = ask(std::string(request) + std::string(kGet));
    EXPECT_EQ(status_of(response), "400") << request;
    EXPECT_NE(response.find("Connection: close\r\n"), std::string::npos);
    EXPECT_EQ(response.find("HTTP/1.1", 9), std::string::npos) << "one answer: " << request;
  }
  EXPECT_EQ(status_of(ask("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "0\r\n\r\n")),
            "411");
  EXPECT_EQ(status_of(ask("GET / HTTP/1.0\r\nHost: h\r\n\r\n")), "505");
  EXPECT_EQ(status_of(ask("GET / HTTP/1.1\r\nHost: h\r\nExpect: more\r\n\r\n")), "417");
  expect_alive();
  EXPECT_EQ(world.server().counts().refused_framing, 13U);
}

TEST_F(HostilePeer, with_huge_headers_is_answered_431) {
  EXPECT_EQ(
      status_of(ask("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n")),
      "431");
  EXPECT_EQ(status_of(ask("GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n")),
            "431");
  std::string many = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 200; ++i) many += "X: y\r\n";
  EXPECT_EQ(status_of(ask(many + "\r\n")), "431");
  EXPECT_EQ(world.server().counts().refused_header_bytes, 3U);
  RawPeer endless(port());
  while (endless.send("X: " + std::string(1000, 'x') + "\r\n")) {
  }
  expect_alive();
}

TEST_F(HostilePeer, with_a_body_too_large_is_answered_413) {
  RawPeer peer(port());
  peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999999\r\n\r\n");
  EXPECT_EQ(status_of(peer.read_until("\r\n\r\n")), "413");
}

TEST_F(HostilePeer, that_expects_to_be_asked_is_asked_or_refused) {
  RawPeer peer(port());
  peer.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("hello");
  EXPECT_EQ(status_of(peer.read_until("hello")), "200");
  peer.send(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(status_of(peer.read_to_end()), "413");
}

TEST_F(HostilePeer, that_does_not_wait_for_answers_gets_them_in_order) {
  RawPeer peer(port());
  std::string requests;
  for (int i = 0; i < 100; ++i) {
    requests += "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n";
    requests += "number" + std::to_string(10 + i).substr(0, 2);
  }
  requests += "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  const std::string responses = peer.ask(requests);
  size_t at = 0;
  for (int i = 0; i < 100; ++i) {
    at = responses.find("number" + std::to_string(10 + i).substr(0, 2), at);
    ASSERT_NE(at, std::string::npos) << i;
  }
  EXPECT_TRUE(responses.ends_with("GET /last - 0"));
}

TEST_F(HostilePeer, that_drips_is_cut_off_wherever_it_stands) {
  world.options.limits.handshake = world.options.limits.header = 100ms;
  world.options.limits.body_grace = 100ms;
  Socket silent(port());
  EXPECT_EQ(silent.read_to_end(), "") << "before the handshake";
  EXPECT_EQ(RawPeer(port()).read_to_end(), "") << "before the first request";

  RawPeer header(port());
  header.send("GET / HTTP/1.1\r\nHost: h\r\nX: ");
  header.drip("y");
  EXPECT_EQ(header.read_to_end(), "");

  RawPeer body(port());
  body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  body.drip("z");
  EXPECT_EQ(body.read_to_end(), "");
  EXPECT_GE(world.server().counts().timeouts, 3U);
}

TEST_F(HostilePeer, that_idles_is_cut_off_after_its_answer) {
  world.options.limits.idle = 100ms;
  RawPeer peer(port());
  EXPECT_EQ(status_of(peer.ask(kGet)), "200");
  expect_alive();
}

TEST_F(HostilePeer, that_does_not_read_its_answer_is_cut_off) {
  const auto body = std::make_shared<const Bytes>(size_t{64} << 20);
  World generous([&](Request, Reply reply) { reply.send({200, "", body, {}}); });
  generous.options.limits.body_grace = 100ms;
  generous.options.limits.body_bytes_per_second = 1 << 30;
  RawPeer peer(generous.server().port());
  peer.send(kGet);
  while (generous.server().counts().timeouts == 0) std::this_thread::yield();
  EXPECT_LT(peer.read_to_end().size(), body->size());
}

TEST_F(HostilePeer, at_its_limit_of_connections_stops_nobody_else) {
  world.options.limits.gate.connections_per_peer = 5;
  std::vector<std::unique_ptr<Socket>> half_open;
  for (int i = 0; i < 5; ++i) half_open.push_back(std::make_unique<Socket>(port()));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Socket(port()).read_to_end(), "") << "closed at once";
  EXPECT_EQ(status_of(RawPeer(port(), "127.0.0.2")
                          .ask("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")),
            "200");
  EXPECT_EQ(world.server().counts().connections_refused, 20U);
  EXPECT_LE(world.server().counts().connections_open, 6U);
  half_open.clear();
  while (world.server().counts().connections_open > 0) std::this_thread::yield();
  expect_alive();
}

TEST_F(HostilePeer, is_one_of_so_many_connections_in_all) {
  world.options.limits.gate.connections = 3;
  const Socket first(port(), "127.0.0.2"), second(port(), "127.0.0.3"), third(port(), "127.0.0.4");
  EXPECT_EQ(Socket(port(), "127.0.0.5").read_to_end(), "");
  EXPECT_EQ(world.server().counts().connections_open, 3U);
}

TEST_F(HostilePeer, with_damaged_requests_gets_answers_or_nothing) {
  const std::string whole =
      "POST /echo?a=%20b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: "
      "close\r\n\r\nhello";
  std::mt19937_64 random(1);
  for (int round = 0; round < 150; ++round) {
    std::string damaged = whole;
    for (uint64_t edits = 1 + random() % 3; edits > 0; --edits) {
      const size_t at = random() % damaged.size();
      if (random() % 3 == 0) {
        damaged.erase(at, 1 + random() % 4);
      } else {
        damaged[at] = static_cast<char>(random());
      }
    }
    RawPeer peer(port());
    peer.send(damaged);
    peer.finish();
    const std::string response = peer.read_to_end();
    EXPECT_TRUE(response.empty() || response.starts_with("HTTP/1.1 ")) << round;
  }
  expect_alive();
}

TEST_F(HostilePeer, that_leaves_in_the_middle_is_forgotten) {
  for (const std::string_view part :
       {std::string_view(""), kGet.substr(0, 5),
        std::string_view("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf")}) {
    RawPeer peer(port());
    if (!part.empty()) peer.send(part);
  }
  while (world.server().counts().connections_open > 0) std::this_thread::yield();
  expect_alive();
}

}  // namespace
}  // namespace stele::http
