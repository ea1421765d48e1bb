#include "ledger/head.h"

#include <algorithm>
#include <charconv>

#include "base/hex.h"
#include "crypto/sha256.h"

namespace stele::ledger {
namespace {

constexpr std::string_view kFirstLine = "stele-head-v1";
constexpr size_t kHeadBytesMax = 4096;

// Takes one line (without its newline) off the front; empty if there is none.
std::string_view take_until(std::string_view& text, char end) {
  const size_t at = text.find(end);
  if (at == std::string_view::npos) return {};
  const std::string_view line = text.substr(0, at);
  text.remove_prefix(at + 1);
  return line;
}

bool read_number(std::string_view text, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && std::to_string(value) == text;
}

bool read_hash(std::string_view text, Hash& hash) {
  const auto bytes = from_base64(text);
  if (!bytes || bytes->size() != hash.size()) return false;
  std::copy(bytes->begin(), bytes->end(), hash.begin());
  return true;
}

}  // namespace

std::string encode(const Head& head) {
  std::string text(kFirstLine);
  text += "\n" + std::to_string(head.size) + "\n" + to_base64(head.root) + "\n";
  text += vault::to_string(head.next.volume) + " " + std::to_string(head.next.offset) + "\n";
  text += std::to_string(head.tails_size) + " " + to_base64(head.tails_hash) + "\n";
  return text + to_base64(crypto::sha256(as_bytes(text))) + "\n";
}

Result<Head> parse_head(std::string_view text) {
  const std::string_view whole = text;
  Head head;
  const bool first = take_until(text, '\n') == kFirstLine;
  const bool size = read_number(take_until(text, '\n'), head.size) &&
                    read_hash(take_until(text, '\n'), head.root);
  const auto volume = vault::parse_volume_name(take_until(text, ' '));
  const bool place = volume && read_number(take_until(text, '\n'), head.next.offset);
  const bool tails = read_number(take_until(text, ' '), head.tails_size) &&
                     read_hash(take_until(text, '\n'), head.tails_hash);
  if (!first || !size || !place || !tails)
    return fail(Code::kCorrupt, "head: not a head, or cut short");
  head.next.volume = *volume;
  head.next.index = head.size;
  if (encode(head) != whole)
    return fail(Code::kCorrupt, "head: altered (its last line does not fit)");
  if (head.tails_size > head.size || volume->first_index > head.size) {
    return fail(Code::kCorrupt, "head: contradicts itself");
  }
  return head;
}

Head empty_head() {
  return {
      .size = 0, .root = crypto::sha256(ByteSpan{}), .next = {}, .tails_size = 0, .tails_hash = {}};
}

Result<Head> HeadStore::load() const {
  TRY(const Bytes bytes, files_.read(path_, kHeadBytesMax));
  auto head = parse_head(as_text(bytes));
  if (!head) return fail(std::move(head).error().within(path_));
  return head;
}

Status HeadStore::advance(const Head& expected, const Head& next) const {
  TRY(const Head now, load());
  if (now != expected) {
    return fail(Code::kConflict,
                "head: moved to size " + std::to_string(now.size) + " by somebody else");
  }
  return files_.replace(path_, as_bytes(encode(next)));
}

Status HeadStore::create(const Head& first) const {
  return files_.put_once(path_, as_bytes(encode(first)));
}

}  // namespace stele::ledger
