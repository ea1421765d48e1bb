#include "spool/state.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "crypto/sha256.h"

namespace stele::spool {
namespace {

// The second has a retention class in each stream's line, and is there only where one has any.
constexpr std::string_view kMagic("stele-spool-v1\n\0", 16), kClassMagic("stele-spool-v2\n\0", 16);
constexpr size_t kFrontSize = 16 + 8 + 4 + 4;
constexpr size_t kFileSize = 8 + 8;
constexpr size_t kStreamSize = 16 + 1 + 4 + 8 + 4 + 8 + 4 + 8 + 32;
constexpr uint8_t kFinished = 1, kKept = 2;
constexpr size_t kHashSize = 32;
constexpr std::string_view kDecisionMagic = "stele-aside-v1";

tl::unexpected<Error> malformed(std::string_view what) {
  return fail(Code::kCorrupt, "spool state: " + std::string(what));
}

FreedStream read_stream(ByteReader& r, bool has_classes, bool& plain) {
  FreedStream one;
  one.stream = r.array<16>();
  const uint8_t flags = r.u8();
  Kept kept;
  kept.from = r.u32();
  kept.taken = r.u64();
  plain = plain && (flags & ~(kFinished | kKept)) == 0 && (kept == Kept() || (flags & kKept) != 0);
  one.finished = (flags & kFinished) != 0;
  if ((flags & kKept) != 0) one.kept = kept;
  one.owner = r.u32();
  one.freed.taken = r.u64();
  one.freed.tail.next_sequence = r.u32();
  one.freed.tail.owner = r.array<8>();
  one.freed.tail.last_hash = r.array<32>();
  if (has_classes) one.freed.retention_class = r.u8();
  return one;
}

template <typename Items, typename Key>
bool ascends(const Items& items, const Key& key) {
  return std::adjacent_find(items.begin(), items.end(), [&](const auto& a, const auto& b) {
           return !(key(a) < key(b));
         }) == items.end();
}

/// Takes a line off the front of `text`; false where there is none.
bool take_line(std::string_view& text, std::string_view& line) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

template <typename Number>
bool parse_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

namespace {

bool has_classes(const State& state) {
  return std::any_of(state.streams.begin(), state.streams.end(),
                     [](const FreedStream& one) { return one.freed.retention_class != 0; });
}

}  // namespace

Bytes encode(const State& state) {
  const bool with_classes = has_classes(state);
  Bytes out;
  out.reserve(kFrontSize + state.files.size() * kFileSize +
              state.streams.size() * (kStreamSize + 1) + kHashSize);
  ByteWriter w(out);
  w.bytes(as_bytes(with_classes ? kClassMagic : kMagic));
  w.u64(state.through);
  w.u32(static_cast<uint32_t>(state.files.size()));
  w.u32(static_cast<uint32_t>(state.streams.size()));
  for (const FileEnd& file : state.files) {
    w.u64(file.number);
    w.u64(file.end);
  }
  for (const FreedStream& one : state.streams) {
    w.bytes(one.stream);
    w.u8(static_cast<uint8_t>((one.finished ? kFinished : 0) | (one.kept ? kKept : 0)));
    w.u32(one.kept.value_or(Kept()).from);
    w.u64(one.kept.value_or(Kept()).taken);
    w.u32(one.owner);
    w.u64(one.freed.taken);
    w.u32(one.freed.tail.next_sequence);
    w.bytes(one.freed.tail.owner);
    w.bytes(one.freed.tail.last_hash);
    if (with_classes) w.u8(one.freed.retention_class);
  }
  w.bytes(crypto::sha256(out));
  return out;
}

Result<State> parse_state(ByteSpan bytes) {
  if (bytes.size() < kFrontSize + kHashSize) return malformed("cut short");
  const ByteSpan body = bytes.first(bytes.size() - kHashSize);
  if (!equal(crypto::sha256(body), bytes.last(kHashSize))) return malformed("wrong hash");
  ByteReader r(body);
  const ByteSpan magic = r.bytes(kMagic.size());
  const bool with_classes = equal(magic, as_bytes(kClassMagic));
  if (!with_classes && !equal(magic, as_bytes(kMagic))) return malformed("wrong magic");
  State state;
  state.through = r.u64();
  const uint64_t files = r.u32(), streams = r.u32();
  if (r.rest().size() != files * kFileSize + streams * (kStreamSize + (with_classes ? 1 : 0)))
    return malformed("wrong size");
  bool plain = true;
  for (uint64_t i = 0; i < files; ++i) {
    const uint64_t number = r.u64();
    state.files.push_back({number, r.u64()});
  }
  for (uint64_t i = 0; i < streams; ++i)
    state.streams.push_back(read_stream(r, with_classes, plain));
  CHECK(r.done());
  if (!plain || with_classes != has_classes(state) ||
      !ascends(state.files, [](const FileEnd& f) { return f.number; }) ||
      !ascends(state.streams, [](const FreedStream& s) { return s.stream; }) ||
      (!state.files.empty() && state.files.back().number > state.through)) {
    return malformed("out of order");
  }
  return state;
}

std::string one_line(std::string_view why) {
  std::string out(why.substr(0, kWhyBytesMax));
  std::replace_if(out.begin(), out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return out;
}

std::string to_text(const Decision& decision) {
  return std::string(kDecisionMagic) + "\n" + to_string(decision.stream) + "\n" +
         std::to_string(decision.sequence) + "\n" + decision.why + "\n";
}

Result<Decision> parse_decision(std::string_view text) {
  const std::string_view whole = text;
  std::string_view magic, stream, sequence, why;
  const bool lines = take_line(text, magic) && take_line(text, stream) &&
                     take_line(text, sequence) && take_line(text, why);
  Decision decision;
  if (!lines || !text.empty() || magic != kDecisionMagic ||
      !parse_number(sequence, decision.sequence)) {
    return fail(Code::kCorrupt, "why file: malformed");
  }
  TRY(decision.stream, parse_stream_id(stream));
  decision.why = why;
  if (one_line(why) != why || to_text(decision) != whole)
    return fail(Code::kCorrupt, "why file: a second spelling");
  return decision;
}

}  // namespace stele::spool
