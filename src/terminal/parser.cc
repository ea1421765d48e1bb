#include "terminal/parser.h"

#include <algorithm>

namespace stele::terminal {

void Parser::begin_character(uint8_t lead) {
  next_low_ = 0x80;
  next_high_ = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    missing_ = 1;
    character_ = lead & 0x1fU;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    missing_ = 2;
    character_ = lead & 0x0fU;
    if (lead == 0xe0) next_low_ = 0xa0;
    if (lead == 0xed) next_high_ = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    missing_ = 3;
    character_ = lead & 0x07U;
    if (lead == 0xf0) next_low_ = 0x90;
    if (lead == 0xf4) next_high_ = 0x8f;
  }
}

void Parser::begin_string(State state) {
  state_ = state;
  previous_ = 0;
}

void Parser::string(uint8_t byte) {
  const bool ends = (byte == 0x07 && state_ == State::kOsc) || (byte == 0x9c && previous_ == 0xc2);
  if (ends) state_ = State::kGround;
  previous_ = byte;
}

// A byte 30–3F: a digit, a separator, or a private prefix, which may only come first.
void Parser::parameter(uint8_t byte) {
  if (csi_.intermediate_count > 0) {
    state_ = State::kCsiIgnore;
  } else if (byte >= 0x3c) {
    if (csi_.count > 0 || csi_.prefix != 0) state_ = State::kCsiIgnore;
    csi_.prefix = byte;
  } else {
    if (csi_.count == 0) push_parameter(false);
    if (byte >= 0x3a) return push_parameter(byte == ':');
    if (too_many_) return;
    int& value = csi_.values[csi_.count - 1];
    value = std::min((value == Csi::kOmitted ? 0 : value * 10) + (byte - '0'), Csi::kValueMax);
  }
}

void Parser::push_parameter(bool after_colon) {
  too_many_ = csi_.count == Csi::kParametersMax;
  if (too_many_) return;
  if (after_colon) csi_.colons |= 1U << csi_.count;
  csi_.values[csi_.count++] = Csi::kOmitted;
}

}  // namespace stele::terminal
