// Where a session's events go that cannot be recorded at all: counted, and forgotten.
#pragma once

#include <string>

#include "event/sink.h"

namespace stele::agent {

class Unrecorded : public event::Sink {
 public:
  Unrecorded(BootTime since, std::string why) : since_(since), why_(std::move(why)) {}

  Status output(BootTime, ByteSpan bytes) override {
    output_bytes_ += bytes.size();
    return {};
  }
  Status input(BootTime, ByteSpan bytes) override {
    input_bytes_ += bytes.size();
    return {};
  }
  Status event(BootTime, event::Lane, const event::Body&) override { return {}; }
  void passed_on() override {}

  /// All that was lost.
  event::Gap gap(BootTime now) const { return {why_, output_bytes_, input_bytes_, now - since_}; }

 private:
  const BootTime since_;
  const std::string why_;
  uint64_t output_bytes_ = 0, input_bytes_ = 0;
};

}  // namespace stele::agent
