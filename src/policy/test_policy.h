// The policies of the tests.
#pragma once

#include "base/check.h"
#include "policy/signed.h"
#include "policy/text.h"

namespace stele::policy {

/// The example of docs/formats/policy.md.
inline constexpr std::string_view kExample = R"(stele-policy-v1
stele/log/5f0c2a91
3
2026-11-24
role operators
  user alice bob
  group wheel
rule backups
  login backup
  service cron
  not recorded
rule operators
  role operators
  input all fixed
  break-glass allowed
  banner Sessions on this host are recorded, what you type included.
rule everybody
  input redact
  quota session 1 MiB per second
  quota person 20 GiB per day
  banner Sessions on this host are recorded.
)";

/// Every word there is.
inline constexpr std::string_view kEverything = R"(stele-policy-v1
stele/log/5f0c2a91
4294967295
2028-02-29
recipients 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
prune stele/log/5f0c2a91/prune+72ecfefc+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea
retention card-data class 1 366 days
retention long class 255 36525 days
tag incident retention long
tag case-7 retention card-data
role r1
  user a* b
  login *c
  group wheel 1000
role r2
  login d
rule all-conditions
  user svc-*-x
  login 0
  group adm
  role r1 r2
  host web*.example db01
  service sshd sudo
  input none
  output none
  lines facts
  open
  patience 3600 seconds
  opening wait 30 seconds
  quota session 1 KiB per second
  quota session 1 bytes in all
  quota person 1025 bytes per second
  quota person 3 TiB per day
  quota host 5 MiB per second
  quota host 7 GiB per day
  retention card-data
  break-glass allowed
  banner first
  banner
  banner   third, indented
rule not-recorded
  not recorded
  banner
rule closed
  input redact
  closed
  patience 1 seconds
  opening wait 0 seconds
rule silent
)";

inline const std::string kHeadLines = "stele-policy-v1\nstele/log/5f0c2a91\n3\n2026-11-24\n";

inline Policy policy_of(std::string_view text) {
  auto policy = parse_policy(text);
  CHECK(policy);
  return *std::move(policy);
}

inline receipt::NoteSigner policy_signer(uint8_t fill = 7) {
  auto signer =
      receipt::NoteSigner::make("stele/log/5f0c2a91/policy", crypto::SigningKey(Bytes(32, fill)));
  CHECK(signer);
  return *std::move(signer);
}

inline Bytes signed_by(const receipt::NoteSigner& signer, std::string_view text) {
  const auto note = signer.sign(std::string(text));
  CHECK(note);
  const ByteSpan bytes = as_bytes(*note);
  return {bytes.begin(), bytes.end()};
}

}  // namespace stele::policy
