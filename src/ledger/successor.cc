#include "ledger/successor.h"

#include <algorithm>
#include <map>

#include "crypto/sha256.h"
#include "ledger/made.h"
#include "merkle/frontier.h"
#include "vault/local_vault.h"

namespace stele::ledger {
namespace {

constexpr size_t kCheckpointBytesMax = size_t{64} << 10, kFileBytesMax = size_t{4} << 20;

/// What is proven of the log before, largest first.
using Proven = std::map<uint64_t, Hash, std::greater<>>;

// By both checkpoints, where there are two.
Result<Proven> proven_of(os::FileSystem& files, const SuccessionOptions& options,
                         const receipt::VerifierKey& before) {
  Proven proven;
  const auto add = [&](ByteSpan note) -> Status {
    TRY(const auto checkpoint, receipt::open_checkpoint(note, before));
    const auto [at, fresh] = proven.emplace(checkpoint.size, checkpoint.root);
    if (!fresh && at->second != checkpoint.root)
      return fail(Code::kConflict, before.name + " has signed two roots of " +
                                       std::to_string(checkpoint.size) +
                                       " leaves: it was forked, and nobody can succeed it");
    return {};
  };
  const vault::LocalVault vault(files, options.old.vault());
  const auto own = vault.get("checkpoint", kCheckpointBytesMax);
  if (!own && own.error().code != Code::kNotFound) return fail(own.error());
  if (own) {
    Status added = add(*own);
    if (!added) return fail(std::move(added).error().within(vault.log_path("checkpoint")));
  }
  if (!options.last.empty()) {
    Status added = add(options.last);
    if (!added) return fail(std::move(added).error().within("the last checkpoint"));
  }
  if (!proven.empty()) return proven;
  return fail(Code::kNotFound, "there is no checkpoint in " + vault.log_path("") +
                                   ": give the newest that anybody has of " + before.name);
}

/// Whole records, from one vault into another.
class Copy {
 public:
  Copy(const vault::Vault& from, const vault::LocalVault& to) : from_(from), to_(to) {}

  /// Also the root where `proven` has one.
  Result<uint64_t> run(const Proven& proven) {
    TRY(const auto volumes, from_.volumes());
    if (volumes.empty()) return 0;
    if (volumes.front().first_index != 0)
      return fail(Code::kCorrupt, from_.path({}) + " is missing: restore it too");
    vault::RecordCursor cursor(from_, {volumes.front(), 0, 0});
    for (;;) {
      TRY_VOID(check(proven));
      TRY(const vault::Found found, cursor.look());
      if (found != vault::Found::kRecord) break;
      TRY_VOID(take(cursor));
      cursor.advance();
    }
    if (cursor.position().volume != volumes.back()) {
      return fail(Code::kCorrupt, "what comes after leaf " + std::to_string(tree_.size()) +
                                      " is missing, and " + from_.path(volumes.back()) +
                                      " is there: restore all that lies between");
    }
    if (file_) TRY_VOID(file_->sync());
    return tree_.size();
  }

 private:
  Status check(const Proven& proven) const {
    const auto at = proven.find(tree_.size());
    if (at == proven.end() || at->second == tree_.root()) return {};
    return fail(Code::kCorrupt, "the first " + std::to_string(tree_.size()) +
                                    " leaves are not those that were proven (other root)");
  }
  Status take(vault::RecordCursor& cursor) {
    TRY_VOID(cursor.read_segment(segment_));
    const segment::Leaf& leaf = cursor.leaf();
    const vault::VolumeName volume = cursor.position().volume;
    if (crypto::sha256(segment_) != leaf.segment_hash) {
      return fail(Code::kCorrupt, from_.path(volume) + ", offset " +
                                      std::to_string(cursor.position().offset) + ": leaf " +
                                      std::to_string(tree_.size()) +
                                      ", the segment's hash is not the leaf's");
    }
    if (!file_ || volume != volume_) TRY_VOID(begin(volume));
    const auto bytes = segment::encode(leaf);
    tree_.append(merkle::leaf_hash(bytes));
    return file_->append({bytes, segment_});
  }
  Status begin(const vault::VolumeName& volume) {
    if (file_) {
      TRY_VOID(file_->sync());
      file_.reset();
      to_.close_volume(volume_);
    }
    TRY(file_, to_.create_volume(volume));
    volume_ = volume;
    return {};
  }

