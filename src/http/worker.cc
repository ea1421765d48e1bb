// The one file that includes Boost.Beast (40 s of compiler), and its coroutines.
#include "http/worker.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <set>
#include <thread>

#include "base/check.h"
#include "http/framing.h"
#include "os/fd.h"

namespace stele::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::awaitable;
using asio::ip::tcp;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr size_t kBodyStepBytes = 64 << 10;    // reserved and read at least
constexpr size_t kWriteStepBytes = 256 << 10;  // written under one deadline
constexpr size_t kInlineBodyBytes = 16 << 10;  // sent with the head, in one TLS record or two
constexpr size_t kLingerBytes = 4 << 20;       // of a body nobody wants, read after the answer
// An end without anything unread is told to the peer, and its own word for it hardly waited for.
constexpr std::chrono::milliseconds kFarewell{50};

asio::ssl::context borrowed_context(const TlsServer& tls) {
  SSL_CTX_up_ref(tls.context());
  return asio::ssl::context(tls.context());
}

uint64_t body_size(const Body& body) {
  if (const auto* bytes = std::get_if<Bytes>(&body)) return bytes->size();
  if (const auto* shared = std::get_if<std::shared_ptr<const Bytes>>(&body)) {
    return (*shared)->size();
  }
  return std::get<std::unique_ptr<BodySource>>(body)->size();
}

/// The bytes of a body that is in memory.
std::optional<ByteSpan> bytes_of(const Body& body) {
  if (const auto* bytes = std::get_if<Bytes>(&body)) return *bytes;
  if (const auto* shared = std::get_if<std::shared_ptr<const Bytes>>(&body)) return **shared;
  return std::nullopt;
}

