// CHECK(condition): for our own bugs. Stays on in release builds; prints where, and aborts.
// Never use it on input: input that is wrong returns an Error (base/result.h).
#pragma once

#include <cstdio>
#include <cstdlib>

namespace stele {

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "stele: bug: CHECK(%s) failed at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace stele

#define CHECK(condition) \
  ((condition) ? (void)0 : ::stele::check_failed(#condition, __FILE__, __LINE__))
