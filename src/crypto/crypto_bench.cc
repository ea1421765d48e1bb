// Targets (2 vCPU EPYC with SHA extensions): SHA-256 1.5 GB/s in bulk, XAES-256-GCM 2 GB/s, Ed25519
// 15k signatures and 6k verifications a second. EVP stands beside SHA-256 at 64 bytes as the reason
// for sha256.cc.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include "crypto/age.h"
#include "crypto/ed25519.h"
#include "crypto/sha256.h"
#include "crypto/test_random.h"
#include "crypto/xaes.h"

namespace stele::crypto {
namespace {

void count_bytes(benchmark::State& state, size_t bytes) {
  state.SetBytesProcessed(static_cast<int64_t>(bytes) * state.iterations());
}

void sha256_of(benchmark::State& state) {
  const Bytes message(static_cast<size_t>(state.range(0)), 1);
  for (auto _ : state) benchmark::DoNotOptimize(sha256(message));
  count_bytes(state, message.size());
}
BENCHMARK(sha256_of)->Arg(64)->Arg(64 << 10);

void sha256_by_evp(benchmark::State& state) {
  const Bytes message(static_cast<size_t>(state.range(0)), 1);
  for (auto _ : state) {
    Hash hash;
    EVP_Digest(message.data(), message.size(), hash.data(), nullptr, EVP_sha256(), nullptr);
    benchmark::DoNotOptimize(hash);
  }
  count_bytes(state, message.size());
}
BENCHMARK(sha256_by_evp)->Arg(64)->Arg(64 << 10);

void merkle_node(benchmark::State& state) {
  const uint8_t prefix = 1;
  const Hash left{}, right{};
  for (auto _ : state) benchmark::DoNotOptimize(sha256({ByteSpan(&prefix, 1), left, right}));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(merkle_node);

void xaes_seal(benchmark::State& state) {
  Xaes xaes(Bytes(32, 1));
  const Bytes message(static_cast<size_t>(state.range(0)), 1);
  Bytes out;
  for (auto _ : state) {
    out.clear();
    xaes.seal({}, message, {}, out);
    benchmark::DoNotOptimize(out.data());
  }
  count_bytes(state, message.size());
}
BENCHMARK(xaes_seal)->Arg(64)->Arg(256 << 10);

void ed25519_sign(benchmark::State& state) {
  const SigningKey key(Bytes(32, 1));
  const Bytes message(64, 1);
  for (auto _ : state) benchmark::DoNotOptimize(key.sign(message));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ed25519_sign);

void ed25519_verify(benchmark::State& state) {
  const SigningKey key(Bytes(32, 1));
  const Bytes message(64, 1);
  const Signature signature = key.sign(message);
  for (auto _ : state) benchmark::DoNotOptimize(verify(key.public_key(), message, signature));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ed25519_verify);

void age_encrypt_to_two(benchmark::State& state) {
  const RandomSource random = test_random(1);
  const std::vector<Recipient> recipients = {Identity::generate(test_random(2)).recipient(),
                                             Identity::generate(test_random(3)).recipient()};
  const Bytes key(32, 1);
  for (auto _ : state) benchmark::DoNotOptimize(age_encrypt(key, recipients, random));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(age_encrypt_to_two);

}  // namespace
}  // namespace stele::crypto