/// One connection, from the handshake to its end, all on its worker's thread.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Shared& shared, std::set<Connection*>& all, tcp::socket socket, std::string address,
             std::unique_ptr<Gate::Seat> seat)
      : shared_(shared),
        limits_(shared.options.limits),
        all_(all),
        seat_(std::move(seat)),
        tls_(shared.tls()),
        context_(borrowed_context(*tls_)),
        stream_(std::move(socket), context_),
        buffer_(limits_.header_bytes + kBodyStepBytes),
        wake_(stream_.get_executor(), SteadyClock::time_point::max()) {
    peer_.address = std::move(address);
    all_.insert(this);
  }
  ~Connection() { all_.erase(this); }

  awaitable<void> run() {
    const auto self = shared_from_this();
    if (!co_await shake_hands()) co_return;
    bool goes_on = true;
    while (goes_on && !is_stopping_) goes_on = co_await serve_one();
    if (!is_aborted_) co_await part();
  }

  void stop() {
    is_stopping_ = true;
    if (is_idle_) beast::get_lowest_layer(stream_).cancel();
  }
  void abort() {
    is_stopping_ = is_aborted_ = true;
    beast::get_lowest_layer(stream_).close();
    wake_.cancel();
  }

 private:
  void deadline(std::chrono::milliseconds from_now) {
    beast::get_lowest_layer(stream_).expires_after(from_now);
  }
  /// For a body of which `moved` bytes have passed since `start`.
  void rate_deadline(SteadyClock::time_point start, uint64_t moved) {
    const auto allowed = std::chrono::milliseconds(moved * 1000 / limits_.body_bytes_per_second);
    beast::get_lowest_layer(stream_).expires_at(start + limits_.body_grace + allowed);
  }
  void note(error_code error) {
    if (error == beast::error::timeout) ++shared_.counters.timeouts;
  }

  awaitable<bool> shake_hands() {
    deadline(limits_.handshake);
    is_idle_ = true;
    const auto [error] = co_await stream_.async_handshake(asio::ssl::stream_base::server, kTuple);
    is_idle_ = false;
    if (error) {
      note(error);
      if (!is_stopping_) ++shared_.counters.handshakes_failed;
      co_return false;
    }
    peer_.certificate = peer_certificate(stream_.native_handle());
    co_return true;
  }

  /// Until the first byte of a request is there.
  awaitable<bool> wait_for_request() {
    if (buffer_.size() > 0) co_return true;
    buffer_.shrink_to_fit();  // an idle connection holds little
    deadline(has_served_ ? limits_.idle : limits_.header);
    is_idle_ = true;
    const auto [error, size] = co_await stream_.async_read_some(buffer_.prepare(4096), kTuple);
    is_idle_ = false;
    if (error) {
      if (!has_served_) note(error);
      co_return false;
    }
    buffer_.commit(size);
    co_return !is_stopping_;
  }

  /// False: the connection ends.
  awaitable<bool> serve_one() {
    if (!co_await wait_for_request()) co_return false;
    Request request;
    Framing framing;
    std::optional<Refusal> refusal;
    if (!co_await read_head(request, framing, refusal)) co_return false;
    if (refusal) co_return co_await refuse(*refusal);
    refusal = admit(request, framing);
    if (!refusal && framing.content_length > 0) {
      if (framing.expects_continue && !co_await send_continue()) co_return false;
      if (!co_await read_body(request.body, framing.content_length, refusal)) co_return false;
    }
    if (refusal) {
      request.body = Bytes();
      co_return co_await refuse(*refusal);
    }
    has_served_ = true;

    const bool is_head = request.method == "HEAD";
    std::optional<Response> response = co_await answer(std::move(request));
    if (!response) co_return false;
    const bool keep = framing.keep_alive && !is_stopping_;
    seat_->release();  // before the peer can know, and come with the next
    if (!co_await send(std::move(*response), is_head, keep)) co_return false;
    co_return keep;
  }

  /// False: nothing came that could be answered.
  awaitable<bool> read_head(Request& request, Framing& framing, std::optional<Refusal>& refusal) {
    beast::http::request_parser<beast::http::empty_body> parser;
    parser.header_limit(static_cast<uint32_t>(limits_.header_bytes));
    parser.body_limit(boost::none);
    deadline(limits_.header);
    const auto [error, size] =
        co_await beast::http::async_read_header(stream_, buffer_, parser, kTuple);
    shared_.counters.bytes_in += size;
    namespace http = beast::http;
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      ++shared_.counters.refused_header_bytes;
      refusal = Refusal{431, "the header is too large"};
    } else if (error == http::error::end_of_stream || error == http::error::partial_message) {
      co_return false;
    } else if (error &&
               error.category() == http::make_error_code(http::error::bad_method).category()) {
      ++shared_.counters.refused_framing;
      refusal = error == http::error::bad_version ? Refusal{505, "HTTP/1.1 is wanted"}
                                                  : Refusal{400, "malformed request"};
    } else if (error) {
      note(error);
      co_return false;
    }
    if (refusal) co_return true;

    const auto& head = parser.get();
    request.method = head.method_string();
    request.peer = peer_;
    for (const auto& field : head) {
      std::string name(field.name_string());
      for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      request.headers.push_back({std::move(name), std::string(field.value())});
    }
    const auto checked = check_head(head.target(), head.version(), request);
    if (checked) {
      framing = *checked;
    } else {
      ++(checked.error().status == 431 ? shared_.counters.refused_header_bytes
                                       : shared_.counters.refused_framing);
      refusal = checked.error();
    }
    co_return true;
  }

  /// What there is to say against a well-formed head.
  std::optional<Refusal> admit(Request& request, const Framing& framing) {
    const ServerOptions& options = shared_.options;
    if (peer_.certificate) {
      const WallTime end = peer_.certificate->not_after, now = options.now();
      request.peer.is_expired = now >= end;
      // It held at the handshake, which may be long ago.
      if (now >= end + options.expired_grace && now >= end) {
        return Refusal{401, "the client certificate has expired"};
      }
    }
    size_t most = limits_.body_bytes;
    if (options.body_bytes_for) most = std::min(most, options.body_bytes_for(request));
    if (framing.content_length <= most) return std::nullopt;
    ++shared_.counters.refused_body_bytes;
    return Refusal{413, "the body is too large"};
  }

  awaitable<bool> send_continue() {
    deadline(limits_.header);
    const auto [error, size] = co_await asio::async_write(
        stream_, asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")), kTuple);
    co_return !error;
  }

  /// Reads exactly `length` bytes. Memory is reserved as they come, never more at once than came
  /// before: who wants much of it has to send much.
  awaitable<bool> read_body(Bytes& body, uint64_t length, std::optional<Refusal>& refusal) {
    const auto start = SteadyClock::now();
    while (body.size() < length) {
      const size_t had = body.size();
      const size_t step = std::min<uint64_t>(length - had, std::max(had, kBodyStepBytes));
      if (!seat_->reserve(step)) {
        ++shared_.counters.refused_memory;
        refusal = Refusal{503, "no memory left for bodies; try again"};
        co_return true;
      }
      body.resize(had + step);
      for (size_t filled = had; filled < body.size();) {
        const MutableByteSpan rest = MutableByteSpan(body).subspan(filled);
        if (const size_t ready = std::min(buffer_.size(), rest.size()); ready > 0) {
          std::memcpy(rest.data(), buffer_.data().data(), ready);
          buffer_.consume(ready);
          filled += ready;
          continue;
        }
        rate_deadline(start, filled);
        const auto [error, size] =
            co_await stream_.async_read_some(asio::buffer(rest.data(), rest.size()), kTuple);
        if (error) {
          note(error);
          co_return false;
        }
        filled += size;
      }
    }
    shared_.counters.bytes_in += length;
    co_return true;
  }

  /// Nothing: the server ends before there is an answer.
  awaitable<std::optional<Response>> answer(Request request) {
    const auto self = shared_from_this();
    const auto slot = std::make_shared<ReplySlot>(
        [self] { asio::post(self->stream_.get_executor(), [self] { self->wake_.cancel(); }); });
    shared_.handler(std::move(request), Reply(slot));
    std::optional<Response> response = slot->take();
    while (!response && !is_aborted_) {
      co_await wake_.async_wait(kTuple);
      response = slot->take();
    }
    slot->abandon();
    co_return response;
  }

  /// Says no and ends the connection: what follows on it may be anything.
  awaitable<bool> refuse(Refusal refusal) {
    const auto& say = shared_.options.refuse;
    Response response = say ? say(refusal.status, refusal.text)
                            : text_response(refusal.status, std::string(refusal.text) + "\n");
    seat_->release();
    has_unread_ = co_await send(std::move(response), false, false);
    co_return false;
  }

  awaitable<bool> send(Response response, bool is_head, bool keep) {
    const uint64_t size = body_size(response.body);
    const auto reason = [&] {
      return beast::http::obsolete_reason(static_cast<beast::http::status>(response.status));
    };
    const auto date = std::chrono::floor<std::chrono::seconds>(shared_.options.now());
    auto head = encode_head(response, reason(), size, keep, date);
    const bool has_body = size > 0 && !is_head && response.status != 204 && response.status != 304;
    if (!head) co_return co_await send(text_response(500, "malformed answer\n"), is_head, keep);
    shared_.counters.answered(response.status);

    const auto start = SteadyClock::now();
    const auto bytes = bytes_of(response.body);
    const bool is_inline = has_body && bytes && size <= kInlineBodyBytes;
    if (is_inline) head->append(as_text(*bytes));
    uint64_t sent = 0;
    if (!co_await write(as_bytes(*head), start, sent)) co_return false;
    if (is_inline || !has_body) co_return true;
    if (bytes) co_return co_await write(*bytes, start, sent);
    co_return co_await write_from(*std::get<std::unique_ptr<BodySource>>(response.body), start,
                                  sent);
  }

  awaitable<bool> write(ByteSpan bytes, SteadyClock::time_point start, uint64_t& sent) {
    while (!bytes.empty()) {
      const ByteSpan step = bytes.first(std::min(bytes.size(), kWriteStepBytes));
      rate_deadline(start, sent);
      const auto [error, size] =
          co_await asio::async_write(stream_, asio::buffer(step.data(), step.size()), kTuple);
      if (error) {
        note(error);
        co_return false;
      }
      shared_.counters.bytes_out += size;
      sent += size;
      bytes = bytes.subspan(step.size());
    }
    co_return true;
  }

  /// A source that fails has its connection cut short of its Content-Length: the peer notices.
  awaitable<bool> write_from(BodySource& source, SteadyClock::time_point start, uint64_t sent) {
    Bytes chunk(std::min<uint64_t>(source.size(), kWriteStepBytes));
    for (uint64_t at = 0; at < source.size();) {
      const size_t wanted = std::min<uint64_t>(chunk.size(), source.size() - at);
      const auto read = source.read_at(at, MutableByteSpan(chunk).first(wanted));
      if (!read || *read == 0 || *read > wanted) {
        is_broken_ = true;
        co_return false;
      }
      if (!co_await write(ByteSpan(chunk).first(*read), start, sent)) co_return false;
      at += *read;
    }
    co_return true;
  }

  /// The orderly end: close_notify, then what the peer still sends is read and forgotten for a
  /// while, since closing on unread bytes would take our answer back from it (RFC 9112 §9.6).
  awaitable<void> part() {
    if (is_broken_) co_return;
    deadline(has_unread_ ? limits_.closing : std::min(limits_.closing, kFarewell));
    co_await stream_.async_shutdown(kTuple);
    if (!has_unread_) co_return;
    tcp::socket& socket = beast::get_lowest_layer(stream_).socket();
    error_code ignored;
    ignored = socket.shutdown(tcp::socket::shutdown_send, ignored);
    Bytes chunk(kBodyStepBytes);
    for (size_t dropped = 0; dropped < kLingerBytes;) {
      const auto [error, size] =
          co_await beast::get_lowest_layer(stream_).async_read_some(asio::buffer(chunk), kTuple);
      if (error) co_return;
      dropped += size;
    }
  }

  Shared& shared_;
  const ServerLimits& limits_;
  std::set<Connection*>& all_;
  std::unique_ptr<Gate::Seat> seat_;  // given back last
  const std::shared_ptr<const TlsServer> tls_;
  asio::ssl::context context_;
  beast::ssl_stream<beast::tcp_stream> stream_;
  beast::flat_buffer buffer_;
  asio::steady_timer wake_;  // cancelled when there is an answer
  Peer peer_;
  bool has_served_ = false;
  bool has_unread_ = false;   // the peer may still be sending what was refused
  bool is_broken_ = false;    // an answer was begun that cannot be ended
  bool is_idle_ = false;      // nothing was asked: stopping ends it at once
  bool is_stopping_ = false;  // no request after this one
  bool is_aborted_ = false;
};

}  // namespace

