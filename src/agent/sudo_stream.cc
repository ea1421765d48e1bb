#include "agent/sudo_stream.h"

#include <algorithm>

namespace stele::agent {
namespace {

using event::Lane;
using sudolog::Heard;
using Way = sudolog::Data::Way;

constexpr size_t kPieceBytesMax = wire::kContentBytesMax;
constexpr uint16_t kRows = 24, kColumns = 80;  // of a terminal of no known size

Micros to_micros(sudolog::Nanos time) { return std::chrono::duration_cast<Micros>(time); }

bool is_input(Way way) { return way == Way::kTtyIn || way == Way::kIn; }

event::Piped::Pipe pipe_of(Way way) {
  if (way == Way::kIn) return event::Piped::Pipe::kInput;
  return way == Way::kOut ? event::Piped::Pipe::kOutput : event::Piped::Pipe::kError;
}

uint32_t pieces_of(size_t bytes) {
  return static_cast<uint32_t>((bytes + kPieceBytesMax - 1) / kPieceBytesMax);
}

std::set<uint64_t> ends_of(const std::deque<sudolog::Past::Line>& lines) {
  std::set<uint64_t> ends;
  for (const auto& each : lines) ends.insert(each.upto);
  return ends;
}

ByteSpan take_piece(ByteSpan& bytes) {
  const ByteSpan piece = bytes.first(std::min(bytes.size(), kPieceBytesMax));
  bytes = bytes.subspan(piece.size());
  return piece;
}

}  // namespace

SudoStream::SudoStream(Clock& clock, wire::Terms terms, const event::WindowSize& size,
                       std::unique_ptr<SessionSink> sink, std::unique_ptr<SudoNotes> notes)
    : clock_(clock),
      terms_(std::move(terms)),
      size_(size),
      began_(notes ? notes->past().began : clock.boot()),
      last_(began_),
      filter_(terms_.input_policy, size.rows ? size.rows : kRows,
              size.columns ? size.columns : kColumns),
      lines_(size.rows, size.columns),
      notes_(std::move(notes)),
      sink_(std::move(sink)) {}

SudoStream::SudoStream(Clock& clock, wire::Terms terms, const sudolog::Point& from,
                       uint64_t durable, std::unique_ptr<SessionSink> sink,
                       std::unique_ptr<SudoNotes> notes)
    : clock_(clock),
      terms_(std::move(terms)),
      size_{from.rows, from.columns, 0, 0},
      from_(from.elapsed),
      began_(notes->past().began),
      last_(clock.boot()),  // the stream has what came later than the point
      messages_(durable),
      records_(from.records),
      typed_(from.typed),
      typed_put_(std::max(from.typed, notes->past().typed_durable())),
      typed_durable_(notes->past().typed_durable()),
      output_bytes_(from.output_bytes),
      input_bytes_(from.input_bytes + notes->past().counted_since(from.typed)),
      progress_(from),
      filter_(terms_.input_policy, from.rows ? from.rows : kRows,
              from.columns ? from.columns : kColumns),
      lines_(from.rows, from.columns, static_cast<capture::LineReader::Place>(from.line),
             from.typed),
      lines_durable_(ends_of(notes->past().lines)),
      notes_(std::move(notes)),
      sink_(std::move(sink)) {
  // What stood on the screen is not known any more. It may have asked for a password: what is typed
  // now has to show before it is kept.
  filter_.output(last_, as_bytes("Password: "));
}

SudoStream::~SudoStream() {
  if (!sink_) return;
  filter_.finish(clock_.boot());
  (void)put_decided();
}

/// A record's time, as the client counts, on this host's clock: never to come, and never before the
/// last.
BootTime SudoStream::begin_record(sudolog::Nanos delay) {
  progress_.take(delay);
  last_ = std::min(clock_.boot(), std::max(last_, began_ + to_micros(progress_.elapsed())));
  return last_;
}

/// What was heard before need not be sent again where a client goes on behind it: what stands at
/// the very point, and decisions, which logs in files do not have. All else has to.
Status SudoStream::pass_over(const Heard* next) {
  const auto& past = notes_->past();
  const sudolog::Past::Record* before = past.record(records_ + 1);
  for (; before && !(next && before->heard == *next); before = past.record(++records_ + 1)) {
    const bool is_at_point =
        progress_.elapsed() == from_ && before->heard.delay == sudolog::Nanos(0);
    const bool may_be_missing = is_at_point || before->heard.kind == Heard::Kind::kDecision;
    if (!before->is_done() || !may_be_missing)
      return fail(Code::kCorrupt, "what is sent again is not what was sent before");
  }
  return {};
}

/// A record, or a decision, which is to be so many messages; how many of them are durable already.
Result<uint32_t> SudoStream::hear(const Heard& heard, uint32_t pieces) {
  if (!notes_) return 0;
  TRY_VOID(pass_over(&heard));
  if (records_ + 1 < notes_->past().base)
    return fail(Code::kLimit, "more was typed again than is kept in mind");
  const sudolog::Past::Record* const before = notes_->past().record(records_ + 1);
  if (before && before->pieces != pieces)
    return fail(Code::kCorrupt, "what is sent again was cut into other pieces");
  const uint32_t done = before ? before->done : 0;
  TRY_VOID(notes_->hear(++records_, {heard, pieces, done, messages_ + 1}));
  return done;
}

Status SudoStream::put(BootTime at, Lane lane, const event::Body& body) {
  TRY_VOID(sink_->event(at, lane, body));
  ++messages_;
  return {};
}

Status SudoStream::put_facts(const sudolog::Facts& facts) {
  TRY_VOID(put(clock_.boot(), Lane::kFacts, facts.sudo));
  for (const std::string& each : facts.cut)
    TRY_VOID(
        note(event::Gap{"sudo's " + each + " is too long: its end is missing", 0, 0, Micros(0)}));
  return {};
}

Status SudoStream::begin(const event::Terms& terms, const std::optional<event::Person>& person,
                         const sudolog::Facts& facts) {
  TRY_VOID(put(began_, Lane::kFacts, terms));
  if (person) TRY_VOID(note(*person));
  TRY_VOID(put_facts(facts));
  return settle();
}

Status SudoStream::take(const sudolog::Facts& decision, uint64_t digest) {
  TRY(const uint32_t done, hear({Heard::Kind::kDecision, sudolog::Nanos(0), 0, digest}, 1));
  if (done == 0) TRY_VOID(put_facts(decision));
  return settle();
}

Status SudoStream::take(const sudolog::Data& data, uint64_t digest) {
  const bool is_typed = data.way == Way::kTtyIn;
  const bool is_kept = is_input(data.way) ? terms_.lanes.input : terms_.lanes.output;
  // Nothing may tell what was typed, by trying: a key has few digests.
  const Heard heard{static_cast<Heard::Kind>(data.way), data.delay,
                    static_cast<uint32_t>(data.bytes.size()), is_typed ? 0 : digest};
  // Before it counts as elapsed: it may stand at the point.
  TRY(const uint32_t done, hear(heard, is_kept && !is_typed ? pieces_of(data.bytes.size()) : 0));
  const BootTime at = begin_record(data.delay);
  // What is typed is counted once it is decided: else the total would tell a password's length.
  if (!is_typed || !is_kept)
    (is_input(data.way) ? input_bytes_ : output_bytes_) += data.bytes.size();
  if (is_typed) type(at, data.bytes);
  if (data.way == Way::kTtyOut) show(at, data.bytes);
  if (is_kept && !is_typed) TRY_VOID(put_data(at, data, done));
  return settle();
}

Status SudoStream::put_data(BootTime at, const sudolog::Data& data, uint32_t done) {
  ByteSpan rest = ByteSpan(data.bytes);
  for (uint32_t i = 0; !rest.empty(); ++i) {
    const ByteSpan piece = take_piece(rest);
    if (i < done) continue;
    if (data.way == Way::kTtyOut) {
      TRY_VOID(sink_->output(at, piece));
      ++messages_;
    } else {
      TRY_VOID(put(at, is_input(data.way) ? Lane::kInput : Lane::kOutput,
                   event::Piped{pipe_of(data.way), {piece.begin(), piece.end()}}));
    }
  }
  return {};
}

Status SudoStream::take(const sudolog::WindowSize& size, uint64_t digest) {
  TRY(const uint32_t done, hear({Heard::Kind::kWindow, size.delay, 0, digest}, 1));
  const BootTime at = begin_record(size.delay);
  if (size.rows > 0 && size.columns > 0) {
    size_ = {size.rows, size.columns, 0, 0};
    filter_.resize(size.rows, size.columns);
    lines_.resize(size.rows, size.columns);
  }
  if (done == 0) TRY_VOID(put(at, Lane::kFacts, event::Resize{{size.rows, size.columns, 0, 0}}));
  return settle();
}

Status SudoStream::take(const sudolog::Suspend& suspend, uint64_t digest) {
  TRY(const uint32_t done, hear({Heard::Kind::kSuspend, suspend.delay, 0, digest}, 1));
  const BootTime at = begin_record(suspend.delay);
  if (done == 0) TRY_VOID(put(at, Lane::kFacts, event::Suspend{suspend.signal == "CONT"}));
  return settle();
}

/// What of it is durable was decided on when it was typed first.
void SudoStream::type(BootTime at, ByteSpan bytes) {
  const uint64_t known = typed_ < typed_durable_ ? typed_durable_ - typed_ : 0;
  typed_ += bytes.size();
  if (reads_lines()) lines_.typed(at, bytes, false);
  filter_.input(at, bytes.subspan(std::min<uint64_t>(known, bytes.size())),
                capture::InputMode::kRaw);
  hold_lines(at);
}

void SudoStream::show(BootTime at, ByteSpan bytes) {
  filter_.output(at, bytes);
  if (reads_lines()) lines_.output(at, bytes);
  hold_lines(at);
}

/// Lines, behind the keys that they are made of. One that was read again may read otherwise, where
/// the screen is not known: what is durable counts.
void SudoStream::hold_lines(BootTime at) {
  for (capture::ReadLine& each : lines_.take()) {
    if (lines_durable_.erase(each.upto) > 0) continue;
    lines_held_.push_back({each.from, each.upto});
    filter_.line(at, std::move(each.line));
  }
}

Status SudoStream::put_line(BootTime at, const event::Line& line) {
  const TypedRange typed = lines_held_.front();
  lines_held_.pop_front();
  if (notes_ && notes_->past().is_redacted(typed.from, typed.upto)) return {};
  if (notes_) TRY_VOID(notes_->line({typed.upto, messages_ + 1}));
  line_bytes_ += line.text.size();
  return put(at, terms_.lines_in_facts ? Lane::kFacts : Lane::kInput, line);
}

Status SudoStream::note_typed(uint64_t bytes, uint64_t counted, bool is_redacted) {
  typed_put_ += bytes;
  input_bytes_ += counted;
  return notes_ ? notes_->type({typed_put_, counted, messages_ + 1, is_redacted}) : Status();
}

Status SudoStream::put_typed(BootTime at, ByteSpan bytes) {
  while (!bytes.empty()) {
    const ByteSpan piece = take_piece(bytes);
    TRY_VOID(note_typed(piece.size(), piece.size(), false));
    TRY_VOID(sink_->input(at, piece));
    ++messages_;
  }
  return {};
}

Status SudoStream::put_decided() {
  for (const capture::Decided& each : filter_.take()) {
    if (const auto* line = std::get_if<event::Line>(&each.what)) {
      TRY_VOID(put_line(each.at, *line));
      continue;
    }
    if (!terms_.lanes.input) continue;
    if (const auto* bytes = std::get_if<Bytes>(&each.what)) {
      TRY_VOID(put_typed(each.at, *bytes));
      continue;
    }
    const auto& redaction = std::get<event::Redaction>(each.what);
    TRY_VOID(note_typed(each.redacted, redaction.bytes_rounded, true));
    TRY_VOID(put(each.at, Lane::kInput, redaction));
  }
  return {};
}

sudolog::Point SudoStream::here() const {
  // Of what is to be typed again, some may be in the stream, and counted.
  const uint64_t ahead = typed_ < typed_put_ && notes_ ? notes_->past().counted_since(typed_) : 0;
  return {progress_.elapsed(),
          messages_,
          records_,
          typed_,
          output_bytes_,
          input_bytes_ - ahead,
          size_.rows,
          size_.columns,
          static_cast<uint8_t>(lines_.place())};
}

/// A record is whole in the stream when nothing that was typed is held back.
Status SudoStream::settle() {
  TRY_VOID(put_decided());
  if (!filter_.wants_second_look() && !filter_.deadline()) progress_.settle(here());
  sink_->passed_on();
  return {};
}

Status SudoStream::step() {
  filter_.tick(clock_.boot());
  return settle();
}

Result<std::optional<sudolog::Nanos>> SudoStream::commit(uint64_t durable) {
  const auto point = progress_.commit(durable);
  if (!point) return std::nullopt;
  if (notes_) TRY_VOID(notes_->tell(*point));
  return point->elapsed;
}

Status SudoStream::end(event::End over) {
  if (notes_) TRY_VOID(pass_over(nullptr));
  filter_.finish(clock_.boot());
  TRY_VOID(put_decided());
  over.output_bytes = output_bytes_;
  over.input_bytes = input_bytes_;
  TRY_VOID(sink_->event(clock_.boot(), Lane::kFacts, over));
  TRY_VOID(sink_->close());
  if (notes_) TRY_VOID(notes_->remove());
  sink_.reset();
  return {};
}

}  // namespace stele::agent
