#include "base/check.h"
#include "base/fuzz.h"
#include "sudolog/message.h"

STELE_FUZZ(sudolog_frames, input) {
  stele::sudolog::Frames frames;
  for (const uint8_t byte : input) {
    frames.add({&byte, 1});
    const auto message = frames.next();
    if (!message) return;
    if (*message) CHECK(!(*message)->empty());
  }
}
