// SudoStream: what a client of sudo's log protocol says of one session, on its way into the
// session's stream.
#pragma once

#include <deque>
#include <set>

#include "agent/session_host.h"
#include "agent/sudo_notes.h"
#include "capture/line_reader.h"
#include "capture/secret_filter.h"
#include "sudolog/facts.h"
#include "sudolog/message.h"
#include "sudolog/progress.h"

namespace stele::agent {

/// One thread. Every record is in the notes before it is in the stream, so that of one that is sent
/// again exactly what is not durable is taken.
class SudoStream {
 public:
  /// A new session; `notes`: none of one that cannot be gone on with.
  SudoStream(Clock& clock, wire::Terms terms, const event::WindowSize& size,
             std::unique_ptr<SessionSink> sink, std::unique_ptr<SudoNotes> notes);
  /// One that goes on from a point, with so many messages durable, as its notes have it.
  SudoStream(Clock& clock, wire::Terms terms, const sudolog::Point& from, uint64_t durable,
             std::unique_ptr<SessionSink> sink, std::unique_ptr<SudoNotes> notes);
  /// What is held back for a verdict gets one: it may not come again.
  ~SudoStream();

  // `digest`: of the message, which tells whether one that is sent again is the same.
  // kCorrupt: it is not.

  Status take(const sudolog::Data& data, uint64_t digest);
  Status take(const sudolog::WindowSize& size, uint64_t digest);
  Status take(const sudolog::Suspend& suspend, uint64_t digest);
  Status take(const sudolog::Facts& decision, uint64_t digest);

  /// What the session begins with: none of it is ever sent again.
  Status begin(const event::Terms& terms, const std::optional<event::Person>& person,
               const sudolog::Facts& facts);
  Status note(const event::Body& body) { return sink_->note(clock_.boot(), body); }
  /// The session is over, and durable.
  Status end(event::End over);

  /// What is due by now is decided on.
  Status step();
  std::optional<BootTime> deadline() const { return filter_.deadline(); }
  /// A commit point, if `durable` messages make one good.
  Result<std::optional<sudolog::Nanos>> commit(uint64_t durable);
  sudolog::Nanos elapsed() const { return progress_.elapsed(); }
  /// Bytes of lines that went into the stream since this was asked last.
  size_t take_line_bytes() { return std::exchange(line_bytes_, 0); }

 private:
  struct TypedRange {
    uint64_t from = 0, upto = 0;  // bytes
  };

  BootTime begin_record(sudolog::Nanos delay);
  Result<uint32_t> hear(const sudolog::Heard& heard, uint32_t pieces);
  Status pass_over(const sudolog::Heard* next);
  Status put(BootTime at, event::Lane lane, const event::Body& body);
  Status put_facts(const sudolog::Facts& facts);
  Status put_data(BootTime at, const sudolog::Data& data, uint32_t done);
  Status put_decided();
  Status put_typed(BootTime at, ByteSpan bytes);
  Status note_typed(uint64_t bytes, uint64_t counted, bool is_redacted);
  void type(BootTime at, ByteSpan bytes);
  void show(BootTime at, ByteSpan bytes);
  bool reads_lines() const { return terms_.lines_in_facts || terms_.lanes.input; }
  void hold_lines(BootTime at);
  Status put_line(BootTime at, const event::Line& line);
  sudolog::Point here() const;
  Status settle();

  Clock& clock_;
  const wire::Terms terms_;
  event::WindowSize size_;
  const sudolog::Nanos from_{-1};  // where it went on
  const BootTime began_;
  BootTime last_;
  uint64_t messages_ = wire::kOpeningNumber;  // in the stream
  uint64_t records_ = 0;                      // heard, and decisions
  uint64_t typed_ = 0, typed_put_ = 0;        // bytes heard, and in the stream
  const uint64_t typed_durable_ = 0;          // when it went on
  uint64_t output_bytes_ = 0, input_bytes_ = 0;
  sudolog::Progress progress_;
  capture::SecretFilter filter_;
  capture::LineReader lines_;
  std::deque<TypedRange> lines_held_;  // of the lines that the filter holds, in its order
  std::set<uint64_t> lines_durable_;   // when it went on: where each was ended
  size_t line_bytes_ = 0;
  const std::unique_ptr<SudoNotes> notes_;
  std::unique_ptr<SessionSink> sink_;
};

}  // namespace stele::agent