  const vault::Vault& from_;
  const vault::LocalVault& to_;
  merkle::Frontier tree_;
  std::unique_ptr<os::File> file_;  // volume_
  vault::VolumeName volume_;
  Bytes segment_;
};

/// What a ledger has beside its vault, and a server beside its ledger: all of it but what is the
/// log's own.
class FilesCopy {
 public:
  FilesCopy(os::FileSystem& files, const Layout& from, const Layout& to, Made& made)
      : files_(files), from_(from), to_(to), made_(made) {}

  Status run() {
    TRY_VOID(copy_folder(""));
    return copy_file("/state/server-stream");
  }

 private:
  bool is_logs_own(const std::string& path) const {
    const std::string whole = from_.directory + path;
    return whole == from_.vault() || whole == from_.state() || whole == from_.log_vkey() ||
           whole == from_.log_key() || whole == from_.predecessor();
  }
  Status copy_folder(const std::string& folder) {
    TRY(const auto names, files_.list(from_.directory + folder));
    TRY_VOID(files_.make_directories(to_.directory + folder));
    for (const std::string& name : names) {
      const std::string path = folder + "/" + name;
      if (is_logs_own(path)) continue;
      const bool is_folder = files_.list(from_.directory + path).has_value();
      TRY_VOID(is_folder ? copy_folder(path) : copy_file(path));
    }
    return {};
  }
  Status copy_file(const std::string& path) {
    auto bytes = files_.read(from_.directory + path, kFileBytesMax);
    if (!bytes && bytes.error().code == Code::kNotFound) return {};
    if (!bytes) return fail(bytes.error());
    const Status put = made_.put(to_.directory + path, *bytes);
    crypto::wipe(*bytes);
    return put;
  }

  os::FileSystem& files_;
  const Layout& from_;
  const Layout& to_;
  Made& made_;
};

Result<receipt::NoteSigner> policy_signer(os::FileSystem& files, const Layout& old) {
  auto key = load_private_key(files, old.policy_key());
  if (!key && key.error().code == Code::kNotFound) {
    return fail(Code::kNotFound, "who follows whom is signed by the policy key: bring it to " +
                                     old.policy_key() + ", and take it offline again afterwards");
  }
  if (!key) return fail(key.error());
  return receipt::NoteSigner::make(key->name, std::move(key->key));
}

Status check_fresh(os::FileSystem& files, const Layout& layout) {
  TRY_VOID(check_empty(files, layout));
  const vault::LocalVault vault(files, layout.vault());
  const auto volumes = vault.volumes();
  if (!volumes && volumes.error().code != Code::kNotFound) return fail(volumes.error());
  if (!volumes || volumes->empty()) return {};
  return fail(Code::kExists, vault.root() +
                                 "/volume holds volumes already, as an interrupted "
                                 "attempt leaves them: remove " +
                                 layout.directory);
}

}  // namespace

Result<Predecessor> succeed(os::FileSystem& files, const Layout& layout,
                            const SuccessionOptions& options, Clock& clock,
                            const RandomSource& random) {
  TRY_VOID(check_origin(options.origin));
  TRY_VOID(check_fresh(files, layout));
  Predecessor out;
  TRY(out.before, load_verifier_key(files, options.old.log_vkey()));
  if (out.before.name == options.origin)
    return fail(Code::kInvalid, "a successor has an origin of its own, not " + options.origin);
  TRY(const auto policy, policy_signer(files, options.old));
  TRY(const Proven proven, proven_of(files, options, out.before));
  out.size = proven.begin()->first;
  out.root = proven.begin()->second;

  TRY_VOID(files.make_directories(layout.keys()));
  TRY_VOID(files.make_directories(layout.live()));
  const vault::LocalVault from(files, options.old.vault());
  vault::LocalVault to(files, layout.vault());
  TRY_VOID(to.create());
  TRY(out.kept, Copy(from, to).run(proven));
  Made made(files);
  TRY_VOID(FilesCopy(files, options.old, layout, made).run());
  TRY(auto log, make_key(made, options.origin, layout.log_key(), random));
  out.log = verifier_key(log);
  TRY(const std::string note, policy.sign(encode(out)));
  TRY_VOID(made.put(layout.predecessor(), as_bytes(note)));
  // Not signed by a key that readers would not take it from.
  TRY(const auto known, load_verifier_key(files, layout.policy_vkey()));
  TRY_VOID(open_predecessor(as_bytes(note), known));
  TRY_VOID(begin_log(files, layout, made, std::move(log), clock));
  made.keep();
  return out;
}

}  // namespace stele::ledger
