#include "agent/host_state.h"

#include "receipt/text.h"

namespace stele::agent {
namespace {

constexpr std::string_view kStateLine = "stele-host-state-v1", kNextLine = "stele-host-next-v1";
constexpr size_t kTextBytesMax = 4096;

Status expect_line(std::string_view& text, std::string_view wanted) {
  TRY(const std::string_view line, receipt::take_line(text));
  if (line != wanted) return fail(Code::kCorrupt, "not a " + std::string(wanted));
  return {};
}

Result<uint64_t> take_number(std::string_view& text, uint64_t max) {
  TRY(const std::string_view line, receipt::take_line(text));
  return receipt::parse_decimal(line, max);
}

Result<uint32_t> take_epoch(std::string_view& text) {
  TRY(const uint64_t epoch, take_number(text, UINT32_MAX));
  if (epoch == 0) return fail(Code::kCorrupt, "epochs count from 1");
  return static_cast<uint32_t>(epoch);
}

Result<WallTime> take_time(std::string_view& text) {
  TRY(const uint64_t us, take_number(text, INT64_MAX));
  return WallTime(Micros(static_cast<int64_t>(us)));
}

std::string line_of(uint64_t number) { return std::to_string(number) + "\n"; }

}  // namespace

std::string encode(const HostState& state) {
  return std::string(kStateLine) + "\n" + to_string(state.stream) + "\n" + line_of(state.epoch) +
         line_of(state.sessions) + line_of(static_cast<uint64_t>(micros(state.not_before)));
}

Result<HostState> parse_host_state(std::string_view text) {
  if (text.size() > kTextBytesMax) return fail(Code::kLimit, "host state over 4 KiB");
  TRY_VOID(expect_line(text, kStateLine));
  HostState state;
  TRY(const std::string_view stream, receipt::take_line(text));
  TRY(state.stream, parse_stream_id(stream));
  TRY(state.epoch, take_epoch(text));
  TRY(state.sessions, take_number(text, UINT64_MAX));
  TRY(state.not_before, take_time(text));
  if (!text.empty()) return fail(Code::kCorrupt, "host state: more than its lines");
  return state;
}

crypto::SecretBytes encode(const NextKey& next) {
  const std::string front = std::string(kNextLine) + "\n" + line_of(next.epoch) +
                            line_of(static_cast<uint64_t>(micros(next.not_before)));
  const crypto::SecretBytes key = ledger::encode(next.key);
  crypto::SecretBytes out(front.size() + key.size());
  const MutableByteSpan to = out.writable();
  std::copy(front.begin(), front.end(), to.begin());
  std::copy(key.span().begin(), key.span().end(),
            to.begin() + static_cast<ptrdiff_t>(front.size()));
  return out;
}

Result<NextKey> parse_next_key(ByteSpan bytes) {
  std::string_view text = as_text(bytes);
  if (text.size() > kTextBytesMax) return fail(Code::kLimit, "next key over 4 KiB");
  TRY_VOID(expect_line(text, kNextLine));
  TRY(const uint32_t epoch, take_epoch(text));
  TRY(const WallTime not_before, take_time(text));
  TRY(auto key, ledger::parse_private_key(as_bytes(text)));
  return NextKey{epoch, not_before, std::move(key)};
}

}  // namespace stele::agent
