#include "agent/policy_book.h"

#include "agent/policy_subject.h"

namespace stele::agent {

PolicyBook::Current PolicyBook::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void PolicyBook::believe(policy::SignedPolicy policy) {
  auto groups = policy::named_groups(policy.policy);
  auto next = std::make_shared<const Believed>(Believed{std::move(policy), std::move(groups)});
  const std::lock_guard lock(mutex_);
  current_ = std::move(next);
}

void PolicyBook::tell_once(const char* rule, const std::string& what) {
  if (std::exchange(told_, what) != what) tell_({rule, what, {}, {}});
}

Status PolicyBook::begin() {
  const auto kept = files_.read(memory(), policy::kPolicyBytesMax);
  if (kept) {
    auto opened = policy::open_policy(*kept, place_.key);
    if (!opened) return fail(std::move(opened).error().within(memory()));
    believe(*std::move(opened));
  } else if (kept.error().code != Code::kNotFound) {
    return fail(kept.error());
  }
  refresh();
  return {};
}

void PolicyBook::refresh() {
  const auto note = files_.read(place_.path, policy::kPolicyBytesMax);
  const Current before = current();
  const std::string holds =
      before ? "; version " + std::to_string(before->policy.policy.version) + " holds"
             : "; none holds";
  if (!note) {
    const bool absent = note.error().code == Code::kNotFound;
    seen_.reset();
    if (!absent || before) tell_once("policy", "policy: " + note.error().message() + holds);
    return;
  }
  const policy::Home home{place_.origin, place_.recipients()};
  if (seen_ == *note && seen_with_ == home.recipients) return;
  seen_with_ = home.recipients;
  const Status taken = offer(*note, home);
  if (!taken) tell_once("policy", place_.path + ": " + taken.error().message() + holds);
}

Status PolicyBook::offer(const Bytes& note, const policy::Home& home) {
  const auto decided = [&](const Error& error) {
    seen_ = note;
    return fail(error);
  };
  auto offered = policy::open_policy(note, place_.key);
  if (!offered) return decided(offered.error());
  if (const Status here = policy::check_home(offered->policy, home); !here)
    return decided(here.error());
  const Current before = current();
  const Status follows = before ? policy::check_succession(before->policy, *offered) : Status();
  if (!follows) return decided(follows.error());
  // Durable before it holds: after a crash it must not be older again. Without room, later.
  const bool is_new = !before || before->policy.hash != offered->hash;
  if (is_new) TRY_VOID(files_.replace(memory(), note));
  seen_ = note;
  tell_once("", "policy: version " + std::to_string(offered->policy.version) + " holds");
  believe(*std::move(offered));
  return {};
}

void PolicyBook::note(const Notice& notice) {
  const bool is_kept = notice.what == Notice::What::kBreakGlass ||
                       notice.what == Notice::What::kSlowed ||
                       notice.what == Notice::What::kShared;  // in the session's own stream
  if (!is_kept) ++left_out_;
  const char* const rule = notice.what == Notice::What::kBreakGlassLeftOut ? "break-glass"
                           : notice.what == Notice::What::kShared          ? "shared-account"
                                                                           : "";
  tell_({rule, "policy: " + notice.text, {}, {}});
}

template <typename Who>
Policy PolicyBook::decide(const Who& who, uint32_t uid) {
  Policy out;
  out.recorder_group = place_.recorder_group;
  out.tell = [this](const Notice& notice) { note(notice); };
  if (const Current now = current()) {
    out.terms = policy::decide(now->policy.policy, subject_of(who, now->groups, place_.host));
    out.version = now->policy.policy.version;
    out.hash = now->policy.hash;
  }
  out.meter = quotas_.meter(out.terms.rule_name, uid, out.terms.quotas);
  return out;
}

Policy PolicyBook::policy_for(const os::Peer& peer) { return decide(peer, peer.uid); }

Policy PolicyBook::policy_for_sudo(const Submitter& who) {
  return decide(who, who.is_elsewhere ? kUidElsewhere : who.account.uid);
}

}  // namespace stele::agent
