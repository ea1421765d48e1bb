// What the commands share: where the ledger is, who reads it, and how errors reach a person.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "crypto/age.h"
#include "ledger/catalog.h"
#include "ledger/keys.h"
#include "ledger/ledger.h"
#include "ledger/verify.h"
#include "os/clock.h"
#include "os/posix_file_system.h"

namespace stele::cli {

/// Exit statuses beside a recorded command's own.
inline constexpr int kExitOk = 0, kExitFault = 1, kExitUnknown = 2, kExitUsage = 64,
                     kExitFailed = 70;

class Source;

/// A server in place of a directory, and what it is to be shown.
struct RemoteOptions {
  std::string server;  // https://NAME:PORT; empty: none
  std::string token_file;
  std::string authority_pin, authority_file;  // neither: the machine's authorities
};

struct Context {
  os::PosixFileSystem files;
  os::SystemClock clock;
  ledger::Layout layout;
  bool json = false;
  RemoteOptions remote;
  /// Null in a program that knows no network.
  std::function<Result<std::unique_ptr<Source>>(Context&, const std::string& purpose)> open_remote;
  /// What the server answers to a request of the person's; likewise.
  std::function<Result<Bytes>(Context&, const std::string& method, const std::string& target,
                              ByteSpan body)>
      ask_server;
};

/// Where a root-owned agent configuration exists, sessions go to the agent, and nothing a user says
/// makes them go elsewhere.
inline constexpr const char* kAgentConfiguration = "/etc/stele/agent.toml";
bool is_enrolled();

/// --dir, else STELE_DIR, else /var/lib/stele for root and the XDG data directory for others.
std::string default_directory(const std::string& flag);

/// "stele: message" and what to do next, on standard error; returns kExitFailed.
int report(const Error& error);
void warn(const std::string& message);

/// kNotFound, with what to do, where there is no ledger.
Status require_ledger(Context& context);

/// The reader's age identities: a file given, else the ledger's auditor.age; none is no error.
Result<std::vector<crypto::Identity>> load_identities(Context& context, const std::string& file);
Result<ledger::Trust> load_trust(Context& context);
Result<ledger::Trust> load_trust(os::FileSystem& files, const ledger::Layout& layout);
Result<ledger::LogSigner> load_log_signer(Context& context);

/// Whether a session's recorder lives on this machine.
bool is_live(Context& context, const StreamId& id);

/// A session named by its id or by the beginning of it that no other has.
Result<StreamId> find_session(const std::vector<StreamId>& all, const std::string& name);
Result<StreamId> find_session(const ledger::Catalog& all, const std::string& name);

/// Text from a recording made fit for a terminal: control characters and broken UTF-8 shown as
/// \xNN.
std::string printable(std::string_view text);
/// "1.4 MiB", "2 h 3 min"
std::string human_bytes(uint64_t bytes);
std::string human_duration(Micros duration);

}  // namespace stele::cli
