// For tests: what a client of sudo's log protocol would send, and what it would read.
#pragma once

#include "sudolog/message.h"
#include "sudolog/protobuf.h"

namespace stele::sudolog {

inline Bytes encode_time(Nanos time) {
  FieldWriter out;
  out.varint(1, static_cast<uint64_t>(time.count() / 1'000'000'000));
  out.varint(2, static_cast<uint64_t>(time.count() % 1'000'000'000));
  return out.take();
}

inline Bytes encode_info(const Info& info) {
  FieldWriter out, list;
  out.bytes(1, as_bytes(info.key));
  if (const auto* number = std::get_if<int64_t>(&info.value)) {
    out.varint(2, static_cast<uint64_t>(*number));
  } else if (const auto* text = std::get_if<std::string>(&info.value)) {
    out.bytes(3, as_bytes(*text));
  } else if (const auto* words = std::get_if<std::vector<std::string>>(&info.value)) {
    for (const std::string& each : *words) list.bytes(1, as_bytes(each));
    out.bytes(4, list.take());
  } else {
    for (const int64_t each : std::get<std::vector<int64_t>>(info.value))
      list.varint(1, static_cast<uint64_t>(each));
    out.bytes(5, list.take());
  }
  return out.take();
}

struct EncodeClient {
  std::pair<uint32_t, Bytes> operator()(const Hello& hello) const {
    FieldWriter out;
    out.bytes(1, as_bytes(hello.client));
    return {13, out.take()};
  }
  std::pair<uint32_t, Bytes> operator()(const Decision& decision) const {
    FieldWriter out;
    const bool accepts = decision.kind == Decision::Kind::kAccept;
    out.bytes(1, encode_time(decision.at));
    if (!accepts) out.bytes(2, as_bytes(decision.reason));
    for (const Info& info : decision.infos) out.bytes(accepts ? 2 : 3, encode_info(info));
    if (accepts && decision.expects_data) out.varint(3, 1);
    return {decision.kind == Decision::Kind::kAlert ? 5 : accepts ? 1 : 2, out.take()};
  }
  std::pair<uint32_t, Bytes> operator()(const Exit& exit) const {
    FieldWriter out;
    out.bytes(1, encode_time(exit.run_time));
    out.varint(2, static_cast<uint64_t>(static_cast<int64_t>(exit.status)));
    if (exit.dumped_core) out.varint(3, 1);
    out.bytes(4, as_bytes(exit.signal));
    out.bytes(5, as_bytes(exit.error));
    return {3, out.take()};
  }
  std::pair<uint32_t, Bytes> operator()(const Restart& restart) const {
    FieldWriter out;
    out.bytes(1, as_bytes(restart.log));
    out.bytes(2, encode_time(restart.resume_point));
    return {4, out.take()};
  }
  std::pair<uint32_t, Bytes> operator()(const Data& data) const {
    FieldWriter out;
    out.bytes(1, encode_time(data.delay));
    out.bytes(2, data.bytes);
    return {6 + static_cast<uint32_t>(data.way), out.take()};
  }
  std::pair<uint32_t, Bytes> operator()(const WindowSize& size) const {
    FieldWriter out;
    out.bytes(1, encode_time(size.delay));
    out.varint(2, size.rows);
    out.varint(3, size.columns);
    return {11, out.take()};
  }
  std::pair<uint32_t, Bytes> operator()(const Suspend& suspend) const {
    FieldWriter out;
    out.bytes(1, encode_time(suspend.delay));
    out.bytes(2, as_bytes(suspend.signal));
    return {12, out.take()};
  }
};

/// Without its size.
inline Bytes encode_client(const ClientMessage& message) {
  const auto [number, bytes] = std::visit(EncodeClient(), message);
  FieldWriter out;
  out.bytes(number, bytes);
  return out.take();
}

}  // namespace stele::sudolog
