// Scrubber: the server reads what it stores again, by itself, within a time that it is given
// (docs/formats/ledger.md, "Scrub").
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "ledger/scrub.h"
#include "server/own_stream.h"

namespace stele::server {

class Scrubber {
 public:
  struct Counts {
    uint64_t volumes = 0, bytes = 0, faults = 0;  // since the server started
    uint64_t left = 0;                            // volumes, of the pass that goes on
  };

  /// Begins the thread "scrub". What it is given must outlive it. `every`: a pass at least so
  /// often; half of that is what one takes.
  Scrubber(os::FileSystem& files, const ledger::Layout& layout, receipt::VerifierKey log,
           Clock& clock, OwnStream& own, Micros every);
  ~Scrubber();

  Counts counts() const;

 private:
  void run();
  Micros look();
  Micros read_one();
  Micros could_not(const Error& error);
  void tell(const ledger::ScrubStep& step);
  void tell_if_behind(bool is_over);
  void look_at_others(bool is_over);
  void find(const char* rule, const std::string& what);

  os::FileSystem& files_;
  const ledger::Layout layout_;
  Clock& clock_;
  OwnStream& own_;
  const Micros every_;
  ledger::Scrub scrub_;
  bool is_behind_ = false;  // and that was told
  struct Pass {
    uint64_t number = 0, faults = 0;
    bool is_over = false;
  };
  std::optional<Pass> known_;  // as it was when it was looked at last: what of it was told
  std::string told_;           // why it could not go on, last

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable stop_;
  bool stopping_ = false;
  Counts counts_;

  std::thread thread_;
};

}  // namespace stele::server
