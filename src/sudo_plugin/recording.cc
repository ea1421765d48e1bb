#include "sudo_plugin/recording.h"

#include <algorithm>
#include <utility>

#include "os/hosted.h"
#include "os/peer.h"
#include "os/pty.h"

namespace stele::sudo_plugin {

using event::Lane;

Recording::Recording(std::unique_ptr<recorder::Link> link, const wire::Welcome& welcome,
                     const event::WindowSize& size, Clock& clock)
    : clock_(clock),
      link_(std::move(link)),
      terms_(welcome.terms),
      sink_(*link_, terms_.lanes),
      typed_(terms_.input_policy, terms_.lines_in_facts, size, sink_),
      size_(size),
      process_(os::own_pid()) {}

Result<Recording::Opened> Recording::open(const wire::Hello& hello, Place place, Clock& clock) {
  recorder::LinkOptions way;
  way.path = std::move(place.socket);
  way.begin_thread = [] { return os::leave_signals_to_others(), Status{}; };
  way.on_failure = std::move(place.on_failure);
  TRY(auto link, recorder::Link::make(std::move(way), clock));
  TRY(const recorder::Link::Opening opening, link->open(hello));
  if (const auto* unrecorded = std::get_if<wire::Unrecorded>(&opening))
    return Opened{nullptr, unrecorded->banner};
  const auto& welcome = std::get<wire::Welcome>(opening);
  return Opened{
      std::unique_ptr<Recording>(new Recording(std::move(link), welcome, hello.size, clock)),
      welcome.terms.banner};
}

Status Recording::begin(const event::Sudo& accepted) {
  TRY_VOID(record(wire::facts_of(terms_)));
  return record(accepted);
}

/// sudo has one terminal open that is no person's: the command's. Where none is found, nothing that
/// is typed is kept.
capture::InputMode Recording::input_mode() {
  if (!master_) master_ = os::find_pty_master();
  return master_ ? capture::input_mode(*master_) : capture::InputMode::kHidden;
}

// sudo does not tell when it has sent what was typed. Its echo does, and the next key.
Status Recording::look_again() {
  return typed_.wants_second_look() ? typed_.written(input_mode()) : Status{};
}

Status Recording::typed(ByteSpan bytes) {
  TRY_VOID(look_again());
  if (terms_.input_policy == event::InputPolicy::kNone) unkept_bytes_ += bytes.size();
  return typed_.input(clock_.boot(), bytes, input_mode());
}

Status Recording::shown(ByteSpan bytes) {
  TRY_VOID(look_again());
  const BootTime now = clock_.boot();
  output_bytes_ += bytes.size();
  TRY_VOID(typed_.output(now, bytes));
  return sink_.output(now, bytes);
}

Status Recording::piped(event::Piped::Pipe pipe, ByteSpan bytes) {
  const bool is_input = pipe == event::Piped::Pipe::kInput;
  (is_input ? unkept_bytes_ : output_bytes_) += bytes.size();
  const BootTime now = clock_.boot();
  while (!bytes.empty()) {
    const ByteSpan part = bytes.first(std::min(bytes.size(), wire::kContentBytesMax));
    TRY_VOID(sink_.event(now, is_input ? Lane::kInput : Lane::kOutput,
                         event::Piped{pipe, Bytes(part.begin(), part.end())}));
    bytes = bytes.subspan(part.size());
  }
  return {};
}

Status Recording::resize(uint16_t rows, uint16_t columns) {
  const event::WindowSize size{rows, columns, 0, 0};
  if (size == size_) return {};
  size_ = size;
  typed_.resize(size);
  return record(event::Resize{size});
}

Status Recording::suspend(bool continued) { return record(event::Suspend{continued}); }

Status Recording::say(const event::Sudo& sudo) { return record(sudo); }

// What the command has shown must be known first: an echo may be among it.
Status Recording::keep_time() {
  const BootTime now = clock_.boot();
  const auto due = typed_.deadline();
  if (!due || now < *due) return {};
  os::Readiness unread[] = {{.fd = master_.value_or(-1), .want_read = true}};
  os::wait_until_ready(unread, Micros(0));
  if (unread[0].can_read && now < *due + capture::SecretFilter::kHold) return {};
  return typed_.tick(now);
}

Status Recording::end(const os::Ended& ended, std::string why) {
  TRY_VOID(typed_.finish(clock_.boot()));
  event::End end;
  end.exit_status = ended.exit_status;
  end.signal = ended.signal;
  end.core_dumped = ended.core_dumped;
  end.why = std::move(why);
  end.user_time = ended.user_time;
  end.system_time = ended.system_time;
  end.rss_bytes_max = ended.rss_bytes_max;
  end.output_bytes = output_bytes_;
  end.input_bytes = unkept_bytes_ + typed_.bytes();
  TRY_VOID(record(end));
  return link_->close();
}

Status Recording::record(const event::Body& body) {
  return sink_.event(clock_.boot(), Lane::kFacts, body);
}

}  // namespace stele::sudo_plugin
