#include "latch/latch.h"

#include "os/directory.h"
#include "os/file_flags.h"
#include "os/pty.h"
#include "os/who.h"
#include "vault/volume_name.h"

namespace stele::latch {
namespace {

using wire::LatchAnswer;

constexpr Micros kPatience = std::chrono::seconds(1);  // with who connects and says nothing

os::Protection protection_of(wire::LatchTo what) {
  return what == wire::LatchTo::kImmutable ? os::Protection::kImmutable
                                           : os::Protection::kAppendOnly;
}

LatchAnswer answer_of(const Error& error) {
  switch (error.code) {
    case Code::kUnsupported:
      return LatchAnswer::kUnsupported;
    case Code::kPermission:
      return LatchAnswer::kMayNot;
    default:
      return LatchAnswer::kFailed;
  }
}

Status protect(const os::Fd& volume, const std::string& name, os::Protection wanted) {
  TRY(const os::Protection now, os::protection_of("protect", volume.get(), name));
  if (now == wanted || now == os::Protection::kImmutable) return {};
  return os::set_protection("protect", volume.get(), name, wanted);
}

/// An empty one: nobody asked for anything.
Result<Bytes> receive(os::PacketSocket& client) {
  os::Readiness wanted[] = {{.fd = client.get(), .want_read = true}};
  os::wait_until_ready(wanted, kPatience);
  Bytes packet(wire::kLatchRequestBytes);
  TRY(const os::Received received, client.receive(packet));
  packet.resize(received.bytes);
  return packet;
}

Status serve(const Latch& latch, os::PacketSocket client,
             const std::function<void(const std::string&)>& tell) {
  TRY(const uint32_t uid, client.peer_uid());
  TRY(const os::Identity own, os::identity());
  if (uid != own.euid)
    return fail(Code::kPermission, "uid " + std::to_string(uid) + " has nothing to ask here");
  TRY(const Bytes packet, receive(client));
  if (packet.empty()) return {};
  TRY(const wire::LatchRequest request, wire::parse_latch_request(packet));
  std::string why;
  const LatchAnswer answer = latch.set(request, why);
  if (!why.empty()) tell(why);
  (void)client.send(wire::encode(answer));  // who did not wait is gone
  return {};
}

}  // namespace

Result<Latch> Latch::open(const std::string& directory) {
  TRY(os::Fd fd, os::open_directory(directory));
  return Latch(std::move(fd));
}

LatchAnswer Latch::set(const wire::LatchRequest& request, std::string& why) const {
  const std::string name = vault::to_string({request.first_index, request.attempt});
  const auto volume = os::open_own_file(directory_.get(), name);
  if (!volume && volume.error().code == Code::kNotFound) return LatchAnswer::kNoVolume;
  if (!volume) {
    why = volume.error().message();
    return LatchAnswer::kNotIts;
  }
  const Status done = protect(*volume, name, protection_of(request.what));
  if (done) return LatchAnswer::kDone;
  const LatchAnswer answer = answer_of(done.error());
  if (answer == LatchAnswer::kFailed) why = done.error().message();
  return answer;
}

void answer_waiting(const Latch& latch, os::PacketListener& listener,
                    const std::function<void(const std::string&)>& tell) {
  auto client = listener.accept();
  if (client && !*client) return;
  const Status served = client ? serve(latch, *std::move(client), tell) : fail(client.error());
  if (!served) tell(served.error().message());
}

}  // namespace stele::latch
