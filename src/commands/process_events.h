// ProcessEvents: what the processes of sessions execute, where the kernel takes no programs of
// ours: its process connector tells who makes whom, executes and ends, and /proc the rest, a moment
// later.
//
// So of what is short, arguments may be missing, or be of what the process executed next; such an
// exec is marked as cut. Files and directories of other people's processes are not this one's to
// see. Rights are compared at execs only.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "commands/follower.h"
#include "os/peer.h"
#include "os/process_connector.h"
#include "os/wake.h"

namespace stele::commands {

class ProcessEvents : public Follower {
 public:
  /// As Watch::start.
  static Result<std::unique_ptr<ProcessEvents>> start(Sink sink, const std::vector<Known>& known);
  ~ProcessEvents() override;

  const char* name() const override { return "process connector"; }
  std::string no_forwards() const override { return "the process connector tells nothing of it"; }
  Before before() const override { return Before::kNothing; }
  void stop() override { end(); }
  Status follow(uint32_t pid, uint64_t session) override;
  void leave() override {}
  void forget(uint64_t session) override;
  std::optional<Followed> followed(uint32_t pid) const override;
  void forget_terminal(const OnTerminal& terminal) override;
  void settle() override;
  uint64_t take_lost(uint64_t session) override;
  uint64_t take_lost_forwards() override { return 0; }

 private:
  struct Process {
    uint64_t session = 0;
    uint32_t parent = 0;  // 0: not known
    std::optional<event::Credentials> last = {};
    bool has_executed = false, is_recorder = false;
    bool has_ended = false;  // its first thread: others may go on
  };

  ProcessEvents(Sink sink, os::ProcessConnector connector, os::Wake wake)
      : sink_(std::move(sink)), connector_(std::move(connector)), wake_(std::move(wake)) {}

  void run();
  void end();
  void consume();
  std::optional<Seen> take(const os::ProcessEvent& event);
  void forked(const os::ProcessEvent& event);
  std::optional<Seen> executed(const os::ProcessEvent& event);
  std::optional<Seen> ended(const os::ProcessEvent& event);
  std::optional<Seen> on_terminal(const os::ProcessEvent& event, const os::Running& now);
  void some_were_lost();
  Status put(uint32_t pid, const Process& process);
  Status put_tree(uint32_t pid, uint64_t session);
  void prune();

  const Sink sink_;
  os::ProcessConnector connector_;
  const os::Wake wake_;
  std::mutex reading_;                     // the connector's end, and the sink
  mutable std::mutex mutex_;               // guards what follows; not held while the sink is told
  std::map<uint32_t, Process> processes_;  // followed ones, by pid, until the pid is used again
  std::map<uint64_t, uint64_t> lost_;      // by session that is not forgotten
  std::map<uint64_t, os::ProcessKey> recorders_;
  std::set<std::pair<uint32_t, uint32_t>> told_;  // audit session, terminal
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace stele::commands
