#include "http/tls_stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/test_world.h"
#include "os/signals.h"

namespace stele::http {
namespace {

/// The client's side, a step at a time.
class TestTlsClient {
 public:
  /// It takes any server. `certificate_pem`, `key_pem`: empty: none is shown.
  explicit TestTlsClient(os::Fd socket, std::string_view certificate_pem = {},
                         std::string_view key_pem = {}, int version = TLS1_3_VERSION)
      : socket_(std::move(socket)), context_(SSL_CTX_new(TLS_client_method())), ssl_(nullptr) {
    SSL_CTX_set_max_proto_version(context_, version);
    if (!certificate_pem.empty()) use(certificate_pem, key_pem);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, socket_.get());
    SSL_set_connect_state(ssl_);
  }
  TestTlsClient(os::Fd socket, const crypto::TestIdentity& identity)
      : TestTlsClient(std::move(socket), identity.certificate.to_pem(),
                      as_text(identity.key.to_pem().span())) {}
  ~TestTlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    ERR_clear_error();
  }
  TestTlsClient(const TestTlsClient&) = delete;
  TestTlsClient& operator=(const TestTlsClient&) = delete;

  /// Goes on with the handshake; whether that is done.
  bool step() {
    ERR_clear_error();
    return SSL_do_handshake(ssl_) == 1;
  }
  /// How many of the bytes went.
  size_t send(ByteSpan bytes) {
    ERR_clear_error();
    const int sent = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    return sent > 0 ? static_cast<size_t>(sent) : 0;
  }
  /// What is there by now.
  std::string receive() {
    std::string all;
    char room[16 << 10];
    ERR_clear_error();
    for (int got = SSL_read(ssl_, room, sizeof room); got > 0;
         got = SSL_read(ssl_, room, sizeof room))
      all.append(room, static_cast<size_t>(got));
    return all;
  }
  /// The server said that it is done, and not by a cut alone.
  bool was_told_of_the_end() const { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }
  void say_goodbye() { SSL_shutdown(ssl_); }
  /// Asks the other side to change its keys, and so to write something of its own.
  void ask_for_new_keys() { SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED); }
  void hang_up() { socket_.reset(); }
  int fd() const { return socket_.get(); }

 private:
  void use(std::string_view certificate_pem, std::string_view key_pem) {
    BIO* certificate =
        BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size()));
    BIO* key = BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size()));
    X509* loaded = PEM_read_bio_X509(certificate, nullptr, nullptr, nullptr);
    EVP_PKEY* loaded_key = PEM_read_bio_PrivateKey(key, nullptr, nullptr, nullptr);
    SSL_CTX_use_certificate(context_, loaded);
    SSL_CTX_use_PrivateKey(context_, loaded_key);
    X509_free(loaded);
    EVP_PKEY_free(loaded_key);
    BIO_free(certificate);
    BIO_free(key);
  }

  os::Fd socket_;
  SSL_CTX* context_;
  SSL* ssl_;
};

class TlsStreamTest : public testing::Test {
 protected:
  TlsStreamTest() { os::ignore_broken_pipes(); }

