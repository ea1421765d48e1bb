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
  auto all = pieces_.take();
  count(all);
  return all;
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
  count(all);
  return all;
}

std::optional<event::Copies> Follower::copied() const {
  if (is_lost_) return std::nullopt;
  return copied_;
}

void Follower::count(const std::vector<event::Body>& said) {
  for (const event::Body& each : said) {
    const auto* transfer = std::get_if<event::Transfer>(&each);
    if (!transfer || transfer->what > event::Transfer::What::kFromHost) continue;
    const bool is_to_host = transfer->what == event::Transfer::What::kToHost;
    ++(is_to_host ? copied_.to_host : copied_.from_host);
    copied_.bytes += transfer->bytes;
  }
}

}  // namespace stele::transfer
