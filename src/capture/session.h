// The recorder's loop. capture.h has the contract.
//
// Invariants:
// - no output byte is in shown_ that the sink has not taken;
// - master_ is non-blocking, and so is the person's side: the only place to wait is wait();
// - the slave is kept open until the command has ended, so that reading the master never ends
//   before.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "capture/capture.h"
#include "capture/outbox.h"
#include "capture/typed_lane.h"
#include "capture/user_terminal.h"
#include "os/poller.h"
#include "os/process.h"
#include "os/pty.h"
#include "os/signals.h"

namespace stele::capture {

class Session {
 public:
  Session(const Options& options, event::Sink& sink, Clock& clock, os::SignalWatch& signals);

  Result<Outcome> run();

 private:
  Status start();
  Status relay();
  bool is_over();

  Status read_session();
  Status show();
  Status read_person();
  Status send();
  Status judge_slice();
  void send_end_of_file(BootTime now);
  Status wait();
  std::optional<Micros> patience() const;
  Status keep_time();
  bool has_room() const;
  bool has_more() const { return session_open_ && may_read_session_ && has_room(); }
  Status record(const event::Body& body);

  Status handle(os::SignalSet came);
  Status resize();
  Status suspend();
  Status resume();
  void reap();

  void hang_up(std::string_view why, int signal);
  Status record_unseen();
  void close_session();
  Result<Outcome> finish();

  const Options& options_;
  event::Sink& sink_;
  Clock& clock_;
  os::SignalWatch& signals_;
  UserTerminal person_;
  TypedLane typed_;
  std::optional<os::Poller> poller_;

  os::Fd master_, slave_;
  event::WindowSize size_;  // as last recorded
  pid_t child_ = -1;
  std::optional<os::Ended> ended_;
  BootTime ended_at_, last_output_at_;
  uint64_t output_before_end_ = 0;
  bool drained_since_end_ = false;

  // Recorded, not yet taken by the person's terminal; read from the person, not yet taken by the
  // session.
  Outbox shown_{Outbox::Holds::kScreen}, sent_{Outbox::Holds::kKeys};
  size_t judged_ = 0;  // the first bytes of sent_ that the filter has seen
  bool may_read_session_ = true, may_show_ = true, may_send_ = true;
  bool session_open_ = true, input_open_;
  size_t turns_ = 0;

  BootTime end_of_file_at_;  // when to look whether to send it (again)
  Micros end_of_file_pause_;

  bool is_hung_up_ = false;
  std::string why_;
  int hangup_signal_ = 0;
  uint64_t output_bytes_ = 0;
  uint64_t unkept_bytes_ = 0;  // sent where nothing typed is kept
};

}  // namespace stele::capture
