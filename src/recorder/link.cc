#include "recorder/link.h"

#include <algorithm>
#include <array>
#include <utility>

#include "os/pty.h"

namespace stele::recorder {
namespace {

using event::Lane;
using wire::SessionRefusal;

constexpr Micros kRetryPause{50'000};
/// An agent that accepted a connection may have to write to a slow disk before it answers.
constexpr Micros kAnswerMax{30'000'000};

Code code_of(SessionRefusal refusal) {
  switch (refusal) {
    case SessionRefusal::kPolicy:
    case SessionRefusal::kNotYours:
      return Code::kPermission;
    case SessionRefusal::kVersion:
      return Code::kUnsupported;
    case SessionRefusal::kUnknownSession:
      return Code::kNotFound;
    case SessionRefusal::kNotNow:
      return Code::kBusy;
    case SessionRefusal::kHole:
      return Code::kConflict;
    case SessionRefusal::kMalformed:
      return Code::kCorrupt;
    case SessionRefusal::kFailed:
      return Code::kIo;
  }
  return Code::kIo;
}

}  // namespace

Result<std::unique_ptr<Link>> Link::make(LinkOptions options, Clock& clock) {
  TRY(os::Wake wake, os::Wake::make());
  return std::unique_ptr<Link>(new Link(std::move(options), clock, std::move(wake)));
}

Link::~Link() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  wake_.wake();
  if (thread_.joinable()) thread_.join();
}

Result<Link::Opening> Link::open(const wire::Hello& hello) {
  TRY(hello_, wire::encode(hello));
  due_ = clock_.boot() + options_.opening_max;
  thread_ = std::thread([this] { keep(); });
  Lock lock(mutex_);
  changed_.wait(lock, [&] { return failed_ || unrecorded_ || taken_ >= wire::kOpeningNumber; });
  if (failed_) return fail(*failed_);
  if (unrecorded_) return *unrecorded_;
  is_running_ = true;
  return wire::Welcome{*session_, wire::kOpeningNumber + 1, terms_};
}

// --- the capture's thread

void Link::hold(Bytes packet) {
  held_bytes_ += packet.size();
  held_.push_back(std::move(packet));
}

template <typename Encode>
Status Link::add(Lane lane, size_t content, bool is_last, const Encode& encode) {
  Lock lock(mutex_);
  changed_.wait(lock, [&] {
    return failed_ || state_ == State::kAdrift ||
           (state_ == State::kConnected && has_room(content));
  });
  if (state_ == State::kAdrift && is_last) {
    changed_.wait_for(lock, std::chrono::milliseconds(terms_.patience_ms),
                      [&] { return failed_ || state_ == State::kConnected; });
  }
  if (failed_) return fail(*failed_);
  if (state_ == State::kAdrift) return count_gap(lane, content), Status{};
  const uint64_t number = last() + 1;
  TRY(Bytes packet, encode(number));
  hold(std::move(packet));
  const auto flushed = flush();
  if (flushed && *flushed) return {};
  // Blocked, or the connection broke: "link" sees to it.
  wake_.wake();
  changed_.wait(lock,
                [&] { return failed_ || state_ == State::kAdrift || taken_ + sent_ >= number; });
  if (failed_) return fail(*failed_);
  return {};
}

Status Link::put(BootTime at, Lane lane, ByteSpan content) {
  while (!content.empty()) {
    const ByteSpan part = content.first(std::min(content.size(), wire::kContentBytesMax));
    TRY_VOID(add(lane, part.size(), false, [&](uint64_t number) -> Result<Bytes> {
      return wire::encode_content(number, at, lane, part);
    }));
    content = content.subspan(part.size());
  }
  return {};
}

Status Link::put(BootTime at, Lane lane, const event::Body& body) {
  const bool is_end = std::holds_alternative<event::End>(body);
  return add(lane, event::content_bytes(body), is_end,
             [&](uint64_t number) { return wire::encode_event(number, at, lane, body); });
}

void Link::count_gap(Lane lane, size_t bytes) {
  if (lane == Lane::kOutput) gap_->output_bytes += bytes;
  if (lane == Lane::kInput) gap_->input_bytes += bytes;
}

Status Link::close() {
  Lock lock(mutex_);
  is_running_ = false;
  wants_bye_ = true;
  wake_.wake();
  const auto is_over = [&] { return failed_ || (sent_bye_ && held_.empty()); };
  changed_.wait(lock, [&] { return is_over() || state_ == State::kAdrift; });
  if (sent_bye_ && held_.empty()) return {};
  if (failed_) return fail(*failed_);
  return fail(Code::kIo, gap_ ? gap_->why : "the agent did not take all of the session");
}

/// Sends what is not sent. True: all of it is; false: not now. An error: the connection is broken.
Result<bool> Link::flush() {
  if (state_ != State::kConnected) return false;
  for (; sent_ < held_.size(); ++sent_) {
    TRY(const bool sent, socket_.send(held_[sent_]));
    if (!sent) return false;
  }
  if (wants_bye_ && !sent_bye_) {
    TRY(sent_bye_, socket_.send(wire::encode(wire::Bye{last()})));
    return sent_bye_;
  }
  return true;
}

// --- "link"

tl::unexpected<Error> Link::final(Code code, std::string why) {
  is_final_ = true;
  return fail(code, std::move(why));
}

void Link::keep() {
  const Status begun = options_.begin_thread ? options_.begin_thread() : Status{};
  Lock lock(mutex_);
  if (!begun) {
    failed_ = begun.error();
    return changed_.notify_all();
  }
  while (!stopping_) {
    Status status = connect(lock);
    if (status) {
      status = serve(lock);
      if (state_ == State::kConnected) state_ = State::kBroken;
      // An agent that takes nothing, and breaks off again and again, is as good as none.
      if (held_.empty() || taken_ > std::exchange(taken_before_, taken_))
        due_ = clock_.boot() + std::chrono::milliseconds(terms_.patience_ms);
    }
    socket_.close();
    if (stopping_ || (status.has_value())) continue;
    if (!bear(lock, status.error())) return;
  }
}

/// What an error means: wait and try again, go adrift, or (false) the session's end.
bool Link::bear(Lock& lock, const Error& error) {
  const BootTime now = clock_.boot();
  if (!std::exchange(is_final_, false) && now < due_) {
    return pause(lock, std::min<Micros>(kRetryPause, due_ - now)), true;
  }
  if (taken_ >= wire::kOpeningNumber && terms_.open) {
    if (state_ != State::kAdrift) {
      state_ = State::kAdrift;
      gap_since_ = now;
      gap_ = event::Gap{"the agent is away: " + error.message(), 0, 0, Micros(0)};
      changed_.notify_all();
    }
    return pause(lock, kRetryPause), true;
  }
  failed_ = error;
  changed_.notify_all();
  if (is_running_ && options_.on_failure) options_.on_failure();
  return false;
}

/// Waits until the time is over or somebody wakes this thread.
void Link::pause(Lock& lock, Micros time) {
  lock.unlock();
  std::array<os::Readiness, 1> set = {{{.fd = wake_.fd(), .want_read = true}}};
  const BootTime until = clock_.boot() + time;
  os::wait_until_ready(set, time);
  wake_.clear();
  // Woken by a put(): nothing can be done for it before the agent is back.
  lock.lock();
  if (!stopping_ && clock_.boot() < until) {
    changed_.wait_for(lock, until - clock_.boot(), [&] { return stopping_; });
  }
}

Status Link::connect(Lock& lock) {
  lock.unlock();
  auto socket = os::PacketSocket::connect(options_.path);
  lock.lock();
  if (!socket) return fail(std::move(socket).error().within("the agent cannot be reached"));
  socket_ = *std::move(socket);
  return greet(lock);
}

/// Hello, or resume; then the agent's welcome.
Status Link::greet(Lock& lock) {
  const uint64_t first = std::max(taken_, wire::kOpeningNumber) + 1;
  auto sent = socket_.send(session_ ? wire::encode(wire::Resume{*session_, first}) : hello_);
  if (sent && !*sent) return fail(Code::kBusy, "the agent takes no message");
  // An agent that refuses whoever connects may be gone before it hears a word: what it said is
  // here.
  auto heard = hear(lock, clock_.boot() + kAnswerMax);
  if (!sent && !heard) return fail(std::move(sent).error());
  TRY(const auto answer, std::move(heard));
  if (const auto* welcome = std::get_if<wire::Welcome>(&answer)) return enter(*welcome);
  const auto* unrecorded = std::get_if<wire::Unrecorded>(&answer);
  if (unrecorded != nullptr && !session_) {
    unrecorded_ = *unrecorded;
    stopping_ = true;
    changed_.notify_all();
    return {};
  }
  const auto* refused = std::get_if<wire::SessionRefused>(&answer);
  if (refused == nullptr) return final(Code::kCorrupt, "the agent answered something else");
  if (refused->code == SessionRefusal::kNotNow)
    return fail(Code::kBusy, "the agent says: " + refused->reason);
  if (refused->code == SessionRefusal::kUnknownSession && taken_ < wire::kOpeningNumber) {
    session_.reset();  // nothing of it was durable, nothing was shown: begin again
    return fail(Code::kNotFound, "the agent lost the opening");
  }
  return final(code_of(refused->code), "the agent refused it: " + refused->reason);
}

Result<wire::FromAgent> Link::hear(Lock& lock, BootTime until) {
  for (;;) {
    TRY(const os::Received got, socket_.receive(room_));
    if (got.is_closed) return fail(Code::kNotFound, "the agent is gone");
    if (!got.is_blocked) return wire::parse_from_agent(ByteSpan(room_).first(got.bytes));
    const BootTime now = clock_.boot();
    if (now >= until) return fail(Code::kOutcomeUnknown, "the agent does not answer");
    std::array<os::Readiness, 2> set = {
        {{.fd = socket_.get(), .want_read = true}, {.fd = wake_.fd(), .want_read = true}}};
    lock.unlock();
    os::wait_until_ready(set, until - now);
    lock.lock();
    wake_.clear();
    if (stopping_) return fail(Code::kOutcomeUnknown, "the recorder is ending");
  }
}

/// A session begins, or goes on from where the agent has it.
Status Link::enter(const wire::Welcome& welcome) {
  const bool resumed = session_.has_value();
  if (resumed && welcome.session != *session_)
    return final(Code::kCorrupt, "the agent went on with another session");
  sent_ = held_.size();  // what the agent may have: all that was sent at any time
  if (resumed) {
    if (auto dropped = drop_taken(welcome.next - 1); !dropped) return dropped;
  } else if (welcome.next != wire::kOpeningNumber + 1) {
    return final(Code::kCorrupt, "the agent began a session elsewhere than at its beginning");
  } else {
    session_ = welcome.session;
    terms_ = welcome.terms;
  }
  sent_ = 0;
  sent_bye_ = false;
  state_ = State::kConnected;
  send_gap();
  changed_.notify_all();
  return {};
}

void Link::send_gap() {
  if (!gap_) return;
  gap_->duration = clock_.boot() - gap_since_;
  if (auto packet = wire::encode_event(last() + 1, gap_since_, Lane::kFacts, *gap_))
    hold(*std::move(packet));
  gap_.reset();
}

/// Until the connection breaks; success: this thread is to stop.
Status Link::serve(Lock& lock) {
  while (!stopping_) {
    TRY(const bool all_sent, flush());
    changed_.notify_all();
    std::array<os::Readiness, 2> set = {
        {{.fd = socket_.get(), .want_read = true, .want_write = !all_sent},
         {.fd = wake_.fd(), .want_read = true}}};
    lock.unlock();
    os::wait_until_ready(set, std::nullopt);
    lock.lock();
    if (set[1].can_read) wake_.clear();
    if (set[0].can_read) TRY_VOID(receive_all());
  }
  return {};
}

Status Link::receive_all() {
  for (;;) {
    TRY(const os::Received got, socket_.receive(room_));
    if (got.is_blocked) return {};
    if (got.is_closed) return fail(Code::kNotFound, "the agent is gone");
    TRY_VOID(receive(ByteSpan(room_).first(got.bytes)));
  }
}

Status Link::receive(ByteSpan packet) {
  TRY(const auto message, wire::parse_from_agent(packet));
  if (const auto* taken = std::get_if<wire::Taken>(&message)) return drop_taken(taken->number);
  const auto* refused = std::get_if<wire::SessionRefused>(&message);
  if (refused == nullptr) return final(Code::kCorrupt, "the agent welcomed twice");
  // Its spool is full, say: what it did not take is held here, and sent again when there is room.
  if (refused->code == SessionRefusal::kNotNow)
    return fail(Code::kBusy, "the agent can not go on now: " + refused->reason);
  return final(code_of(refused->code), "the agent ended it: " + refused->reason);
}

Status Link::drop_taken(uint64_t number) {
  if (taken_ == 0 && number >= wire::kOpeningNumber) taken_ = wire::kOpeningNumber;
  if (number < taken_ || number - taken_ > sent_) {
    return final(Code::kConflict, "the agent has taken message " + std::to_string(number) +
                                      ", and what it was sent is " + std::to_string(taken_ + 1) +
                                      " to " + std::to_string(taken_ + sent_));
  }
  for (; taken_ < number; ++taken_, --sent_) {
    held_bytes_ -= held_.front().size();
    held_.pop_front();
  }
  changed_.notify_all();
  return {};
}

}  // namespace stele::recorder
