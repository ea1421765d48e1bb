#include "server/shared_storage.h"

#include "db/postgres.h"
#include "ledger/head.h"
#include "ledger/keys.h"
#include "ledger/postgres_commit_store.h"
#include "s3/store.h"
#include "server/own_stream.h"

namespace stele::server {
namespace {

constexpr std::string_view kSharedFile = "stele-shared-v1\n";
constexpr size_t kSharedBytesMax = 4096;
constexpr std::chrono::minutes kCanaryStays{10};
constexpr Micros kProbeAgainAfter = std::chrono::minutes(10);  // where it could not be tried

}  // namespace

SharedStorage::SharedStorage(os::FileSystem& files, ledger::Layout layout, Clock& clock,
                             SharedConfig config)
    : files_(files), layout_(std::move(layout)), clock_(clock), config_(std::move(config)) {}

Result<std::unique_ptr<SharedStorage>> SharedStorage::open(os::FileSystem& files,
                                                           const ledger::Layout& layout,
                                                           Clock& clock, SharedConfig config) {
  std::unique_ptr<SharedStorage> made(new SharedStorage(files, layout, clock, std::move(config)));
  const StoreConfig& store = made->config_.store;
  TRY(made->signer_, load_log_signer(files, layout));
  TRY_VOID(made->claim_directory());
  TRY(made->proof_, probe(store, kCanaryStays, clock));
  if (made->config_.is_required && !made->proof_->holds()) {
    return fail(Code::kUnsupported,
                "vault: " + to_string(store) + " does not keep what it is told to keep (" +
                    failed_checks(*made->proof_) +
                    "); `stele vault probe` shows how. Nothing was written but the canary");
  }
  TRY(auto database, db::PostgresOptions::load(made->config_.commits));
  TRY(made->commits_,
      ledger::PostgresCommitStore::open(std::move(database), made->signer_->key().name));
  made->objects_ = std::make_unique<s3::Store>(s3::StoreOptions{
      [self = made.get()] { return open_bucket(self->config_.store, self->clock_); },
      mode_of(store), made->config_.retain, [&clock] { return clock.wall(); }});
  made->vault_ =
      std::make_unique<ledger::SharedVault>(*made->commits_, *made->objects_, store.prefix);
  return made;
}

// A directory has one ledger: its own, or this one.
Status SharedStorage::claim_directory() {
  const std::string wanted = std::string(kSharedFile) + to_string(config_.store) + "\n";
  const auto there = files_.read(layout_.shared(), kSharedBytesMax);
  if (there) {
    if (as_text(*there) == wanted) return {};
    return fail(Code::kConflict, layout_.shared() +
                                     ": this directory's ledger is on another store than the "
                                     "configuration says; if it moved, with all its versions, put "
                                     "the new place there");
  }
  if (there.error().code != Code::kNotFound) return fail(there.error());
  TRY(const auto head, ledger::HeadStore(files_, layout_.head()).load());
  if (head.size > 0) {
    return fail(Code::kConflict, layout_.directory + " has a ledger of " +
                                     std::to_string(head.size) +
                                     " leaves of its own, which does not move to a store; "
                                     "begin one there by `stele init` in another directory");
  }
  return files_.put_once(layout_.shared(), as_bytes(wanted));
}

Result<std::unique_ptr<ledger::Ledger>> SharedStorage::open_ledger() {
  TRY(auto ledger, ledger::SharedLedger::open(
                       {*commits_, *objects_, *vault_, clock_, signer_, config_.store.prefix,
                        [this] { return ledger::HostKeys::load(files_, layout_.host_vkey()); }}));
  TRY(const auto checkpoint, ledger->checkpoint());
  if (!checkpoint) TRY_VOID(ledger->publish_empty());
  return ledger;
}

void SharedStorage::start(OwnStream& own) {
  thread_ = std::thread([this, &own] { probe_on_schedule(own); });
}

void SharedStorage::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SharedStorage::probe_on_schedule(OwnStream& own) {
  tell(own, *proof_);
  std::string told;  // why it could not be tried
  Micros wait = config_.probe_every;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (stop_.wait_for(lock, wait, [this] { return stopping_; })) return;
    }
    const auto proof = probe(config_.store, kCanaryStays, clock_);
    wait = proof ? config_.probe_every : std::min(kProbeAgainAfter, config_.probe_every);
    const std::string why = proof ? "" : proof.error().message();
    if (proof) tell(own, *proof);
    if (!why.empty() && why != told)
      (void)own.tell(event::Finding{"probe", "the store could not be tried: " + why, {}, {}});
    told = why;
  }
}

void SharedStorage::tell(OwnStream& own, const s3::Proof& proof) const {
  const std::string failed = failed_checks(proof);
  (void)own.tell(event::Probe{to_string(config_.store), proof.key + " " + proof.version,
                              std::string(s3::to_string(proof.lock.mode)), proof.clock_ahead,
                              failed});
  if (failed.empty()) return;
  (void)own.tell(event::Finding{
      "probe", "the store does not keep what it is told to keep: " + failed, {}, {}});
}

}  // namespace stele::server
