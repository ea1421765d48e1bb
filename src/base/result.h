// Result<T> and Error: how everything that can fail says so. No exceptions in our code.
//
// Branch on codes, never on text. A context says what and where, for a person; no secret ever
// enters it.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace stele {

enum class Code {
  kInvalid,         // the caller's input is wrong: a flag, a name, a value
  kCorrupt,         // bytes that are not what their format says
  kNotFound,        // it is not there
  kExists,          // it is there already, and different
  kPermission,      // the operating system refused, by identity
  kNoSpace,         // disk or quota full: a policy event, not a crash
  kIo,              // the device or kernel failed; after a failed sync the process stops
  kUnsupported,     // well-formed, but not something we do
  kUnauthentic,     // a signature, MAC or proof does not hold
  kBusy,            // somebody else holds it
  kLimit,           // larger than a stated bound
  kConflict,        // contradicts what is committed
  kOutcomeUnknown,  // may or may not have happened: reload and compare, never retry blindly
};

/// The name of a code as --json and logs spell it: "invalid", "corrupt", …
std::string_view code_name(Code code);

struct [[nodiscard]] Error {
  Code code = Code::kInvalid;
  std::string context;
  int sys_errno = 0;  // 0: none

  /// "context: strerror(errno)", or the context alone.
  std::string message() const;
  /// The same error, told from one level further out: "outer: inner".
  Error within(std::string_view outer) &&;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(Code code, std::string context, int sys_errno = 0) {
  return tl::unexpected<Error>(Error{code, std::move(context), sys_errno});
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace stele

#define STELE_CONCAT_(a, b) a##b
#define STELE_CONCAT(a, b) STELE_CONCAT_(a, b)

/// TRY(auto x, expression): x is the value, or the function returns the error.
#define TRY(declaration, expression) TRY_(STELE_CONCAT(try_, __COUNTER__), declaration, expression)
#define TRY_(result, declaration, expression)                   \
  auto result = (expression);                                   \
  if (!result) return ::stele::fail(std::move(result).error()); \
  declaration = *std::move(result)

/// TRY_VOID(expression): for a Status.
#define TRY_VOID(expression)                                              \
  do {                                                                    \
    auto try_status = (expression);                                       \
    if (!try_status) return ::stele::fail(std::move(try_status).error()); \
  } while (false)
