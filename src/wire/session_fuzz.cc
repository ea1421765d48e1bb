#include "base/check.h"
#include "base/fuzz.h"
#include "wire/session.h"

namespace {

using stele::Bytes;
using stele::Result;
namespace wire = stele::wire;

Result<Bytes> again(const wire::FromRecorder& message) {
  if (const auto* hello = std::get_if<wire::Hello>(&message)) return wire::encode(*hello);
  if (const auto* resume = std::get_if<wire::Resume>(&message)) return wire::encode(*resume);
  if (const auto* bye = std::get_if<wire::Bye>(&message)) return wire::encode(*bye);
  if (const auto* arrived = std::get_if<wire::Arrived>(&message)) return wire::encode(*arrived);
  if (const auto* left = std::get_if<wire::Left>(&message)) return wire::encode(*left);
  const auto& said = std::get<wire::Said>(message);
  return wire::encode_event(said.number, said.event.at, said.event.lane, said.event.body);
}

Bytes again(const wire::FromAgent& message) {
  return std::visit([](const auto& each) { return wire::encode(each); }, message);
}

}  // namespace

STELE_FUZZ(wire_session, input) {
  if (const auto message = wire::parse_from_recorder(input)) {
    const auto bytes = again(*message);
    CHECK(bytes && stele::equal(*bytes, input));
  }
  if (const auto message = wire::parse_from_agent(input)) {
    CHECK(stele::equal(again(*message), input));
  }
}
