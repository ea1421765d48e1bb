// What one client and one server do over TLS on loopback, beside AES-256-GCM alone, which is the
// limit: each byte is sealed once and opened once, on the same machine.
//
// To reach: 5,000 requests a second from 8 connections, 100 MB/s of bodies from one.
#include <benchmark/benchmark.h>

#include "crypto/aead.h"
#include "http/test_world.h"

namespace stele::http {
namespace {

World& world() {
  static World* const one = [] {
    auto* made = new World([](Request request, Reply reply) {
      static const auto body = std::make_shared<const Bytes>(pattern(1 << 20));
      if (request.path == "/body") return (void)reply.send({200, "", body, {}});
      reply.send(text_response(200, "ok"));
    });
    (void)made->server();
    return made;
  }();
  return *one;
}

/// One request after the other; each thread has its connection.
void small_requests(benchmark::State& state) {
  Client client = world().client();
  for (auto _ : state) {
    if (client.request(get("/"))->status != 200) state.SkipWithError("refused");
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(small_requests)->Threads(1)->Threads(8)->UseRealTime();

void bodies_up(benchmark::State& state) {
  Client client = world().client();
  const Bytes body = pattern(1 << 20);
  for (auto _ : state) {
    if (client.request(post("/", body))->status != 200) state.SkipWithError("refused");
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) << 20);
}
BENCHMARK(bodies_up)->Threads(1)->Threads(4)->UseRealTime();

void bodies_down(benchmark::State& state) {
  Client client = world().client();
  for (auto _ : state) {
    if (client.request(get("/body"))->body.size() != 1 << 20) state.SkipWithError("short");
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) << 20);
}
BENCHMARK(bodies_down)->Threads(1)->Threads(4)->UseRealTime();

/// A connection, its mutual handshake and one request.
void handshakes(benchmark::State& state) {
  const TestIdentity host = world().authority.client("bench");
  Client client = world().client(host);
  ClientRequest request = get("/");
  request.is_idempotent = false;
  for (auto _ : state) {
    if (client.request(request)->status != 200) state.SkipWithError("refused");
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(handshakes)->UseRealTime();

/// Seals and opens records of TLS's size: what both ends of a connection must do at least.
void aes_256_gcm_both_ways(benchmark::State& state) {
  crypto::Aead aead(crypto::Aead::Cipher::kAes256Gcm);
  const crypto::Key32 key;
  const Bytes record = pattern(16 << 10);
  Bytes sealed(record.size() + crypto::kAeadTagBytes), opened(record.size());
  for (auto _ : state) {
    aead.seal(key.span(), {}, record, {}, sealed);
    benchmark::DoNotOptimize(aead.open(key.span(), {}, sealed, {}, opened));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * record.size()));
}
BENCHMARK(aes_256_gcm_both_ways);

}  // namespace
}  // namespace stele::http
