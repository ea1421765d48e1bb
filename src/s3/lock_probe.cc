#include "s3/lock_probe.h"

#include <algorithm>

#include "base/hex.h"

namespace stele::s3 {
namespace {

using Wrong = PutOptions::Wrong;

constexpr Micros kClockOffMax = std::chrono::minutes(5);

/// The store refused, in whatever words; else nobody knows what it would have done.
bool is_an_answer(const Error& error) {
  return error.code != Code::kIo && error.code != Code::kBusy &&
         error.code != Code::kOutcomeUnknown && error.code != Code::kUnauthentic;
}

class Prober {
 public:
  Prober(Bucket& bucket, const ProbeOptions& options) : bucket_(bucket), options_(options) {
    std::array<uint8_t, 16> id{};
    options_.random(id);
    proof_.key = options_.prefix + "canary/" + to_hex(id);
    content_ = random_bytes();
    proof_.lock = {options_.mode,
                   std::chrono::floor<std::chrono::seconds>(options_.now()) + options_.retention};
  }

  Result<Proof> run() {
    TRY_VOID(look_at_bucket());
    TRY_VOID(write());
    TRY_VOID(remove());
    if (is_compliance()) TRY_VOID(bypass());
    TRY_VOID(try_to_shorten());
    TRY_VOID(extend());
    TRY_VOID(hold());
    TRY_VOID(cover_up());
    TRY_VOID(write_wrongly());
    TRY_VOID(look_at_the_end());
    if (!is_compliance()) TRY_VOID(bypass());  // it may succeed, and be the end of the canary
    return std::move(proof_);
  }

 private:
  bool is_compliance() const { return options_.mode == Mode::kCompliance; }

  Bytes random_bytes() const {
    Bytes bytes(64);
    options_.random(bytes);
    return bytes;
  }

  void note(Check check) { proof_.checks.push_back(std::move(check)); }

  Status look_at_bucket() {
    TRY(const bool keeps_versions, bucket_.keeps_versions());
    note({"versioning", "the bucket keeps each version of an object", true, keeps_versions, ""});
    TRY(const bool locks_objects, bucket_.locks_objects());
    note({"object-lock", "the bucket locks objects", true, locks_objects, ""});
    return {};
  }

  Status write() {
    TRY(proof_.version, bucket_.put(proof_.key, content_, {.lock = proof_.lock}));
    note({"version-id", "a write is answered with its version's id", true,
          !proof_.version.empty() && proof_.version != "null", ""});
    TRY(const bool is_kept, is_as_it_was());
    note({"retention", "the retention of a write is that which was asked for", true, is_kept, ""});
    return {};
  }

  /// Whether the canary's version is there, locked as it should be. Who may not look can not tell.
  Result<bool> is_as_it_was() {
    const auto found = bucket_.head(proof_.key, proof_.version);
    if (!found && found.error().code != Code::kNotFound) return fail(found.error());
    return found && found->size == content_.size() && found->lock == proof_.lock;
  }

  /// What must change nothing.
  Status in_vain(const char* name, const char* about, bool is_wanted, const Status& done) {
    if (!done && !is_an_answer(done.error())) return fail(done.error());
    TRY(const bool is_kept, is_as_it_was());
    const std::string said = done ? "answered as if it were done" : done.error().message();
    note({name, about, is_wanted, is_kept, said});
    return {};
  }

  Status remove() {
    return in_vain("delete", "a locked version is not removed", true,
                   bucket_.remove(proof_.key, proof_.version, false));
  }

  Status bypass() {
    return in_vain("bypass",
                   is_compliance() ? "nor by who asks to bypass the lock"
                                   : "nor by who asks to bypass the lock (in governance mode by "
                                     "who is permitted to)",
                   is_compliance(), bucket_.remove(proof_.key, proof_.version, true));
  }

  Status try_to_shorten() {
    const Lock shorter{options_.mode, proof_.lock.until - options_.retention / 2};
    TRY_VOID(in_vain("shorten", "a retention is not shortened", true,
                     bucket_.set_lock(proof_.key, proof_.version, shorter, false)));
    if (!is_compliance()) return {};
    TRY_VOID(in_vain("shorten-bypass", "nor by who asks to bypass the lock", true,
                     bucket_.set_lock(proof_.key, proof_.version, shorter, true)));
    return in_vain(
        "weaken", "compliance does not become governance", true,
        bucket_.set_lock(proof_.key, proof_.version, {Mode::kGovernance, proof_.lock.until}, true));
  }

