// Events as bytes: the CBOR sequence of one lane of one segment (docs/formats/event.md).
#pragma once

#include "event/event.h"

namespace stele::event {

/// Builds one lane's part of one segment after another. Events come in the lane's order; after a
/// part's first, a time that goes back is written as the time before. Allocates only as its buffer
/// grows. Not thread-safe.
class LaneEncoder {
 public:
  /// Begins a part; `base` is the boot time in its segment's header. The part before must have been
  /// taken.
  void begin(BootTime base);

  void output(BootTime at, ByteSpan bytes);
  void input(BootTime at, ByteSpan bytes);
  /// Text in the body that is not UTF-8 is written with replacements, a negative duration as 0.
  /// Bugs: a redaction whose count is not rounded; an Unknown that no decoder made.
  void event(BootTime at, const Body& body);

  const Bytes& bytes() const { return bytes_; }
  /// The part; the encoder is empty then.
  Bytes take();
  /// Gives an empty encoder a buffer that was taken from it, to spare the next part its growing.
  void reuse(Bytes&& buffer);

 private:
  int64_t delta(BootTime at);

  Bytes bytes_;
  BootTime last_;
  bool is_first_ = true;
};

/// Reads a lane's part of one segment, event by event. The bytes must outlive it.
class LaneDecoder {
 public:
  /// `base` is the boot time in the segment's header.
  LaneDecoder(Lane lane, BootTime base, ByteSpan part) : lane_(lane), last_(base), rest_(part) {}

  /// The next event, or nullopt behind the last. kCorrupt or kLimit name the lane and the event by
  /// number, from 0; what follows cannot be read then, and asking again gives the same error.
  Result<std::optional<Event>> next();

 private:
  Result<Event> read(ByteSpan encoded) const;

  Lane lane_;
  BootTime last_;
  ByteSpan rest_;
  uint64_t index_ = 0;
};

/// All events of a part at once. They may take some hundred times the memory of a hostile part:
/// prefer the decoder.
Result<std::vector<Event>> decode_lane(Lane lane, BootTime base, ByteSpan part);

}  // namespace stele::event
