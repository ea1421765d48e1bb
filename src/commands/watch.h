// Watch: what the processes of sessions execute, as the kernel tells it (kernel_programs.c).
#pragma once

#include "commands/follower.h"

namespace stele::commands {

/// By programs in the kernel; libbpf's names stay in watch.cc.
class Watch : public Follower {
 public:
  /// Loads the programs and begins; after a success this thread may load no others
  /// (os/hardening.h). Nobody whom it knows is taken for one who is not followed. kPermission,
  /// kUnsupported: this kernel does not let us, or can not, and why. `pins`: where the programs
  /// stay when it is gone, and those that stayed are gone on with; none: they go with it.
  static Result<std::unique_ptr<Watch>> start(Sink sink, const std::vector<Known>& known = {},
                                              const Pins* pins = nullptr);
  ~Watch() override;

  const char* name() const override { return "ebpf"; }
  std::string no_forwards() const override;
  Before before() const override;
  void stop() override;
  Status follow(uint32_t pid, uint64_t session) override;
  void leave() override;
  void forget(uint64_t session) override;
  std::optional<Followed> followed(uint32_t pid) const override;
  void forget_terminal(const OnTerminal& terminal) override;
  void settle() override;
  uint64_t take_lost(uint64_t session) override;
  uint64_t take_lost_forwards() override;

 private:
  struct Parts;
  explicit Watch(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace stele::commands
