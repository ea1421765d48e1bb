#include "http/server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

#include "base/check.h"
#include "http/worker.h"

namespace stele::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr int kBacklog = 1024;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  // out of descriptors or memory

Error listen_error(const ServerOptions& options, std::string_view verb, const error_code& error) {
  const Code code = error == asio::error::address_in_use  ? Code::kBusy
                    : error == asio::error::access_denied ? Code::kPermission
                                                          : Code::kIo;
  return Error{code,
               std::string(verb) + " " + options.address + " port " + std::to_string(options.port),
               error.value()};
}

/// IPv4 in its own words, also where it came in by an IPv6 socket.
std::string text_of(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

}  // namespace

struct Server::Parts {
  Shared shared;
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  asio::steady_timer pause{io};
  uint16_t port = 0;
  std::vector<std::unique_ptr<Worker>> workers;
  std::thread accepting;
  bool is_stopping = false;  // the accepting thread's
  bool is_stopped = false;

  Parts(ServerOptions options, Handler handler) : shared(std::move(options), std::move(handler)) {}

  Status listen() {
    const ServerOptions& options = shared.options;
    error_code error;
    const auto address = asio::ip::make_address(options.address, error);
    if (error) return fail(Code::kInvalid, "listen: not an IP address: " + options.address);
    const tcp::endpoint endpoint(address, options.port);
    if (acceptor.open(endpoint.protocol(), error)) {
      return fail(listen_error(options, "open", error));
    }
    error = acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (acceptor.bind(endpoint, error)) return fail(listen_error(options, "bind", error));
    if (acceptor.listen(kBacklog, error)) return fail(listen_error(options, "listen", error));
    port = acceptor.local_endpoint().port();
    return {};
  }

  asio::awaitable<void> accept() {
    for (size_t next = 0; !is_stopping;) {
      auto [error, socket] = co_await acceptor.async_accept(kTuple);
      if (error) {
        if (is_stopping) break;
        if (error == asio::error::connection_aborted) continue;
        pause.expires_after(kAcceptPause);
        co_await pause.async_wait(kTuple);
        continue;
      }
      if (give(*workers[next % workers.size()], std::move(socket))) ++next;
    }
  }

  bool give(Worker& worker, tcp::socket socket) {
    error_code error;
    const tcp::endpoint from = socket.remote_endpoint(error);
    if (error) return false;
    std::string address = text_of(from.address());
    auto seat = shared.gate.enter(peer_of_address(address));
    if (!seat) {
      ++shared.counters.connections_refused;
      return false;
    }
    error = socket.set_option(tcp::no_delay(true), error);
    const int descriptor = socket.release(error);
    if (error) return false;
    ++shared.counters.connections;
    worker.adopt(descriptor, from.address().is_v6(), std::move(address), std::move(seat));
    return true;
  }
};

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Handler handler) {
  CHECK(options.now != nullptr && handler != nullptr && options.threads > 0);
  CHECK(options.limits.body_bytes_per_second > 0);
  auto parts = std::make_unique<Parts>(std::move(options), std::move(handler));
  const ServerOptions& kept = parts->shared.options;
  TRY(auto tls, TlsServer::make(kept.identity, kept.expired_grace, kept.now));
  parts->shared.set_tls(std::move(tls));
  TRY_VOID(parts->listen());
  for (size_t i = 0; i < kept.threads; ++i) {
    parts->workers.push_back(std::make_unique<Worker>(parts->shared, "http-" + std::to_string(i)));
  }
  asio::co_spawn(parts->io, parts->accept(), asio::detached);
  parts->accepting = std::thread([all = parts.get()] {
    if (all->shared.options.thread_started) all->shared.options.thread_started("accept");
    all->io.run();
  });
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::~Server() { stop(std::chrono::milliseconds(0)); }

uint16_t Server::port() const { return parts_->port; }

Status Server::set_identity(TlsIdentity identity) {
  const ServerOptions& options = parts_->shared.options;
  TRY(auto tls, TlsServer::make(identity, options.expired_grace, options.now));
  parts_->shared.set_tls(std::move(tls));
  return {};
}

Counts Server::counts() const {
  return parts_->shared.counters.snapshot(parts_->shared.gate.connections());
}

void Server::stop(std::chrono::milliseconds grace) {
  if (parts_->is_stopped) return;
  parts_->is_stopped = true;
  asio::post(parts_->io, [parts = parts_.get()] {
    parts->is_stopping = true;
    parts->pause.cancel();
    error_code ignored;
    ignored = parts->acceptor.close(ignored);
  });
  parts_->accepting.join();
  for (const auto& worker : parts_->workers) worker->stop();
  if (!parts_->shared.gate.wait_until_empty(grace)) {
    for (const auto& worker : parts_->workers) worker->abort();
  }
  parts_->workers.clear();
}

}  // namespace stele::http
