// A capture's events, to the agent.
#pragma once

#include "event/sink.h"
#include "recorder/link.h"

namespace stele::recorder {

/// What is of a lane that is not recorded goes nowhere. The link must be open.
class RemoteSink : public event::Sink {
 public:
  RemoteSink(Link& link, wire::Lanes lanes) : link_(link), lanes_(lanes) {}

  Status output(BootTime at, ByteSpan bytes) override {
    return lanes_.output ? link_.put(at, event::Lane::kOutput, bytes) : Status{};
  }
  Status input(BootTime at, ByteSpan bytes) override {
    return lanes_.input ? link_.put(at, event::Lane::kInput, bytes) : Status{};
  }
  Status event(BootTime at, event::Lane lane, const event::Body& body) override {
    if (lane == event::Lane::kInput && !lanes_.input) return {};
    if (lane == event::Lane::kOutput && !lanes_.output) return {};
    return link_.put(at, lane, body);
  }
  void passed_on() override {}

 private:
  Link& link_;
  const wire::Lanes lanes_;
};

}  // namespace stele::recorder