  Status extend() {
    Lock longer = proof_.lock;
    longer.until += options_.retention;
    const Status done = bucket_.set_lock(proof_.key, proof_.version, longer, false);
    if (!done && !is_an_answer(done.error())) return fail(done.error());
    if (done) proof_.lock = longer;
    TRY(const bool is_kept, is_as_it_was());
    note({"extend", "a retention is extended", true, done && is_kept,
          done ? "" : done.error().message()});
    return {};
  }

  Status hold() {
    const Status done = bucket_.set_hold(proof_.key, proof_.version, true);
    if (!done && !is_an_answer(done.error())) return fail(done.error());
    const auto found = bucket_.head(proof_.key, proof_.version);
    if (!found && !is_an_answer(found.error())) return fail(found.error());
    note({"legal-hold", "a legal hold is kept", true, done && found && found->is_held,
          done ? "" : done.error().message()});
    if (done) TRY_VOID(bucket_.set_hold(proof_.key, proof_.version, false));
    return {};
  }

  /// A lock is of a version: a name can be written over, and hidden.
  Status cover_up() {
    const Bytes other = random_bytes();
    const auto written = bucket_.put(proof_.key, other, {.lock = proof_.lock});
    TRY_VOID(in_vain("overwrite", "writing to the same name leaves the version before", true,
                     written ? Status() : Status(fail(written.error()))));
    TRY_VOID(in_vain("hide", "a delete marker leaves the versions before, to be read by their id",
                     true, bucket_.remove(proof_.key, "", false)));
    const auto first = bucket_.put(proof_.key + ".first", content_, {.lock = proof_.lock});
    if (!first) return fail(first.error());
    const auto second =
        bucket_.put(proof_.key + ".first", content_, {.lock = proof_.lock, .is_first = true});
    if (!second && !is_an_answer(second.error())) return fail(second.error());
    note({"first-write", "If-None-Match: * writes only where nothing is", false, !second,
          second ? "ignored: a second version was made" : second.error().message()});
    return {};
  }

  Status refuses(const char* name, const char* about, bool is_wanted, Wrong wrong) {
    const auto done =
        bucket_.put(proof_.key + "." + name, content_, {.lock = proof_.lock, .wrong = wrong});
    if (!done && !is_an_answer(done.error())) return fail(done.error());
    note(
        {name, about, is_wanted, !done, done ? "ignored: it was written" : done.error().message()});
    return {};
  }

  Status write_wrongly() {
    TRY_VOID(
        refuses("content-md5", "a write whose Content-MD5 is wrong is refused", true, Wrong::kMd5));
    TRY_VOID(refuses("payload-hash", "a write whose signed SHA-256 is wrong is refused", true,
                     Wrong::kPayloadHash));
    return refuses("checksum", "a write whose x-amz-checksum-sha256 is wrong is refused", false,
                   Wrong::kChecksum);
  }

  Status look_at_the_end() {
    const auto content = bucket_.get(proof_.key, proof_.version);
    if (!content && !is_an_answer(content.error())) return fail(content.error());
    note({"content", "after all of this the version holds what was written", true,
          content && equal(*content, content_), content ? "" : content.error().message()});
    proof_.clock_ahead = bucket_.clock_ahead();
    note({"clock", "the store's clock, by which locks end, is ours within five minutes", true,
          std::chrono::abs(proof_.clock_ahead) <= kClockOffMax,
          std::to_string(proof_.clock_ahead.count() / 1'000'000) + " s ahead"});
    return {};
  }

  Bucket& bucket_;
  const ProbeOptions& options_;
  Bytes content_;
  Proof proof_;
};

}  // namespace

bool Proof::holds() const {
  return std::all_of(checks.begin(), checks.end(),
                     [](const Check& check) { return check.holds || !check.is_wanted; });
}

Result<Proof> probe(Bucket& bucket, const ProbeOptions& options) {
  return Prober(bucket, options).run();
}

}  // namespace stele::s3
