#include "latch/latched_files.h"

#include "os/pty.h"
#include "os/unix_socket.h"
#include "vault/volume_name.h"
#include "wire/latch.h"

namespace stele::latch {
namespace {

constexpr Micros kPatience = std::chrono::seconds(10);

Result<wire::LatchAnswer> receive(os::PacketSocket& latch) {
  os::Readiness wanted[] = {{.fd = latch.get(), .want_read = true}};
  os::wait_until_ready(wanted, kPatience);
  std::array<uint8_t, wire::kLatchAnswerBytes> packet{};
  TRY(const os::Received received, latch.receive(packet));
  return wire::parse_latch_answer(ByteSpan(packet).first(received.bytes));
}

/// What came of it; kDone where nobody waits.
Result<wire::LatchAnswer> ask(const std::string& socket, const vault::VolumeName& volume,
                              os::Protection protection) {
  const bool is_last = protection == os::Protection::kImmutable;
  TRY(auto latch, os::PacketSocket::connect(socket));
  TRY(const bool sent, latch.send(wire::encode(wire::LatchRequest{
                           .what = is_last ? wire::LatchTo::kImmutable : wire::LatchTo::kAppendOnly,
                           .attempt = volume.attempt,
                           .first_index = volume.first_index})));
  if (!sent) return fail(Code::kBusy, "the latch takes nothing");
  if (is_last) return wire::LatchAnswer::kDone;
  return receive(latch);
}

Status status_of(wire::LatchAnswer answer, const std::string& path) {
  switch (answer) {
    case wire::LatchAnswer::kDone:
      return {};
    case wire::LatchAnswer::kNoVolume:
      return fail(Code::kNotFound, "stele-latch: " + path + " is not in its --directory");
    case wire::LatchAnswer::kNotIts:
      return fail(Code::kPermission, "stele-latch: " + path + " is not its user's");
    case wire::LatchAnswer::kUnsupported:
      return fail(Code::kUnsupported, "stele-latch: the file system of " + path + " has no flags");
    case wire::LatchAnswer::kMayNot:
      return fail(Code::kPermission, "stele-latch runs without CAP_LINUX_IMMUTABLE");
    case wire::LatchAnswer::kFailed:
      break;
  }
  return fail(Code::kIo, "stele-latch could not protect " + path + "; its journal says why");
}

}  // namespace

Status LatchedFiles::protect(const std::string& path, os::Protection protection) {
  const auto volume = vault::parse_volume_name(path.substr(path.rfind('/') + 1));
  if (volume && protection != os::Protection::kNone) {
    if (const auto answer = ask(socket_, *volume, protection)) return status_of(*answer, path);
  }
  return PosixFileSystem::protect(path, protection);
}

}  // namespace stele::latch
