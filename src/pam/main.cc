// pam_stele.so: what PAM loads into sshd, login and the like (pam(3)), for their sessions. It tells
// the host's agent what let the person in, as root and before their first process runs; without an
// answer PAM_SESSION_ERR, and the control flag of its line decides what that means. No keys, no
// network, no files: one message on the agent's socket, and its answer.
#include <security/pam_ext.h>
#include <security/pam_modules.h>

#include <exception>
#include <string>

#include "os/clock.h"
#include "pam/tell.h"
#include "wire/session.h"

namespace stele::pam {
namespace {

// syslog(3)'s LOG_ERR
constexpr int kError = 3;

std::string item_of(const pam_handle_t* pam, int item) {
  const void* value = nullptr;
  const bool is_there = pam_get_item(pam, item, &value) == PAM_SUCCESS && value != nullptr;
  return is_there ? static_cast<const char*>(value) : "";
}

std::string variable_of(pam_handle_t* pam, const char* name) {
  const char* const value = pam_getenv(pam, name);
  return value == nullptr ? "" : value;
}

wire::Arrived arrived_of(pam_handle_t* pam) {
  return {.service = item_of(pam, PAM_SERVICE),
          .user = item_of(pam, PAM_USER),
          .remote_host = item_of(pam, PAM_RHOST),
          .remote_user = item_of(pam, PAM_RUSER),
          .terminal = item_of(pam, PAM_TTY),
          .connection = variable_of(pam, "SSH_CONNECTION"),
          .proof = variable_of(pam, "SSH_AUTH_INFO_0")};
}

Status tell_agent(const Result<Bytes>& message, int count, const char* const* words) {
  TRY(const Options options, parse_options(count, words));
  if (!message) return fail(message.error());
  os::SystemClock clock;
  return tell(options, *message, clock);
}

/// Nothing is thrown into who loaded this.
template <typename Message>
int answer(pam_handle_t* pam, int count, const char** words, const Message& message) {
  try {
    const Status told = tell_agent(message(), count, words);
    if (told) return PAM_SUCCESS;
    pam_syslog(pam, kError, "%s", told.error().message().c_str());
  } catch (const std::exception&) {
    pam_syslog(pam, kError, "out of memory");
  }
  return PAM_SESSION_ERR;
}

}  // namespace
}  // namespace stele::pam

extern "C" {

__attribute__((visibility("default"))) int pam_sm_open_session(pam_handle_t* pam, int, int count,
                                                               const char** words) {
  using namespace stele;
  return pam::answer(pam, count, words, [pam] { return wire::encode(pam::arrived_of(pam)); });
}

// Nobody is kept from leaving.
__attribute__((visibility("default"))) int pam_sm_close_session(pam_handle_t* pam, int, int count,
                                                                const char** words) {
  using namespace stele;
  (void)pam::answer(pam, count, words, [] { return Result<Bytes>(wire::encode(wire::Left{})); });
  return PAM_SUCCESS;
}
}
