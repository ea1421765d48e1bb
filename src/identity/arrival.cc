#include "identity/arrival.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "crypto/ssh_certificate.h"
#include "os/who.h"

namespace stele::identity {
namespace {

using event::Known;

/// Programs that let somebody in from outside, and those that make one account of another.
constexpr std::string_view kDoors[] = {"sshd", "login", "cron", "crond", "atd", "telnetd"};
constexpr std::string_view kChangers[] = {"sudo", "su", "doas", "runuser", "pkexec"};

template <size_t N>
bool is_among(std::string_view word, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

/// The account that the person came in as: of the first process behind the outermost door. Without
/// a door, of the nearest that was neither root nor what the session is.
std::optional<uint32_t> came_as(uint32_t uid, const std::vector<os::Ancestor>& ancestors) {
  const auto door = std::find_if(ancestors.rbegin(), ancestors.rend(), is_door);
  if (door != ancestors.rend()) {
    auto first = std::find_if_not(door, ancestors.rend(), is_door);
    // sshd's own process for the person: one, whatever others call themselves.
    if (first != ancestors.rend() && program_of(*first) == "sshd") ++first;
    if (first == ancestors.rend()) return std::nullopt;
    return first->uid == uid ? std::nullopt : std::optional(first->uid);
  }
  for (const os::Ancestor& each : ancestors)
    if (each.uid != 0 && each.uid != uid) return each.uid;
  return std::nullopt;
}

void mark_if(event::Start& start, const char* entry, bool is_there, Known known) {
  if (is_there) start.known[entry] = known;
}

void mark_what_is_always_asked(event::Start& start) {
  for (const char* entry : {"uid", "euid", "gid"}) start.known[entry] = Known::kKernel;
  mark_if(start, "groups", !start.groups.empty(), Known::kKernel);
  mark_if(start, "auid", start.login_uid.has_value(), Known::kKernel);
  mark_if(start, "ses", start.audit_session.has_value(), Known::kKernel);
  mark_if(start, "tty", !start.tty.empty(), Known::kKernel);
  mark_if(start, "user", !start.user.empty(), Known::kDatabase);
  mark_if(start, "login", !start.login_user.empty(), Known::kDatabase);
  mark_if(start, "names", !start.group_names.empty(), Known::kDatabase);
  mark_if(start, "term", !start.terminal.empty(), Known::kEnvironment);
  mark_if(start, "parent", !start.parent_session.empty(), Known::kEnvironment);
}

constexpr size_t kMethodsMax = 16, kMethodBytesMax = 64;

void describe_method(event::Start& start, std::string_view line) {
  const std::string_view method = line.substr(0, line.find(' '));
  if (method.empty() || method.size() > kMethodBytesMax || start.methods.size() == kMethodsMax)
    return;
  start.methods.emplace_back(method);
  start.known["methods"] = Known::kEnvironment;
}

/// "ADDRESS PORT", the first two words of $SSH_CONNECTION.
std::string remote_end(std::string_view connection) {
  const size_t address = connection.find(' ');
  if (address == connection.npos || connection.size() > kClaimBytesMax) return "";
  return std::string(connection.substr(0, connection.find(' ', address + 1)));
}

void describe_key(event::Start& start, ByteSpan blob, const Trust& trust) {
  const auto certificate = crypto::parse_ssh_certificate(blob);
  start.ssh_key = crypto::ssh_fingerprint(certificate ? ByteSpan(certificate->key) : blob);
  start.known["ssh_key"] = Known::kEnvironment;
  if (!certificate) return;
  start.certificate = as_text(blob);
  start.known["certificate"] = Known::kEnvironment;
  const Status held =
      crypto::verify_user_certificate(*certificate, blob, trust.authorities, trust.now);
  if (!held) return;
  start.authority = crypto::ssh_fingerprint(certificate->authority);
  for (const char* entry : {"certificate", "authority"}) start.known[entry] = Known::kSignature;
}

}  // namespace

std::string program_of(const os::Ancestor& process) {
  constexpr std::string_view kDeleted = " (deleted)";
  std::string program = process.executable.substr(process.executable.rfind('/') + 1);
  if (program.ends_with(kDeleted)) program.resize(program.size() - kDeleted.size());
  if (program.empty()) program = process.name;
  return program == "sshd-session" || program == "sshd-auth" ? "sshd" : program;
}

bool is_door(const os::Ancestor& process) {
  return process.euid == 0 && is_among(program_of(process), kDoors);
}

bool is_account_changer(std::string_view service) { return is_among(service, kChangers); }

void describe_ancestors(event::Start& start, const std::vector<os::Ancestor>& ancestors) {
  const auto service =
      std::find_if(ancestors.begin(), ancestors.end(), [](const os::Ancestor& each) {
        return is_door(each) || (each.euid == 0 && is_account_changer(program_of(each)));
      });
  if (service != ancestors.end()) {
    start.service = program_of(*service);
    start.known["service"] = Known::kKernel;
  }
  start.invoker = came_as(start.uid, ancestors);
  if (!start.invoker) return;
  start.known["invoker"] = Known::kKernel;
  start.invoker_name = os::user_name(*start.invoker);
  mark_if(start, "invoker_name", !start.invoker_name.empty(), Known::kDatabase);
}

void describe_proof(event::Start& start, std::string_view proof, const Trust& trust) {
  constexpr std::string_view kPublicKey = "publickey ";
  if (proof.size() > kProofBytesMax) return;
  while (!proof.empty()) {
    const std::string_view line = proof.substr(0, proof.find('\n'));
    proof.remove_prefix(std::min(proof.size(), line.size() + 1));
    describe_method(start, line);
    if (!line.starts_with(kPublicKey) || !start.ssh_key.empty()) continue;
    const auto blob = crypto::parse_ssh_key_line(line.substr(kPublicKey.size()));
    if (blob) describe_key(start, *blob, trust);
  }
}

void describe_word(event::Start& start, const PamWord& word, const Trust& trust) {
  start.arrival = word.service;
  if (start.service.empty()) start.service = word.service;
  start.from = remote_end(word.connection);
  if (start.from.empty()) start.from = word.remote_host;
  describe_proof(start, word.proof, trust);
  for (const char* entry : {"methods", "ssh_key", "certificate"}) {
    const auto mark = start.known.find(entry);
    if (mark != start.known.end() && mark->second == Known::kEnvironment) start.known.erase(mark);
  }
}

std::string container_in(std::string_view control_group) {
  constexpr size_t kDigits = 64;
  constexpr std::string_view kHex = "0123456789abcdef";
  for (size_t at = control_group.find_first_of(kHex); at != control_group.npos;) {
    const size_t end = std::min(control_group.find_first_not_of(kHex, at), control_group.size());
    if (end - at == kDigits) return std::string(control_group.substr(at, kDigits));
    at = control_group.find_first_of(kHex, end);
  }
  return "";
}

void describe_arrival(event::Start& start, uint32_t pid, const Claims& claims,
                      const std::optional<PamWord>& word, const Trust& trust) {
  mark_what_is_always_asked(start);
  auto line = os::ancestors_of(pid);
  // sudo records by itself: it is its own recorder's nearest.
  if (auto itself = os::look_at(pid)) line.insert(line.begin(), *std::move(itself));
  describe_ancestors(start, line);
  start.cgroup = os::control_group_of(pid);
  mark_if(start, "cgroup", !start.cgroup.empty(), Known::kKernel);
  start.container = container_in(start.cgroup);
  mark_if(start, "container", !start.container.empty(), Known::kKernel);
  if (word) {
    describe_word(start, *word, trust);
  } else {
    start.from = remote_end(claims.connection);
    mark_if(start, "from", !start.from.empty(), Known::kEnvironment);
    describe_proof(start, claims.proof, trust);
  }
  if (start.service == "sshd" && claims.forwarded_agent.size() <= kClaimBytesMax)
    start.forwarded_agent = claims.forwarded_agent;
  mark_if(start, "forwarded_agent", !start.forwarded_agent.empty(), Known::kEnvironment);
  if (start.invoker || claims.invoker.empty() || claims.invoker.size() > kClaimBytesMax) return;
  start.invoker_name = claims.invoker;
  start.known["invoker_name"] = Known::kEnvironment;
}

}  // namespace stele::identity
