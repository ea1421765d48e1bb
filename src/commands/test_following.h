// For tests: shells that are followed, and what was told of them.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "commands/follower.h"

namespace stele::commands {

class FollowingTest : public testing::Test {
 protected:
  Follower::Sink sink() {
    return [this](const Seen& seen) {
      const std::lock_guard lock(mutex_);
      for (const event::Body& body : seen.bodies) seen_[seen.session].push_back(body);
      if (seen.forward) forwards_.push_back(*seen.forward);
      if (seen.recorder) seen_[seen.session].emplace_back(*seen.recorder);
    };
  }

  /// A shell that is followed from before its first command on; its pid.
  pid_t run(const std::string& script, uint64_t session) {
    int gate[2];
    EXPECT_EQ(pipe(gate), 0);
    const pid_t child = fork();
    if (child == 0) {
      char go = 0;
      close(gate[1]);
      (void)!read(gate[0], &go, 1);
      execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
      _exit(127);
    }
    close(gate[0]);
    EXPECT_TRUE(follower_->follow(static_cast<uint32_t>(child), session));
    close(gate[1]);
    int status = 0;
    waitpid(child, &status, 0);
    follower_->settle();
    return child;
  }

  template <typename Event>
  std::vector<Event> all(uint64_t session) {
    const std::lock_guard lock(mutex_);
    std::vector<Event> events;
    for (const event::Body& body : seen_[session])
      if (const auto* one = std::get_if<Event>(&body)) events.push_back(*one);
    return events;
  }

  std::mutex mutex_;                                   // the sink's
  std::map<uint64_t, std::vector<event::Body>> seen_;  // by session
  std::vector<Forwarded> forwards_;                    // whoever did
  std::unique_ptr<Follower> follower_;
};

}  // namespace stele::commands
