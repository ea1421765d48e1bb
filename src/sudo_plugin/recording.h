// One command of sudo's, on its way to the agent. sudo makes the terminal and the pipes; it hands
// all that passes to its plugin before it passes it on.
//
// Not thread-safe: sudo has one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "capture/typed_lane.h"
#include "os/process.h"
#include "recorder/link.h"
#include "recorder/remote_sink.h"

namespace stele::sudo_plugin {

class Recording {
 public:
  struct Place {
    std::string socket;                // the agent's
    std::function<void()> on_failure;  // on another thread: nothing can be recorded any more
  };

  /// When it returns, the session's opening is as safe as policy wants it, and a banner may be to
  /// be shown. nullptr: policy has it left out. Errors: no agent, or its refusal.
  struct Opened {
    std::unique_ptr<Recording> recording;
    std::string banner;
  };
  static Result<Opened> open(const wire::Hello& hello, Place place, Clock& clock);

  /// The banner was shown, and the command may start.
  Status begin(const event::Sudo& accepted);

  /// About to be sent to the command's terminal; shown on it, and about to be passed on. An error:
  /// it must not be passed on.
  Status typed(ByteSpan bytes);
  Status shown(ByteSpan bytes);
  Status piped(event::Piped::Pipe pipe, ByteSpan bytes);
  Status resize(uint16_t rows, uint16_t columns);
  Status suspend(bool continued);
  Status say(const event::Sudo& sudo);

  /// Gives the verdicts that are due; when the next will be.
  Status keep_time();
  std::optional<BootTime> deadline() const { return typed_.deadline(); }

  /// `why`: what ended it, if not the command. When it returns, all is durable.
  Status end(const os::Ended& ended, std::string why);

  /// The process that it was opened in. In another one, made by fork(2), nothing of it may be used:
  /// its other thread is not there.
  uint32_t process() const { return process_; }

 private:
  Recording(std::unique_ptr<recorder::Link> link, const wire::Welcome& welcome,
            const event::WindowSize& size, Clock& clock);

  capture::InputMode input_mode();
  Status look_again();
  Status record(const event::Body& body);

  Clock& clock_;
  const std::unique_ptr<recorder::Link> link_;
  const wire::Terms terms_;
  recorder::RemoteSink sink_;
  capture::TypedLane typed_;
  event::WindowSize size_;
  std::optional<int> master_;  // of the command's terminal
  uint64_t output_bytes_ = 0, unkept_bytes_ = 0;
  const uint32_t process_;
};

}  // namespace stele::sudo_plugin
