#include "ledger/setup.h"

#include "base/hex.h"
#include "ledger/made.h"
#include "os/directory.h"
#include "os/who.h"
#include "vault/local_vault.h"

namespace stele::ledger {
namespace {

Result<crypto::Recipient> make_identity(Made& made, const Layout& layout,
                                        const RandomSource& random) {
  const crypto::Identity identity = crypto::Identity::generate(random);
  const crypto::SecretBytes secret = identity.to_text();
  std::string text =
      "# age identity of this ledger's auditor. It opens every session: keep it offline.\n# public "
      "key: " +
      identity.recipient().to_string() + "\n";
  text.reserve(text.size() + secret.size() + 1);  // so that no copy of the secret is left behind
  text.append(as_text(secret.span())).append("\n");
  const Status written = made.put(layout.auditor_identity(), as_bytes(text));
  crypto::wipe({reinterpret_cast<uint8_t*>(text.data()), text.size()});
  TRY_VOID(written);
  return identity.recipient();
}

}  // namespace

std::string make_origin(std::string_view host, const RandomSource& random) {
  std::array<uint8_t, 4> unique{};
  random(unique);
  std::string origin = "stele/";
  for (char c : host.substr(0, 64)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-';
    origin += plain ? c : '-';
  }
  return origin + "/" + to_hex(unique);
}

Result<SetupReport> set_up(os::FileSystem& files, const Layout& layout, const SetupOptions& options,
                           Clock& clock, const RandomSource& random) {
  TRY_VOID(check_origin(options.origin));
  TRY_VOID(check_empty(files, layout));
  TRY_VOID(files.make_directories(layout.keys()));
  TRY_VOID(files.make_directories(layout.live()));
  TRY_VOID(vault::LocalVault(files, layout.vault()).create());

  Made made(files);
  SetupReport report{options.auditors, options.auditors.empty()};
  if (report.made_identity) {
    TRY(const auto auditor, make_identity(made, layout, random));
    report.auditors.push_back(auditor);
  }
  RecipientsList list{options.origin, 1, {}};
  for (const auto& r : report.auditors) TRY_VOID(list.add(r, Role::kAuditor));
  for (const auto& r : options.recovery) TRY_VOID(list.add(r, Role::kRecovery));

  TRY(auto policy, make_key(made, options.origin + "/policy", layout.policy_key(), random));
  TRY_VOID(put_verifier_key(made, layout.policy_vkey(), verifier_key(policy)));
  TRY(const auto signer, receipt::NoteSigner::make(policy.name, std::move(policy.key)));
  TRY(const std::string note, signer.sign(encode(list)));
  TRY_VOID(made.put(layout.recipients(), as_bytes(note)));
  TRY(const auto host, make_key(made, options.origin + "/host/1", layout.host_key(), random));
  TRY_VOID(put_verifier_key(made, layout.host_vkey(), verifier_key(host)));
  TRY(auto log, make_key(made, options.origin, layout.log_key(), random));
  TRY_VOID(begin_log(files, layout, made, std::move(log), clock));
  made.keep();
  return report;
}

Status check_owner(const Layout& layout) {
  TRY(const uint32_t owner, os::owner_of(layout.directory));
  TRY(const os::Identity self, os::identity());
  if (owner == self.euid) return {};
  std::string name = os::user_name(owner);
  if (name.empty()) name = "#" + std::to_string(owner);
  return fail(Code::kPermission, layout.directory + " belongs to " + name + ": run this as " +
                                     name + ", as in `sudo -u " + name + " stele …`");
}

Status check_not_shared(os::FileSystem& files, const Layout& layout) {
  if (!files.exists(layout.shared())) return {};
  return fail(Code::kUnsupported,
              layout.shared() +
                  ": the vault of this ledger is in an object store. Read it by its server (stele "
                  "--server), and have its configuration say [vault]");
}

}  // namespace stele::ledger
