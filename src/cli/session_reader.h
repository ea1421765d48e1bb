// Reads recorded sessions for people: opens segments with the reader's identities and gives events
// in order of time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "cli/source.h"
#include "crypto/age.h"
#include "event/event.h"
#include "event/timeline.h"
#include "segment/opener.h"

namespace stele::cli {

struct TimedEvent {
  event::Event event;
  WallTime wall;          // by the recording host's clock
  Micros since_start{0};  // of the session
};

/// Rows and columns to show a session in: what the recording does not know (0) is as before.
struct ScreenSize {
  size_t rows = 24, columns = 80;
  ScreenSize updated(const event::WindowSize& size) const {
    return {size.rows == 0 ? rows : size.rows, size.columns == 0 ? columns : size.columns};
  }
};

/// What is known of a session without reading what was shown or typed.
struct SessionFacts {
  StreamId id{};
  event::Start start;
  std::optional<event::Person> person;  // by the roles of its host, where that had any
  WallTime began;
  std::optional<event::End> end;  // none: still open, cut, or the reader has no key for the facts
  WallTime last;                  // time of the last event
  bool readable = false;          // the reader has the key of the facts lane
  uint64_t segments = 0, bytes = 0;
};

class SessionReader {
 public:
  /// Both must outlive the reader. Granted keys are looked for in the source's grant streams.
  SessionReader(Source& source, std::span<const crypto::Identity> identities);

  using Take = std::function<bool(const TimedEvent&)>;
  /// Every event of the wanted lanes; `take` says false to stop. Lanes that could not be opened
  /// come back.
  Result<std::set<event::Lane>> read(const ledger::StreamRef& stream,
                                     std::initializer_list<event::Lane> lanes, const Take& take);
  /// A stream's segments, each by itself and in any order: of facts and output, whose events are
  /// never earlier than their segment.
  class Seeker {
   public:
    Seeker(SessionReader& reader, std::initializer_list<event::Lane> lanes);
    using Take = std::function<void(const event::Event&, Micros since_start)>;
    /// The first segment is asked for first. What others are compressed with is opened before them,
    /// from their keys on, unless the one before was asked for last.
    Status read(const ledger::StreamRef& stream, size_t segment, const Take& take);
    /// Lanes that could not be opened.
    const std::set<event::Lane>& unreadable() const { return unreadable_; }

   private:
    Status go_to(const ledger::StreamRef& stream, size_t segment);
    Status open_next(const ledger::StreamRef& stream, event::Timeline* timeline);

    SessionReader& reader_;
    const std::vector<event::Lane> lanes_;
    std::optional<segment::Opener> opener_;
    size_t next_ = 0;  // segment that the opener can open
    std::optional<BootTime> began_;
    std::set<event::Lane> unreadable_;
  };

  /// Reads headers and facts only, of the first two segments and from where they end: what was
  /// shown and typed costs nothing here, and is not checked either.
  Result<SessionFacts> facts(const ledger::StreamRef& stream);

  /// The lane keys that this reader can open, of each open and rekey segment; for `stele key
  /// grant`.
  using TakeKey =
      std::function<void(uint32_t sequence, event::Lane lane, const crypto::SecretBytes& key)>;
  Status keys(const ledger::StreamRef& stream, const TakeKey& take);

 private:
  class Pass {
   public:
    Pass(SessionReader& reader, std::initializer_list<event::Lane> lanes, Take take);
    Status read(const ledger::StreamRef& stream);
    /// Lanes that could not be opened.
    const std::set<event::Lane>& unreadable() const { return unreadable_; }

   private:
    bool give(BootTime through);
    Status read_one(const ledger::SegmentRef& ref);
    class Anchors {
     public:
      void add(const segment::Header& header);
      WallTime wall(BootTime at) const;

     private:
      std::map<BootTime, WallTime> anchors_;
    };

    SessionReader& reader_;
    const std::vector<event::Lane> lanes_;
    const Take take_;
    std::optional<segment::Opener> opener_;
    event::Timeline timeline_;
    Anchors anchors_;
    std::optional<BootTime> began_;
    std::set<event::Lane> unreadable_;
    bool enough_ = false;
  };

  Status load_grants();
  Status read_facts(const ledger::SegmentRef& ref, segment::Opener& opener, SessionFacts& facts);
  const segment::GrantedKeys* granted(const StreamId& stream) const;

  Source& source_;
  std::span<const crypto::Identity> identities_;
  bool grants_loaded_ = false;
  std::map<StreamId, segment::GrantedKeys> grants_;
};

}  // namespace stele::cli
