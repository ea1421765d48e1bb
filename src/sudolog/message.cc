#include "sudolog/message.h"

#include <limits>
#include <set>

#include "sudolog/protobuf.h"

namespace stele::sudolog {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

tl::unexpected<Error> corrupt(const char* what) {
  return fail(Code::kCorrupt, std::string("sudo's log message: ") + what);
}
tl::unexpected<Error> too_much(const char* what) {
  return fail(Code::kLimit, std::string("sudo's log message: ") + what);
}

/// The members of one message, each asked for its kind. The first fault stays.
class Members {
 public:
  explicit Members(ByteSpan message) : reader_(message) {}

  bool next() {
    const auto field = failed_ ? std::nullopt : reader_.next();
    if (field) field_ = *field;
    return field.has_value();
  }
  uint32_t number() const { return field_.number; }

  int64_t integer() { return static_cast<int64_t>(checked(field_.varint(), true)); }
  bool boolean() { return integer() != 0; }
  std::string text() { return std::string(as_text(run(true))); }
  ByteSpan run(bool once) { return checked(field_.bytes(), once); }
  /// A number on its own, or some of them packed.
  void numbers(std::vector<int64_t>& out) {
    if (const auto one = field_.varint()) return out.push_back(static_cast<int64_t>(*one));
    for (ByteSpan rest = run(false); !rest.empty() && out.size() <= kWordsMax;) {
      const auto one = take_varint(rest);
      if (!one) return refuse();
      out.push_back(static_cast<int64_t>(*one));
    }
  }
  Nanos time();

  void refuse() { failed_ = true; }
  bool is_whole() const { return !failed_ && reader_.is_whole(); }

 private:
  template <typename Value>
  Value checked(const std::optional<Value>& value, bool once) {
    if (!value || (once && !seen_.insert(field_.number).second)) refuse();
    return value.value_or(Value{});
  }

  FieldReader reader_;
  Field field_;
  std::set<uint32_t> seen_;
  bool failed_ = false;
};

/// A TimeSpec; never negative.
Nanos Members::time() {
  Members spec(run(true));
  int64_t seconds = 0, nanos = 0;
  while (spec.next()) {
    if (spec.number() == 1) seconds = spec.integer();
    if (spec.number() == 2) nanos = spec.integer();
  }
  const bool fits = seconds >= 0 && seconds <= kSecondsMax && nanos >= 0 && nanos < kNanosPerSecond;
  if (!spec.is_whole() || !fits) return refuse(), Nanos(0);
  return Nanos(seconds * kNanosPerSecond + nanos);
}

Result<std::vector<std::string>> parse_words(ByteSpan list) {
  Members in(list);
  std::vector<std::string> words;
  while (in.next()) {
    if (in.number() == 1) words.emplace_back(as_text(in.run(false)));
    if (words.size() > kWordsMax) return too_much("a list is too long");
  }
  if (!in.is_whole()) return corrupt("a list of strings");
  return words;
}

Result<std::vector<int64_t>> parse_numbers(ByteSpan list) {
  Members in(list);
  std::vector<int64_t> numbers;
  while (in.next()) {
    if (in.number() == 1) in.numbers(numbers);
    if (numbers.size() > kWordsMax) return too_much("a list is too long");
  }
  if (!in.is_whole()) return corrupt("a list of numbers");
  return numbers;
}

Result<Info> parse_info(ByteSpan bytes) {
  Members in(bytes);
  Info info;
  int values = 0;
  while (in.next()) {
    if (in.number() >= 2 && in.number() <= 5) ++values;
    switch (in.number()) {
      case 1:
        info.key = in.text();
        break;
      case 2:
        info.value = in.integer();
        break;
      case 3:
        info.value = in.text();
        break;
      case 4: {
        TRY(info.value, parse_words(in.run(true)));
        break;
      }
      case 5: {
        TRY(info.value, parse_numbers(in.run(true)));
        break;
      }
    }
  }
  if (!in.is_whole() || values > 1) return corrupt("what it says of the command");
  return info;
}

/// Where its members stand differs by kind.
struct Places {
  Decision::Kind kind;
  uint32_t reason, infos, expects;  // 0: it has none
};

Result<ClientMessage> parse_decision(ByteSpan bytes, const Places& places) {
  Members in(bytes);
  Decision decision;
  decision.kind = places.kind;
  while (in.next()) {
    const uint32_t number = in.number();
    if (number == 1) decision.at = in.time();
    if (number == places.reason) decision.reason = in.text();
    if (number == places.expects) decision.expects_data = in.boolean();
    if (number != places.infos) continue;
    if (decision.infos.size() == kInfosMax) return too_much("it says too many things");
    TRY(Info info, parse_info(in.run(false)));
    decision.infos.push_back(std::move(info));
  }
  if (!in.is_whole()) return corrupt("a decision");
  return decision;
}

Result<ClientMessage> parse_hello(ByteSpan bytes) {
  Members in(bytes);
  Hello hello;
  while (in.next())
    if (in.number() == 1) hello.client = in.text();
  if (!in.is_whole()) return corrupt("a hello");
  return hello;
}

Result<ClientMessage> parse_exit(ByteSpan bytes) {
  Members in(bytes);
  Exit exit;
  int64_t status = 0;
  while (in.next()) {
    if (in.number() == 1) exit.run_time = in.time();
    if (in.number() == 2) status = in.integer();
    if (in.number() == 3) exit.dumped_core = in.boolean();
    if (in.number() == 4) exit.signal = in.text();
    if (in.number() == 5) exit.error = in.text();
  }
  using Limits = std::numeric_limits<int32_t>;
  if (!in.is_whole() || status < Limits::min() || status > Limits::max()) return corrupt("an exit");
  exit.status = static_cast<int32_t>(status);
  return exit;
}

Result<ClientMessage> parse_restart(ByteSpan bytes) {
  Members in(bytes);
  Restart restart;
  while (in.next()) {
    if (in.number() == 1) restart.log = in.text();
    if (in.number() == 2) restart.resume_point = in.time();
  }
  if (!in.is_whole()) return corrupt("a restart");
  return restart;
}

Result<ClientMessage> parse_data(ByteSpan bytes, Data::Way way) {
  Members in(bytes);
  Data data;
  data.way = way;
  while (in.next()) {
    if (in.number() == 1) data.delay = in.time();
    if (in.number() != 2) continue;
    const ByteSpan run = in.run(true);
    data.bytes.assign(run.begin(), run.end());
  }
  if (!in.is_whole()) return corrupt("a buffer");
  return data;
}

Result<ClientMessage> parse_window(ByteSpan bytes) {
  Members in(bytes);
  WindowSize size;
  int64_t rows = 0, columns = 0;
  while (in.next()) {
    if (in.number() == 1) size.delay = in.time();
    if (in.number() == 2) rows = in.integer();
    if (in.number() == 3) columns = in.integer();
  }
  const auto fits = [](int64_t cells) { return cells >= 0 && cells <= UINT16_MAX; };
  if (!in.is_whole() || !fits(rows) || !fits(columns)) return corrupt("a window's size");
  size.rows = static_cast<uint16_t>(rows);
  size.columns = static_cast<uint16_t>(columns);
  return size;
}

Result<ClientMessage> parse_suspend(ByteSpan bytes) {
  Members in(bytes);
  Suspend suspend;
  while (in.next()) {
    if (in.number() == 1) suspend.delay = in.time();
    if (in.number() == 2) suspend.signal = in.text();
  }
  if (!in.is_whole()) return corrupt("a suspend");
  return suspend;
}

Result<ClientMessage> parse_as(uint32_t kind, ByteSpan bytes) {
  switch (kind) {
    case 1:
      return parse_decision(bytes, {Decision::Kind::kAccept, 0, 2, 3});
    case 2:
      return parse_decision(bytes, {Decision::Kind::kReject, 2, 3, 0});
    case 3:
      return parse_exit(bytes);
    case 4:
      return parse_restart(bytes);
    case 5:
      return parse_decision(bytes, {Decision::Kind::kAlert, 2, 3, 0});
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
      return parse_data(bytes, static_cast<Data::Way>(kind - 6));
    case 11:
      return parse_window(bytes);
    case 12:
      return parse_suspend(bytes);
    case 13:
      return parse_hello(bytes);
    default:
      return fail(Code::kUnsupported,
                  "sudo's log message: of a kind that this program does not know");
  }
}

Bytes framed(const Bytes& message) {
  Bytes out;
  ByteWriter writer(out);
  writer.u32(static_cast<uint32_t>(message.size()));
  writer.bytes(message);
  return out;
}

Bytes text_message(uint32_t number, std::string_view text) {
  FieldWriter message;
  message.bytes(number, as_bytes(text));
  return framed(message.take());
}

}  // namespace