  static std::pair<os::Fd, os::Fd> pair() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    return {os::Fd(ends[0]), os::Fd(ends[1])};
  }
  std::shared_ptr<const TlsServer> server() {
    TlsIdentity identity = server_identity(authority);
    identity.demands_certificate = true;
    return TlsServer::make(identity, std::chrono::seconds(0), [this] { return now; }).value();
  }
  std::unique_ptr<TlsStream> stream(os::Fd socket) {
    return std::make_unique<TlsStream>(server(), os::StreamSocket(std::move(socket)));
  }
  /// Both sides in turn, until ours is done or fails.
  static Result<bool> shake_hands(TlsStream& ours, TestTlsClient& theirs) {
    for (int i = 0; i < 20; ++i) {
      theirs.step();
      const auto done = ours.shake_hands();
      if (!done || *done) return done;
    }
    return false;
  }
  struct Talk {
    std::unique_ptr<TlsStream> ours;
    std::unique_ptr<TestTlsClient> theirs;
  };
  Talk talk() {
    auto [mine, other] = pair();
    Talk made{stream(std::move(mine)),
              std::make_unique<TestTlsClient>(std::move(other), authority.client("web02"))};
    EXPECT_TRUE(shake_hands(*made.ours, *made.theirs).value_or(false));
    return made;
  }
  std::string refusal_of(std::string_view certificate, std::string_view key,
                         int version = TLS1_3_VERSION) {
    auto [mine, other] = pair();
    const auto ours = stream(std::move(mine));
    TestTlsClient theirs(std::move(other), certificate, key, version);
    const auto done = shake_hands(*ours, theirs);
    EXPECT_FALSE(done);
    if (done) return "";
    EXPECT_EQ(done.error().code, Code::kUnauthentic);
    EXPECT_EQ(ours->peer(), nullptr);
    return done.error().message();
  }
  std::string refusal_of(const TestIdentity& identity) {
    return refusal_of(identity.certificate.to_pem(), as_text(identity.key.to_pem().span()));
  }
  static std::string received(TlsStream& from) {
    std::string all;
    Bytes room(1000);
    for (auto got = from.receive(room); got && got->bytes > 0; got = from.receive(room))
      all += as_text(ByteSpan(room).first(got->bytes));
    return all;
  }

  TestAuthority authority;
  WallTime now = kTestNow;
};

TEST_F(TlsStreamTest, WhoIsAtTheOtherEndIsKnownBeforeAnythingIsSaid) {
  const Talk both = talk();
  EXPECT_EQ(both.ours->peer()->host, "web02");
  EXPECT_EQ(both.theirs->send(as_bytes("hello")), 5U);
  EXPECT_EQ(received(*both.ours), "hello");
  EXPECT_EQ(both.ours->send(as_bytes("welcome")).value(), 7U);
  EXPECT_EQ(both.theirs->receive(), "welcome");
}

TEST_F(TlsStreamTest, WhatIsUnreadAndUnseenByPollIsTold) {
  const Talk both = talk();
  both.theirs->send(as_bytes("hello"));
  Bytes room(2);
  EXPECT_FALSE(both.ours->has_unread());
  EXPECT_EQ(both.ours->receive(room)->bytes, 2U);
  EXPECT_TRUE(both.ours->has_unread());
  EXPECT_EQ(received(*both.ours), "llo");
  EXPECT_FALSE(both.ours->has_unread());
  EXPECT_TRUE(both.ours->receive(room)->is_blocked);
}

TEST_F(TlsStreamTest, ASlowReaderLosesNothing) {
  const Talk both = talk();
  const Bytes all = pattern(size_t{4} << 20);
  Bytes unsent = all;
  std::string read;
  while (!unsent.empty()) {
    const auto sent = both.ours->send(unsent);
    ASSERT_TRUE(sent);
    unsent.erase(unsent.begin(), unsent.begin() + static_cast<ptrdiff_t>(*sent));
    unsent.shrink_to_fit();  // and so it lies elsewhere
    if (*sent > 0) continue;
    const os::Readiness awaited = both.ours->awaited(true);
    EXPECT_TRUE(awaited.want_write && awaited.want_read);
    read += both.theirs->receive();
  }
  EXPECT_FALSE(both.ours->awaited(false).want_write);
  read += both.theirs->receive();
  EXPECT_EQ(read.size(), all.size());
  EXPECT_TRUE(equal(as_bytes(read), all));
}

TEST_F(TlsStreamTest, KeysMayChangeWhileNothingCanBeWritten) {
  const Talk both = talk();
  const Bytes much(size_t{1} << 20, 'x');
  for (auto more = both.ours->send(much); more && *more > 0;) more = both.ours->send(much);
  both.theirs->ask_for_new_keys();
  std::string heard;
  size_t said = 0;
  for (int i = 0; i < 100 && heard.empty(); ++i) {
    if (said == 0) said = both.theirs->send(as_bytes("still here"));
    both.theirs->receive();
    ASSERT_TRUE(both.ours->send(much));
    heard += received(*both.ours);
  }
  EXPECT_EQ(heard, "still here");
}

