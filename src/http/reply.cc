#include "http/reply.h"

namespace stele::http {

bool ReplySlot::complete(Response response) {
  const std::lock_guard lock(mutex_);
  if (is_answered_) return false;
  is_answered_ = true;
  response_ = std::move(response);
  if (wake_) wake_();
  return true;
}

std::optional<Response> ReplySlot::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(response_, std::nullopt);
}

void ReplySlot::abandon() {
  const std::lock_guard lock(mutex_);
  wake_ = nullptr;
}

struct Reply::Promise {
  std::shared_ptr<ReplySlot> slot;

  explicit Promise(std::shared_ptr<ReplySlot> s) : slot(std::move(s)) {}
  ~Promise() { slot->complete(text_response(500, "the request was dropped\n")); }
};

Reply::Reply(std::shared_ptr<ReplySlot> slot)
    : promise_(std::make_shared<Promise>(std::move(slot))) {}

bool Reply::send(Response response) const { return promise_->slot->complete(std::move(response)); }

}  // namespace stele::http