Result<ClientMessage> parse_client_message(ByteSpan message) {
  if (message.size() > kMessageBytesMax) return too_much("it is too large");
  FieldReader in(message);
  const auto field = in.next();
  const auto bytes = field ? field->bytes() : std::nullopt;
  if (!bytes || in.next() || !in.is_whole()) return corrupt("not one message");
  return parse_as(field->number, *bytes);
}

Result<std::optional<Bytes>> Frames::next() {
  const ByteSpan rest = ByteSpan(bytes_).subspan(taken_);
  if (rest.size() >= kFrameBytes) {
    ByteReader in(rest);
    const uint32_t size = in.u32();
    if (size == 0) return corrupt("an empty one");
    if (size > kMessageBytesMax) return too_much("it is too large");
    if (in.rest().size() >= size) {
      const ByteSpan message = in.bytes(size);
      taken_ += kFrameBytes + size;
      return Bytes(message.begin(), message.end());
    }
  }
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(taken_));
  taken_ = 0;
  return std::nullopt;
}

Bytes encode_hello(std::string_view server, bool subcommands) {
  FieldWriter hello, message;
  hello.bytes(1, as_bytes(server));
  if (subcommands) hello.varint(4, 1);
  message.bytes(1, hello.take());
  return framed(message.take());
}

Bytes encode_commit_point(Nanos elapsed) {
  FieldWriter time, message;
  time.varint(1, static_cast<uint64_t>(elapsed.count() / kNanosPerSecond));
  time.varint(2, static_cast<uint64_t>(elapsed.count() % kNanosPerSecond));
  message.bytes(2, time.take());
  return framed(message.take());
}

Bytes encode_log_id(std::string_view id) { return text_message(3, id); }
Bytes encode_error(std::string_view why) { return text_message(4, why); }
Bytes encode_abort(std::string_view why) { return text_message(5, why); }

}  // namespace stele::sudolog
