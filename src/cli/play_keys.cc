#include "cli/play_keys.h"

namespace stele::cli {
namespace {

constexpr char kEscape = '\x1b', kBell = '\x07';

std::string arrow(char final) {
  if (final == 'C') return "right";
  return final == 'D' ? "left" : "";
}

}  // namespace

void PlayKeys::add(std::string_view bytes) {
  for (const char c : bytes) step(c);
  if (state_ == State::kEscape) {
    state_ = State::kGround;
    keys_.emplace_back("escape");
  }
}

std::string PlayKeys::next() {
  if (keys_.empty()) return "";
  std::string key = std::move(keys_.front());
  keys_.pop_front();
  return key;
}

// Introducers and finals of ECMA-48 §5.4 and §8.3; SS3 is how arrows come in application mode.
void PlayKeys::step(char c) {
  const auto byte = static_cast<unsigned char>(c);
  switch (state_) {
    case State::kGround:
      if (c == kEscape) {
        state_ = State::kEscape;
      } else if (byte < 0x80) {
        keys_.emplace_back(1, c);
      }
      return;
    case State::kEscape:
      state_ = State::kGround;
      if (c == '[') state_ = State::kSequence;
      if (c == 'O') state_ = State::kSs3;
      if (std::string_view("]P_^X").find(c) != std::string_view::npos) state_ = State::kString;
      has_parameters_ = false;
      if (c == kEscape) keys_.emplace_back("escape"), state_ = State::kEscape;
      return;
    case State::kSequence:
      if (byte < 0x40 && c != kEscape) {
        has_parameters_ = true;
        return;
      }
      [[fallthrough]];
    case State::kSs3:
      state_ = c == kEscape ? State::kEscape : State::kGround;
      if (const std::string key = arrow(c); !key.empty() && !has_parameters_) keys_.push_back(key);
      return;
    case State::kString:
      if (c == kBell) state_ = State::kGround;
      if (c == kEscape) state_ = State::kEscape;  // of ST, whose '\' is no key then
  }
}

}  // namespace stele::cli
