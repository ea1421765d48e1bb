// OwnStream: the server's own stream, in the ledger that it keeps (docs/formats/server-stream.md).
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "event/codec.h"
#include "ledger/layout.h"
#include "ledger/ledger.h"
#include "logsrv/sequencer.h"
#include "segment/sealer.h"

namespace stele::server {

/// Seals what it is told, at most 20 times a second, and has it committed. From any thread.
class OwnStream {
 public:
  /// On the stream's thread, or the sequencer's: must be quick. An error: the event may be written
  /// later, but nobody is to act as if it were.
  using Done = std::function<void(const Status&)>;
  using Submit =
      std::function<Status(std::vector<ledger::Incoming> segments, logsrv::Sequencer::Done done)>;

  /// Begins the thread "own stream", with a stream that continues the one that `ledger` has last of
  /// this server's.
  static Result<std::unique_ptr<OwnStream>> open(os::FileSystem& files,
                                                 const ledger::Layout& layout, Clock& clock,
                                                 const RandomSource& random,
                                                 const ledger::Ledger& ledger,
                                                 segment::SealFor seal_for, Submit submit);
  /// close(), if that was not done.
  ~OwnStream();

  /// False: too much waits already, or it is closed; `done` is not called.
  bool tell(event::Body body, Done done = nullptr);
  /// The same for several events at once, with what stands in clear beside them: at most
  /// segment::kMarksMax streams of each kind, ascending.
  struct Marks {
    std::vector<segment::Standing> cut = {};
    std::vector<StreamId> heard = {};
    std::vector<segment::Hold> holds = {};
    std::vector<StreamId> released = {};
  };
  bool mark(Marks marks, std::vector<event::Body> bodies, Done done = nullptr);
  /// Tells what waits, and that the server stops; nothing is taken any more.
  void close();

  StreamId id() const { return sealer_.stream(); }

 private:
  struct Told {
    BootTime at;
    WallTime wall;
    event::Body body;
    Done done;
    std::optional<Marks> marks = {};  // the segment that carries them ends with this
  };
  OwnStream(Clock& clock, crypto::SigningKey key, segment::HostKeyId id, uint32_t epoch,
            segment::SealFor seal_for, const RandomSource& random, Submit submit);

  void run();
  Result<segment::Sealed> seal(std::deque<Told>& told, bool close);
  Status commit(const segment::Sealed& sealed);
  void answer(std::deque<Told>& told, const Status& status);

  Clock& clock_;
  const crypto::SigningKey key_;
  std::optional<segment::Standing> continues_;  // of the opening segment
  segment::Sealer sealer_;
  const Submit submit_;
  std::function<void()> forget_live_;
  std::unique_ptr<os::Lock> alive_;  // what tells an open stream from a cut one

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Told> told_;
  bool closing_ = false;

  std::thread thread_;
};

}  // namespace stele::server