TEST_F(TlsStreamTest, AnEndIsToldFromACut) {
  Bytes room(16);
  const Talk ended = talk();
  ended.theirs->say_goodbye();
  EXPECT_TRUE(ended.ours->receive(room)->is_closed);
  const Talk cut = talk();
  cut.theirs->send(as_bytes("hello"));
  cut.theirs->hang_up();
  EXPECT_EQ(received(*cut.ours), "hello");
  EXPECT_EQ(cut.ours->receive(room).error().code, Code::kNotFound);
  const Talk broken = talk();
  ASSERT_EQ(::write(broken.theirs->fd(), "no TLS at all", 13), 13);
  EXPECT_EQ(broken.ours->receive(room).error().code, Code::kCorrupt);
  Talk ours = talk();
  ours.ours.reset();
  EXPECT_EQ(ours.theirs->receive(), "");
  EXPECT_TRUE(ours.theirs->was_told_of_the_end());
}

TEST_F(TlsStreamTest, NobodyComesInWithoutACertificateThatHolds) {
  EXPECT_NE(refusal_of("", "").find("did not return a certificate"), std::string::npos);
  TestAuthority other(2);
  EXPECT_NE(refusal_of(other.client("web02")).find("unable to get local issuer"),
            std::string::npos);
  EXPECT_NE(
      refusal_of(authority.client("web02", kTestNow - std::chrono::hours(48))).find("expired"),
      std::string::npos);
  refusal_of(authority.client("web02", kTestNow + std::chrono::hours(48)));  // not valid yet
  refusal_of(authority.server({"web02"}));                                   // not a client's
}

TEST_F(TlsStreamTest, AnOlderTlsIsRefused) {
  const TestIdentity identity = authority.client("web02");
  const std::string why = refusal_of(identity.certificate.to_pem(),
                                     as_text(identity.key.to_pem().span()), TLS1_2_VERSION);
  EXPECT_NE(why.find("protocol"), std::string::npos) << why;
}

TEST_F(TlsStreamTest, GarbageIsNoHandshake) {
  for (const std::string_view each : {std::string_view("\0\0\0\x0cj\x0asudoers 1.9", 15),
                                      std::string_view("GET / HTTP/1.1\r\n\r\n"),
                                      std::string_view("\x16\x03\x01\x00\x05garba", 10)}) {
    auto [mine, other] = pair();
    const auto ours = stream(std::move(mine));
    ASSERT_EQ(::write(other.get(), each.data(), each.size()), static_cast<ssize_t>(each.size()));
    const auto done = ours->shake_hands();
    ASSERT_FALSE(done) << each;
    EXPECT_EQ(done.error().code, Code::kUnauthentic) << done.error().message();
  }
}

// Every byte of the client's by itself: who is slow waits, and holds nobody.
TEST_F(TlsStreamTest, AHandshakeMayComeByteByByteAndBeCutAtAny) {
  const TestIdentity identity = authority.client("web02");
  size_t passed = 0;
  const auto relay = [&](size_t most) -> Result<bool> {
    auto [mine, near] = pair();
    auto [far, other] = pair();
    const auto ours = stream(std::move(mine));
    TestTlsClient theirs(std::move(other), identity);
    passed = 0;
    for (int i = 0; i < 20; ++i) {
      theirs.step();
      char byte = 0;
      while (::read(far.get(), &byte, 1) == 1) {
        if (passed++ == most) near.reset();
        if (near) {
          EXPECT_EQ(::write(near.get(), &byte, 1), 1);
        }
        const auto done = ours->shake_hands();
        if (!done || *done) return done;
      }
      char room[4096];
      for (ssize_t got = near ? ::read(near.get(), room, sizeof room) : 0; got > 0;
           got = ::read(near.get(), room, sizeof room))
        EXPECT_EQ(::write(far.get(), room, static_cast<size_t>(got)), got);
    }
    return false;
  };
  const auto whole = relay(SIZE_MAX);
  ASSERT_TRUE(whole) << whole.error().message();
  EXPECT_TRUE(*whole);
  const size_t all = passed;
  for (size_t most = 0; most < all; most += 37) {
    const auto cut = relay(most);
    ASSERT_FALSE(cut.value_or(false)) << most;
    EXPECT_EQ(cut.error().code, Code::kNotFound) << cut.error().message();
  }
}

}  // namespace
}  // namespace stele::http
