// asciicast (docs.asciinema.org/manual/asciicast, v2 and v3): a session as a file that asciinema
// and its player play.
#pragma once

#include <functional>

#include "codec/utf8.h"
#include "event/event.h"

namespace stele::event {

enum class AsciicastVersion { kV2 = 2, kV3 = 3 };

/// Writes line by line. The format holds UTF-8 only: a character cut between two events of one lane
/// goes whole with the second, bytes that are none become U+FFFD. What it has no code for (gap,
/// redaction, suspend, transfer, content that is not kept, unknown types) becomes a marker ("m"),
/// so that nothing is missing silently; grants are left out.
class AsciicastWriter {
 public:
  /// Takes one whole line, its newline included.
  using Take = std::function<void(std::string_view line)>;
  AsciicastWriter(AsciicastVersion version, Take take);

  /// First, and once. A Start that is not known may be empty: then the size is 80×24.
  void begin(const Start& start, WallTime began);
  /// Times count from `began`, and must not go back.
  void event(Micros since_start, const Body& body);
  /// Last: gives out what a character was begun with.
  void finish();

 private:
  void line(Micros at, std::string_view code, std::string_view data);
  void piped(Micros at, const Piped& piped);
  void content(Micros at, std::string_view code, codec::Utf8Decoder& decoder, ByteSpan bytes);
  void exit(Micros at, const End& end);

  const AsciicastVersion version_;
  const Take take_;
  codec::Utf8Decoder output_, input_;
  Micros last_{0};
  std::string line_, text_;  // buffers
};

}  // namespace stele::event
