#include "sudolog/facts.h"

#include <cstring>

namespace stele::sudolog {
namespace {

constexpr uint8_t kSignalMax = 64;

class Reader {
 public:
  Reader(const Decision& decision, Facts& facts) : decision_(decision), facts_(facts) {}

  std::string text(std::string_view key) {
    const auto* text = value<std::string>(key);
    return text == nullptr ? "" : fitted(key, *text);
  }
  std::optional<uint32_t> id(std::string_view key) const {
    const auto* number = value<int64_t>(key);
    const bool fits = number != nullptr && *number >= 0 && *number < UINT32_MAX;
    return fits ? std::optional(static_cast<uint32_t>(*number)) : std::nullopt;
  }
  uint16_t cells(std::string_view key) const {
    const auto number = id(key);
    return number && *number <= UINT16_MAX ? static_cast<uint16_t>(*number) : 0;
  }
  std::vector<std::string> words(std::string_view key) {
    const auto* all = value<std::vector<std::string>>(key);
    std::vector<std::string> kept;
    size_t bytes = 0;
    for (size_t i = 0; all != nullptr && i < all->size(); ++i) {
      bytes += (*all)[i].size();
      if (kept.size() == kArgumentsMax || bytes > kArgumentBytesMax) {
        cut(key);
        break;
      }
      kept.push_back((*all)[i]);
    }
    return kept;
  }
  std::string fitted(std::string_view key, const std::string& text) {
    if (text.size() > kFactBytesMax) cut(key);
    return text.substr(0, kFactBytesMax);
  }

 private:
  template <typename Value>
  const Value* value(std::string_view key) const {
    for (const Info& info : decision_.infos)
      if (info.key == key) return std::get_if<Value>(&info.value);
    return nullptr;
  }
  void cut(std::string_view key) { facts_.cut.emplace_back(key); }

  const Decision& decision_;
  Facts& facts_;
};

event::Sudo::What what_of(Decision::Kind kind, bool inside) {
  switch (kind) {
    case Decision::Kind::kReject:
      return event::Sudo::What::kReject;
    case Decision::Kind::kAlert:
      return event::Sudo::What::kError;
    case Decision::Kind::kAccept:
      break;
  }
  return inside ? event::Sudo::What::kCommand : event::Sudo::What::kAccept;
}

std::optional<uint8_t> signal_of(const std::string& name) {
  for (uint8_t number = 1; number <= kSignalMax; ++number) {
    const char* const known = ::sigabbrev_np(number);
    if (known != nullptr && name == known) return number;
  }
  return std::nullopt;
}

}  // namespace

Facts facts_of(const Decision& decision, bool inside) {
  Facts facts;
  Reader in(decision, facts);
  event::Sudo& sudo = facts.sudo;
  sudo.what = what_of(decision.kind, inside);
  sudo.why = in.fitted("reason", decision.reason);
  sudo.file = in.text("command");
  sudo.argv = in.words("runargv");
  sudo.cwd = in.text("runcwd");
  sudo.by = in.text("submituser");
  sudo.by_uid = in.id("submituid");
  sudo.tty = in.text("ttyname");
  sudo.host = in.text("submithost");
  sudo.as = in.text("runuser");
  sudo.as_uid = in.id("runuid");
  sudo.as_group = in.text("rungroup");
  sudo.as_gid = in.id("rungid");
  facts.size = {in.cells("lines"), in.cells("columns"), 0, 0};
  facts.asked_in = in.text("submitcwd");
  return facts;
}

Result<event::End> end_of(const Exit& exit) {
  event::End end;
  end.core_dumped = exit.dumped_core;
  end.why = exit.error.substr(0, kFactBytesMax);
  if (exit.signal.empty()) {
    if (exit.status < 0 || exit.status > UINT8_MAX)
      return fail(Code::kCorrupt,
                  "sudo's log message: an exit status of " + std::to_string(exit.status));
    if (end.why.empty()) end.exit_status = static_cast<uint8_t>(exit.status);
    return end;
  }
  end.signal = signal_of(exit.signal);
  if (!end.signal && end.why.empty()) end.why = "signal " + exit.signal.substr(0, 32);
  return end;
}

}  // namespace stele::sudolog
