#include "ledger/made.h"

#include <algorithm>

#include "ledger/directory_ledger.h"
#include "ledger/head.h"
#include "vault/vault.h"

namespace stele::ledger {
namespace {

constexpr size_t kOriginBytesMax = 255;

}  // namespace

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

Made::~Made() {
  for (auto path = paths_.rbegin(); path != paths_.rend(); ++path) (void)files_.remove(*path);
}

Status Made::put(const std::string& path, ByteSpan bytes) {
  const Status done = files_.put_once(path, bytes);
  if (done || has(path, bytes)) paths_.push_back(path);  // or has its name, not yet durable
  return done;
}

bool Made::has(const std::string& path, ByteSpan bytes) {
  const auto found = files_.read(path, bytes.size());
  return found && std::equal(found->begin(), found->end(), bytes.begin(), bytes.end());
}

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

Status begin_log(os::FileSystem& files, const Layout& layout, Made& made, PrivateKey log,
                 Clock& clock) {
  const receipt::VerifierKey key = verifier_key(log);
  made.add(layout.head());  // whoever came this far is alone
  TRY_VOID(HeadStore(files, layout.head()).create(empty_head()));
  made.add(layout.vault() + "/log/checkpoint");
  TRY(auto signer, receipt::NoteSigner::make(log.name, std::move(log.key)));
  TRY(auto ledger, DirectoryLedger::open(files, layout, clock,
                                         std::make_shared<receipt::NoteSigner>(std::move(signer))));
  TRY_VOID(ledger->sync());
  TRY_VOID(ledger->size() == 0 ? ledger->publish_empty() : ledger->publish_through(ledger->size()));
  // Last: this makes the directory a ledger, and before it nothing that is missing was taken away.
  return put_verifier_key(made, layout.log_vkey(), key);
}

}  // namespace stele::ledger
