// Openings: sessions that are let begin only when the server has their first segment, or when that
// takes too long (docs/formats/wire-session.md, "The opening").
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>

#include "base/uuid.h"

namespace stele::agent {

/// Any thread; outlives the waits that it gave.
class Openings {
 public:
  /// Whether the server has a stream's first segment, as far as the spool knows.
  using HasFirst = std::function<bool(const StreamId&)>;
  explicit Openings(HasFirst has_first) : has_first_(std::move(has_first)) {}

  /// One session's, as long as it lives. One thread.
  class Wait {
   public:
    ~Wait();
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    /// The server has it.
    bool is_acknowledged() const;
    /// The server is known not to answer just now: there is nothing to wait for.
    bool is_hopeless() const;
    /// Its time is over. Who comes before the server has answered again does not wait for it.
    void was_in_vain();

   private:
    friend class Openings;
    Wait(Openings& all, const StreamId& stream, std::function<void()> changed)
        : all_(all), stream_(stream), changed_(std::move(changed)) {}
    Openings& all_;
    const StreamId stream_;
    const std::function<void()> changed_;
    bool is_hopeless_ = false, is_acknowledged_ = false;  // guarded by all_.mutex_
  };

  /// `changed`: called, on whatever thread, when one of the answers above may be another one. It
  /// must not block.
  std::unique_ptr<Wait> wait(const StreamId& stream, std::function<void()> changed);

  /// The server said that it has the stream's first segment, durably.
  void acknowledged(const StreamId& stream);
  /// Whether the server answered; until it is known not to, it is taken to.
  void set_reachable(bool is_reachable);

 private:
  const HasFirst has_first_;
  mutable std::mutex mutex_;  // guards what follows, and is held while `changed` is called
  std::set<Wait*> waiting_;
  bool is_reachable_ = true, was_in_vain_ = false;
};

}  // namespace stele::agent
