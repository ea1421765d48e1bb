// The answer to one request, given now or later, from any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "http/message.h"

namespace stele::http {

/// Where a connection waits for its answer. Safe from any thread.
class ReplySlot {
 public:
  /// `wake` is called at most once, under the slot's lock, when there is an answer.
  explicit ReplySlot(std::function<void()> wake) : wake_(std::move(wake)) {}

  /// False: answered already.
  bool complete(Response response);
  std::optional<Response> take();
  /// From now on nobody waits, and `wake` is not called.
  void abandon();

 private:
  std::mutex mutex_;
  std::function<void()> wake_;
  bool is_answered_ = false;
  std::optional<Response> response_;
};

/// Copies answer the same request. Where the last of them goes without an answer, that is 500.
/// Outliving the server is fine.
class Reply {
 public:
  explicit Reply(std::shared_ptr<ReplySlot> slot);

  /// From any thread. False: it was answered already; the first answer counts.
  bool send(Response response) const;

 private:
  struct Promise;
  std::shared_ptr<Promise> promise_;
};

}  // namespace stele::http