struct Worker::Parts {
  Shared& shared;
  asio::io_context io{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> stays{
      asio::make_work_guard(io)};
  std::set<Connection*> connections;  // the thread's
  bool is_stopping = false;           // the thread's
  std::thread thread;

  explicit Parts(Shared& s) : shared(s) {}
};

Worker::Worker(Shared& shared, std::string name) : parts_(std::make_unique<Parts>(shared)) {
  parts_->thread = std::thread([parts = parts_.get(), name = std::move(name)] {
    if (parts->shared.options.thread_started) parts->shared.options.thread_started(name);
    parts->io.run();
  });
}

Worker::~Worker() { parts_->thread.join(); }

void Worker::adopt(int socket, bool is_v6, std::string address, std::unique_ptr<Gate::Seat> seat) {
  os::Fd descriptor(socket);
  tcp::socket owned(parts_->io);
  error_code error;
  if (owned.assign(is_v6 ? tcp::v6() : tcp::v4(), descriptor.get(), error)) return;
  (void)descriptor.release();
  asio::post(parts_->io, [parts = parts_.get(), owned = std::move(owned),
                          address = std::move(address), seat = std::move(seat)]() mutable {
    if (parts->is_stopping) return;
    auto made = std::make_shared<Connection>(parts->shared, parts->connections, std::move(owned),
                                             std::move(address), std::move(seat));
    asio::co_spawn(parts->io, made->run(), asio::detached);
  });
}

void Worker::stop() {
  asio::post(parts_->io, [parts = parts_.get()] {
    parts->is_stopping = true;
    parts->stays.reset();
    for (Connection* connection : parts->connections) connection->stop();
  });
}

void Worker::abort() {
  asio::post(parts_->io, [parts = parts_.get()] {
    for (Connection* connection : parts->connections) connection->abort();
  });
}

}  // namespace stele::http
