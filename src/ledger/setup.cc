#include "ledger/setup.h"

#include <algorithm>

#include "base/hex.h"
#include "ledger/head.h"
#include "ledger/keys.h"
#include "ledger/ledger.h"

namespace stele::ledger {
namespace {

constexpr size_t kOriginBytesMax = 255;

Status check_origin(std::string_view origin) {
  const auto printable = [](char c) { return c > ' ' && c < 0x7f && c != '+'; };
  if (origin.empty() || origin.size() > kOriginBytesMax ||
      !std::all_of(origin.begin(), origin.end(), printable)) {
    return fail(Code::kInvalid, "origin: 1 to 255 printable ASCII characters, no space and no '+'");
  }
  return {};
}

Status check_empty(os::FileSystem& files, const Layout& layout) {
  for (const std::string& path :
       {layout.log_vkey(), layout.head(), layout.keys(), layout.vault()}) {
    if (files.exists(path))
      return fail(Code::kExists, path + " is there already: this directory holds a ledger");
  }
  return {};
}

receipt::VerifierKey verifier_key(const PrivateKey& key) {
  return {key.name, receipt::KeyType::kNote, key.key.public_key()};
}

Result<PrivateKey> make_key(os::FileSystem& files, const std::string& name,
                            const std::string& key_path, const std::string& vkey_path,
                            const RandomSource& random) {
  PrivateKey key{name, crypto::SigningKey::generate(random)};
  const crypto::SecretBytes text = encode(key);
  TRY_VOID(files.put_once(key_path, text.span()));
  TRY_VOID(files.put_once(vkey_path, as_bytes(verifier_key(key).to_string() + "\n")));
  return key;
}

Result<crypto::Recipient> make_identity(os::FileSystem& files, const Layout& layout,
                                        const RandomSource& random) {
  const crypto::Identity identity = crypto::Identity::generate(random);
  const crypto::SecretBytes secret = identity.to_text();
  std::string text =
      "# age identity of this ledger's auditor. It opens every session: keep it offline.\n# public "
      "key: " +
      identity.recipient().to_string() + "\n";
  text.reserve(text.size() + secret.size() + 1);  // so that no copy of the secret is left behind
  text.append(as_text(secret.span())).append("\n");
  const Status written = files.put_once(layout.auditor_identity(), as_bytes(text));
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
  TRY_VOID(vault::Vault(files, layout.vault()).create());

  SetupReport report{options.auditors, options.auditors.empty()};
  if (report.made_identity) {
    TRY(const auto auditor, make_identity(files, layout, random));
    report.auditors.push_back(auditor);
  }
  RecipientsList list{options.origin, 1, {}};
  for (const auto& r : report.auditors) TRY_VOID(list.add(r, Role::kAuditor));
  for (const auto& r : options.recovery) TRY_VOID(list.add(r, Role::kRecovery));

  TRY(auto policy, make_key(files, options.origin + "/policy", layout.policy_key(),
                            layout.policy_vkey(), random));
  TRY(const auto signer, receipt::NoteSigner::make(policy.name, std::move(policy.key)));
  TRY(const std::string note, signer.sign(encode(list)));
  TRY_VOID(files.put_once(layout.recipients(), as_bytes(note)));
  TRY(const auto host,
      make_key(files, options.origin + "/host/1", layout.host_key(), layout.host_vkey(), random));
  TRY(auto log, make_key(files, options.origin, layout.log_key(), layout.log_vkey(), random));
  TRY_VOID(HeadStore(files, layout.head()).create(empty_head()));

  TRY(auto log_signer, receipt::NoteSigner::make(log.name, std::move(log.key)));
  TRY(auto ledger, Ledger::open(files, layout, clock,
                                std::make_shared<receipt::NoteSigner>(std::move(log_signer))));
  TRY_VOID(ledger->publish_empty());
  return report;
}

}  // namespace stele::ledger
