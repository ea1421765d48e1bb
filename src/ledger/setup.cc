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
  const std::string checkpoint = layout.vault() + "/log/checkpoint";
  if (files.exists(layout.log_vkey()) && files.exists(checkpoint))
    return fail(Code::kExists, checkpoint + " is there already: this directory holds a ledger");
  for (const std::string& path :
       {layout.auditor_identity(), layout.policy_key(), layout.policy_vkey(), layout.recipients(),
        layout.host_key(), layout.host_vkey(), layout.log_key(), layout.log_vkey(), layout.head(),
        checkpoint}) {
    if (files.exists(path))
      return fail(Code::kExists,
                  path +
                      " is there already: this directory holds a ledger without its log.vkey or "
                      "vault/log/checkpoint, or what an interrupted init left; if nothing was "
                      "ever recorded here, remove it");
  }
  return {};
}

/// Half a ledger would be in the way of the next attempt, and holds keys that nobody needs: what
/// was made goes again unless all of it was. Never what another init made meanwhile.
class Made {
 public:
  explicit Made(os::FileSystem& files) : files_(files) {}
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;
  ~Made() {
    for (auto path = paths_.rbegin(); path != paths_.rend(); ++path) (void)files_.remove(*path);
  }
  Status put(const std::string& path, ByteSpan bytes) {
    const Status done = files_.put_once(path, bytes);
    if (done || has(path, bytes)) paths_.push_back(path);  // or has its name, not yet durable
    return done;
  }
  void add(const std::string& path) { paths_.push_back(path); }
  void keep() { paths_.clear(); }

 private:
  bool has(const std::string& path, ByteSpan bytes) {
    const auto found = files_.read(path, bytes.size());
    return found && std::equal(found->begin(), found->end(), bytes.begin(), bytes.end());
  }

  os::FileSystem& files_;
  std::vector<std::string> paths_;
};

receipt::VerifierKey verifier_key(const PrivateKey& key) {
  return {key.name, receipt::KeyType::kNote, key.key.public_key()};
}

Result<PrivateKey> make_key(Made& made, const std::string& name, const std::string& path,
                            const RandomSource& random) {
  PrivateKey key{name, crypto::SigningKey::generate(random)};
  const crypto::SecretBytes text = encode(key);
  TRY_VOID(made.put(path, text.span()));
  return key;
}

Status put_verifier_key(Made& made, const std::string& path, const receipt::VerifierKey& key) {
  return made.put(path, as_bytes(key.to_string() + "\n"));
}

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
  TRY_VOID(vault::Vault(files, layout.vault()).create());

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
  const receipt::VerifierKey log_vkey = verifier_key(log);
  made.add(layout.head());  // an init that came this far is alone
  TRY_VOID(HeadStore(files, layout.head()).create(empty_head()));
  made.add(layout.vault() + "/log/checkpoint");

  TRY(auto log_signer, receipt::NoteSigner::make(log.name, std::move(log.key)));
  TRY(auto ledger, Ledger::open(files, layout, clock,
                                std::make_shared<receipt::NoteSigner>(std::move(log_signer))));
  TRY_VOID(ledger->publish_empty());
  // Last: this makes the directory a ledger, and before it nothing that is missing was taken away.
  TRY_VOID(put_verifier_key(made, layout.log_vkey(), log_vkey));
  made.keep();
  return report;
}

}  // namespace stele::ledger
