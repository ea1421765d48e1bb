// For tests: SFTP packets, and what became of them.
#pragma once

#include <string>

#include "transfer/follower.h"
#include "transfer/sftp_state.h"

namespace stele::transfer {

class Packet {
 public:
  explicit Packet(Sftp type) { ByteWriter(body_).u8(static_cast<uint8_t>(type)); }
  Packet(Sftp type, uint32_t id) : Packet(type) { u32(id); }
  Packet& u32(uint32_t value) { return ByteWriter(body_).u32(value), *this; }
  Packet& u64(uint64_t value) { return ByteWriter(body_).u64(value), *this; }
  Packet& text(std::string_view text) {
    u32(static_cast<uint32_t>(text.size()));
    return raw(text);
  }
  Packet& raw(std::string_view text) { return ByteWriter(body_).bytes(as_bytes(text)), *this; }
  operator Bytes() const {  // NOLINT(google-explicit-constructor)
    Bytes whole;
    ByteWriter out(whole);
    out.u32(static_cast<uint32_t>(body_.size()));
    out.bytes(body_);
    return whole;
  }

 private:
  Bytes body_;
};

/// What a record has of a session, as a reader would see it.
struct Seen {
  std::string input, output, error;  // kept bytes; a `#` for each byte that is not
  std::vector<event::Transfer> transfers;
  std::vector<event::Elided> elided;

  void add(const std::vector<event::Body>& bodies) {
    for (const event::Body& body : bodies) {
      if (const auto* piped = std::get_if<event::Piped>(&body))
        way(piped->pipe) += as_text(piped->bytes);
      if (const auto* piece = std::get_if<event::Elided>(&body)) {
        way(piece->pipe) += std::string(piece->bytes, '#');
        elided.push_back(*piece);
      }
      if (const auto* transfer = std::get_if<event::Transfer>(&body))
        transfers.push_back(*transfer);
    }
  }
  std::string& way(event::Piped::Pipe pipe) {
    return pipe == event::Piped::Pipe::kInput    ? input
           : pipe == event::Piped::Pipe::kOutput ? output
                                                 : error;
  }
};

}  // namespace stele::transfer
