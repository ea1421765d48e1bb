#include "event/asciicast.h"

#include <algorithm>

#include "codec/json.h"

namespace stele::event {
namespace {

using codec::JsonWriter;

constexpr uint16_t kColumns = 80, kRows = 24;  // of a session whose window is not known
constexpr int kSignalled = 128;                // a shell's exit status of what a signal ended

// As one would type it: words with anything but the plainest characters in quotes.
std::string shell_words(const std::vector<std::string>& argv) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
  std::string line;
  for (const std::string& word : argv) {
    if (!line.empty()) line += ' ';
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
      line += word;
      continue;
    }
    line += '\'';
    for (char c : word) line += c == '\'' ? "'\\''" : std::string(1, c);
    line += '\'';
  }
  return line;
}

std::string count_text(uint64_t bytes, std::string_view what) {
  return bytes == 0 ? "" : ", " + std::to_string(bytes) + " bytes of " + std::string(what);
}

std::string seconds_text(Micros time) {
  std::string text;
  JsonWriter(text).seconds(time);
  return text;
}

std::string marker(const Gap& gap) {
  return "gap of " + seconds_text(gap.duration) + " s" + count_text(gap.output_bytes, "output") +
         count_text(gap.input_bytes, "input") + ": " + gap.why;
}

std::string marker(const Redaction& redaction) {
  const bool is_hidden = redaction.why == Redaction::Why::kNoEcho;
  return std::string("redacted input, ") + (is_hidden ? "no echo" : "heuristic") + ", up to " +
         std::to_string(redaction.bytes_rounded) + " bytes";
}

std::string marker(const Line& line) { return "line, read off the screen: " + line.text; }

std::string marker(const Suspend& suspend) {
  return suspend.continued ? "recorder continued" : "recorder stopped";
}

std::string marker(const Exec& exec) {
  std::string text = "exec";
  for (const std::string& argument : exec.argv) text += " " + argument;
  return text;
}

std::string marker(const Elided& elided) {
  return std::to_string(elided.bytes) + " bytes of " + std::string(pipe_name(elided.pipe)) +
         " are a file's content: only their digest is kept";
}

std::string marker(const Transfer& transfer) {
  std::string text = transfer.protocol + " " + std::string(transfer_name(transfer.what));
  if (!transfer.name.empty()) text += " " + transfer.name;
  return transfer.to.empty() ? text : text + " -> " + transfer.to;
}

std::string marker(const Unknown& unknown) {
  return "event of unknown type " + std::to_string(unknown.type);
}

std::string marker(const End& end) { return end.why.empty() ? "end" : "end: " + end.why; }

WindowSize or_default(WindowSize size) {
  if (size.columns == 0 || size.rows == 0) return {kRows, kColumns, 0, 0};
  return size;
}

void write_size(JsonWriter& json, std::string_view columns, std::string_view rows,
                WindowSize size) {
  json.key(columns).number(size.columns).key(rows).number(size.rows);
}

}  // namespace

AsciicastWriter::AsciicastWriter(AsciicastVersion version, Take take)
    : version_(version), take_(std::move(take)) {}

void AsciicastWriter::begin(const Start& start, WallTime began) {
  line_.clear();
  JsonWriter json(line_);
  const WindowSize size = or_default(start.size);
  json.begin_object().key("version").number(static_cast<int>(version_));
  if (version_ == AsciicastVersion::kV2) {
    write_size(json, "width", "height", size);
  } else {
    write_size(json.key("term").begin_object(), "cols", "rows", size);
    if (!start.terminal.empty()) json.key("type").text(start.terminal);
    json.end_object();
  }
  json.key("timestamp")
      .number(std::chrono::floor<std::chrono::seconds>(began).time_since_epoch().count());
  if (!start.argv.empty()) json.key("command").text(shell_words(start.argv));
  if (!start.title.empty()) json.key("title").text(start.title);
  if (version_ == AsciicastVersion::kV2 && !start.terminal.empty()) {
    json.key("env").begin_object().key("TERM").text(start.terminal).end_object();
  }
  json.end_object();
  line_ += '\n';
  take_(line_);
}

// v2 counts from the start, v3 from the event before.
void AsciicastWriter::line(Micros at, std::string_view code, std::string_view data) {
  at = std::max(at, last_);
  line_.clear();
  JsonWriter json(line_);
  json.begin_array().seconds(version_ == AsciicastVersion::kV2 ? at : at - last_);
  json.text(code).text(data).end_array();
  line_ += '\n';
  last_ = at;
  take_(line_);
}

void AsciicastWriter::content(Micros at, std::string_view code, codec::Utf8Decoder& decoder,
                              ByteSpan bytes) {
  text_.clear();
  decoder.decode(bytes, text_);
  if (!text_.empty()) line(at, code, text_);
}

// Shown as a terminal in cooked mode would: a line's end returns the carriage.
void AsciicastWriter::piped(Micros at, const Piped& piped) {
  if (piped.pipe == Piped::Pipe::kInput) return content(at, "i", input_, piped.bytes);
  content(at, "o", output_, for_screen(piped.bytes));
}

// v2 has no code for it.
void AsciicastWriter::exit(Micros at, const End& end) {
  finish();
  const bool is_known = end.exit_status || end.signal;
  if (version_ == AsciicastVersion::kV2 || !is_known || !end.why.empty())
    line(at, "m", marker(end));
  if (version_ == AsciicastVersion::kV2 || !is_known) return;
  line(at, "x", std::to_string(end.signal ? kSignalled + *end.signal : *end.exit_status));
}

void AsciicastWriter::event(Micros since_start, const Body& body) {
  const Micros at = since_start;
  if (const auto* output = std::get_if<Output>(&body)) {
    content(at, "o", output_, output->bytes);
  } else if (const auto* input = std::get_if<Input>(&body)) {
    content(at, "i", input_, input->bytes);
  } else if (const auto* piped = std::get_if<Piped>(&body)) {
    this->piped(at, *piped);
  } else if (const auto* resize = std::get_if<Resize>(&body)) {
    line(at, "r", std::to_string(resize->size.columns) + "x" + std::to_string(resize->size.rows));
  } else if (const auto* gap = std::get_if<Gap>(&body)) {
    line(at, "m", marker(*gap));
  } else if (const auto* redaction = std::get_if<Redaction>(&body)) {
    line(at, "m", marker(*redaction));
  } else if (const auto* typed = std::get_if<Line>(&body)) {
    line(at, "m", marker(*typed));
  } else if (const auto* suspend = std::get_if<Suspend>(&body)) {
    line(at, "m", marker(*suspend));
  } else if (const auto* exec = std::get_if<Exec>(&body)) {
    line(at, "m", marker(*exec));
  } else if (const auto* elided = std::get_if<Elided>(&body)) {
    line(at, "m", marker(*elided));
  } else if (const auto* transfer = std::get_if<Transfer>(&body)) {
    line(at, "m", marker(*transfer));
  } else if (const auto* unknown = std::get_if<Unknown>(&body)) {
    line(at, "m", marker(*unknown));
  } else if (const auto* end = std::get_if<End>(&body)) {
    exit(at, *end);
  }
}

void AsciicastWriter::finish() {
  for (const bool is_output : {true, false}) {
    text_.clear();
    (is_output ? output_ : input_).finish(text_);
    if (!text_.empty()) line(last_, is_output ? "o" : "i", text_);
  }
}

}  // namespace stele::event
