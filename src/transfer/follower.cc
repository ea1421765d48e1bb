#include "transfer/follower.h"

namespace stele::transfer {

std::vector<event::Body> Follower::take(event::Piped::Pipe pipe, ByteSpan bytes) {
  pieces_.begin(pipe);
  if (pipe != event::Piped::Pipe::kError && !is_lost_) {
    Status followed;
    while (followed && !bytes.empty()) followed = follow(pipe, bytes);
    if (!followed) {
      pieces_.keep(std::exchange(bytes, {}));
      for (event::Body& each : lose(followed.error().context))
        pieces_.say(std::get<event::Transfer>(std::move(each)));
    }
  }
  pieces_.keep(bytes);
  return pieces_.take();
}

std::vector<event::Body> Follower::lose(const std::string& why) {
  if (std::exchange(is_lost_, true)) return {};
  std::vector<event::Body> all;
  for (event::Transfer& each : take_all("lost: " + why)) all.emplace_back(std::move(each));
  event::Transfer lost;
  lost.what = event::Transfer::What::kLost;
  lost.protocol = protocol_;
  lost.why = why;
  all.emplace_back(std::move(lost));
  return all;
}

std::vector<event::Body> Follower::finish() {
  std::vector<event::Body> all;
  for (event::Transfer& each : take_all("the session ended")) all.emplace_back(std::move(each));
  return all;
}

}  // namespace stele::transfer
