// STELE_FUZZ(name, input) { … }: one fuzz target in a *_fuzz.cc file; CHECK its properties.
//
// Built twice: with libFuzzer (preset `fuzz`), and into the module's tests, where it replays every
// file of testdata/corpus/<name>/ and some thousand deterministic mutations of them, so that no
// target rots unrun.
#pragma once

#include "base/bytes.h"

#ifdef STELE_FUZZ_ALONE

#define STELE_FUZZ(name, input)                                             \
  static void fuzz_##name(::stele::ByteSpan input);                         \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { \
    fuzz_##name({data, size});                                              \
    return 0;                                                               \
  }                                                                         \
  static void fuzz_##name(::stele::ByteSpan input)

#else

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

namespace stele::fuzz {

inline void replay(const char* name, void (*target)(ByteSpan)) {
  std::vector<Bytes> corpus = {{}};
  const std::filesystem::path folder = std::filesystem::path(STELE_TESTDATA) / "corpus" / name;
  if (std::filesystem::exists(folder)) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      std::ifstream file(path, std::ios::binary);
      corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
  }
  std::mt19937_64 random(1);
  for (const Bytes& seed : corpus) {
    target(seed);
    for (size_t round = 0; round < 2000 / corpus.size() + 1; ++round) {
      Bytes mutant = seed;
      for (uint64_t edits = 1 + random() % 4; edits > 0; --edits) {
        const size_t at = mutant.empty() ? 0 : random() % mutant.size();
        switch (random() % 4) {
          case 0:
            mutant.insert(mutant.begin() + static_cast<ptrdiff_t>(at),
                          static_cast<uint8_t>(random()));
            break;
          case 1:
            mutant.resize(at);
            break;
          default:
            if (!mutant.empty()) mutant[at] ^= static_cast<uint8_t>(1U << random() % 8);
        }
      }
      target(mutant);
    }
  }
}

}  // namespace stele::fuzz

#define STELE_FUZZ(name, input)                                   \
  static void fuzz_##name(::stele::ByteSpan input);               \
  TEST(Fuzz, name) { ::stele::fuzz::replay(#name, fuzz_##name); } \
  static void fuzz_##name(::stele::ByteSpan input)

#endif
