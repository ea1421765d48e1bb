// Bytes of a terminal's output → characters and control sequences.
//
// The state machine is Paul Williams' of the VT500 parser (vt100.net/emu/dec_ansi_parser), made
// aware of UTF-8:
//  - Text is UTF-8. A byte that no valid sequence contains, and each maximal cut-off one, prints
//  U+FFFD, as xterm does
//    (tmux drops it). A raw byte 80–9F is such a byte, not a control.
//  - U+0080–U+009F, properly encoded, are the C1 controls, as in xterm and VTE (tmux ignores them):
//  U+009B is ESC [.
//  - Bytes from 80 on inside an escape or control sequence are skipped, as in tmux.
//  - OSC, DCS, APC, PM, SOS and the `ESC k` title of screen run to ST, to any other ESC, to CAN or
//  to SUB; OSC to BEL too.
// What is in a string is nothing to see, and skipped. Nothing is kept but the sequence under way:
// at most kParametersMax parameters.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "terminal/sequence.h"

namespace stele::terminal {

/// A handler has: print_ascii(string_view) for runs of 20–7E, print(char32_t) for other characters
/// (≥ U+00A0), execute(uint8_t) for C0 controls but ESC, CAN and SUB, escape(const Escape&) and
/// control(const Csi&).
class Parser {
 public:
  /// Takes the next bytes; where they are cut makes no difference to what is reported, but for
  /// where a run of ASCII is divided.
  template <typename Handler>
  void parse(ByteSpan in, Handler& to);

 private:
  enum class State : uint8_t { kGround, kEscape, kEscapeIgnore, kCsi, kCsiIgnore, kOsc, kString };

  template <typename Handler>
  void step(uint8_t byte, Handler& to);
  template <typename Handler>
  void ground(uint8_t byte, Handler& to);
  template <typename Handler>
  bool continue_character(uint8_t byte, Handler& to);
  template <typename Handler>
  void escape(uint8_t byte, Handler& to);
  template <typename Handler>
  void dispatch_escape(uint8_t final, Handler& to);
  template <typename Handler>
  void csi(uint8_t byte, Handler& to);

  void begin_character(uint8_t lead);
  void begin_string(State state);
  void string(uint8_t byte);
  void parameter(uint8_t byte);
  void push_parameter(bool after_colon);

  State state_ = State::kGround;
  // UTF-8 under way: how many bytes are missing, and the bounds of the next one (RFC 3629 §4).
  uint8_t missing_ = 0, next_low_ = 0, next_high_ = 0;
  uint8_t previous_ = 0;  // in strings, to see U+009C go by as C2 9C
  bool too_many_ = false;
  char32_t character_ = 0;
  Escape escape_;
  Csi csi_;
};

template <typename Handler>
void Parser::parse(ByteSpan in, Handler& to) {
  const uint8_t* at = in.data();
  const uint8_t* const end = at + in.size();
  while (at != end) {
    if (state_ == State::kGround && missing_ == 0) {
      const uint8_t* const run = at;
      while (at != end && *at >= 0x20 && *at < 0x7f) ++at;
      if (at != run) {
        to.print_ascii({reinterpret_cast<const char*>(run), static_cast<size_t>(at - run)});
        continue;
      }
    }
    step(*at++, to);
  }
}

template <typename Handler>
void Parser::step(uint8_t byte, Handler& to) {
  if (missing_ > 0 && continue_character(byte, to)) return;
  if (byte == 0x1b) {
    escape_ = {};
    state_ = State::kEscape;
    return;
  }
  if (byte == 0x18 || byte == 0x1a) {  // CAN, SUB: whatever was under way did not happen
    state_ = State::kGround;
    return;
  }
  switch (state_) {
    case State::kGround:
      return ground(byte, to);
    case State::kEscape:
    case State::kEscapeIgnore:
      return escape(byte, to);
    case State::kCsi:
    case State::kCsiIgnore:
      return csi(byte, to);
    case State::kOsc:
    case State::kString:
      return string(byte);
  }
}

template <typename Handler>
void Parser::ground(uint8_t byte, Handler& to) {
  if (byte < 0x20) {
    to.execute(byte);
  } else if (byte < 0x7f) {
    const char c = static_cast<char>(byte);
    to.print_ascii({&c, 1});
  } else if (byte > 0x7f) {
    begin_character(byte);
    if (missing_ == 0) to.print(U'\ufffd');
  }
}

// True: the byte belonged to the character. False: it did not, U+FFFD was printed, and the byte
// begins anew.
template <typename Handler>
bool Parser::continue_character(uint8_t byte, Handler& to) {
  if (byte < next_low_ || byte > next_high_) {
    missing_ = 0;
    to.print(U'\ufffd');
    return false;
  }
  character_ = character_ << 6 | (byte & 0x3fU);
  next_low_ = 0x80;
  next_high_ = 0xbf;
  if (--missing_ > 0) return true;
  if (character_ >= 0xa0) {
    to.print(character_);
  } else {  // C1: ESC and the byte 40 lower (ECMA-35 §13.2.1)
    escape_ = {};
    dispatch_escape(static_cast<uint8_t>(character_ - 0x40), to);
  }
  return true;
}

template <typename Handler>
void Parser::escape(uint8_t byte, Handler& to) {
  if (byte < 0x20) {
    to.execute(byte);
  } else if (byte < 0x30) {
    if (escape_.intermediate_count == escape_.intermediates.size()) {
      state_ = State::kEscapeIgnore;
    } else {
      escape_.intermediates[escape_.intermediate_count++] = byte;
    }
  } else if (byte < 0x7f) {
    if (state_ == State::kEscapeIgnore) {
      state_ = State::kGround;
    } else {
      dispatch_escape(byte, to);
    }
  }
}

template <typename Handler>
void Parser::dispatch_escape(uint8_t final, Handler& to) {
  state_ = State::kGround;
  if (escape_.intermediate_count == 0) {
    switch (final) {
      case '[':
        static_cast<Escape&>(csi_) = {};
        csi_.prefix = 0;
        csi_.count = 0;
        csi_.colons = 0;
        too_many_ = false;
        state_ = State::kCsi;
        return;
      case ']':
        return begin_string(State::kOsc);
      case 'P':
      case 'X':
      case '^':
      case '_':
      case 'k':
        return begin_string(State::kString);
      case '\\':
        return;
      default:
        break;
    }
  }
  escape_.final = final;
  to.escape(escape_);
}

template <typename Handler>
void Parser::csi(uint8_t byte, Handler& to) {
  if (byte < 0x20) {
    to.execute(byte);
  } else if (byte < 0x30) {
    if (csi_.intermediate_count == csi_.intermediates.size()) {
      state_ = State::kCsiIgnore;
    } else {
      csi_.intermediates[csi_.intermediate_count++] = byte;
    }
  } else if (byte < 0x40) {
    parameter(byte);
  } else if (byte < 0x7f) {
    const bool good = state_ == State::kCsi;
    state_ = State::kGround;
    csi_.final = byte;
    if (good) to.control(csi_);
  }
}

}  // namespace stele::terminal
