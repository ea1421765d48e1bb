#include "identity/arrival.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "base/hex.h"
#include "crypto/ssh_certificate.h"

namespace stele::identity {
namespace {

using event::Known;

os::Ancestor process(std::string program, uint32_t uid, std::optional<uint32_t> euid = {}) {
  return {{1, 1}, program.substr(0, 15), "/usr/sbin/" + program, uid, euid.value_or(uid)};
}

/// Of a session of `uid`, by the processes that it descends from, the nearest first.
event::Start begun(uint32_t uid, const std::vector<os::Ancestor>& ancestors) {
  event::Start start;
  start.uid = uid;
  describe_ancestors(start, ancestors);
  return start;
}

const os::Ancestor kInit = process("systemd", 0);

TEST(Ancestors, tell_the_service_and_nobody_behind_who_came_in_as_themselves) {
  const auto start = begun(1000, {process("bash", 1000), process("sshd-session", 1000),
                                  process("sshd-session", 0), process("sshd", 0), kInit});
  EXPECT_EQ(start.service, "sshd");
  EXPECT_EQ(start.known.at("service"), Known::kKernel);
  EXPECT_EQ(start.invoker, std::nullopt);
  EXPECT_EQ(begun(0, {process("cron", 0), process("cron", 0), kInit}).service, "cron");
  EXPECT_EQ(begun(7, {process("bash", 7), kInit}).service, "");
  EXPECT_EQ(begun(7, {}).known.size(), 0U);
}

TEST(Ancestors, tell_who_became_another) {
  const std::vector<os::Ancestor> as_root = {process("bash", 0),
                                             process("sudo", 0),
                                             process("sudo", 1000, 0),
                                             process("bash", 1000),
                                             process("sshd", 1000),
                                             process("sshd", 0),
                                             kInit};
  const auto start = begun(0, as_root);
  EXPECT_EQ(start.service, "sudo");
  EXPECT_EQ(start.invoker, 1000U);
  EXPECT_EQ(start.known.at("invoker"), Known::kKernel);
  EXPECT_EQ(begun(0, {process("su", 1000, 0), process("bash", 1000), kInit}).invoker, 1000U);
}

TEST(Ancestors, of_what_sudo_records_by_itself_begin_with_it) {
  const auto start = begun(1000, {process("sudo", 1000, 0), process("bash", 1000),
                                  process("sshd", 1000), process("sshd", 0), kInit});
  EXPECT_EQ(start.service, "sudo");
  EXPECT_EQ(start.invoker, std::nullopt) << "it is still the person's own";
}

TEST(Ancestors, of_somebody_who_came_in_as_root_name_nobody_they_became_in_between) {
  const auto start =
      begun(0, {process("bash", 0), process("sudo", 0), process("bash", 1000), process("su", 0),
                process("bash", 0), process("sshd", 0), process("sshd", 0), kInit});
  EXPECT_EQ(start.invoker, std::nullopt);
  EXPECT_EQ(start.service, "sudo");
}

TEST(Ancestors, that_call_themselves_what_they_are_not_frame_nobody) {
  os::Ancestor named = process("bash", 1000);
  named.name = "sshd";
  named.executable = "";
  EXPECT_EQ(begun(1001, {process("bash", 1001), process("sudo", 0), named, process("sshd", 1000),
                         process("sshd", 0), kInit})
                .invoker,
            1000U);
  EXPECT_EQ(begun(1000, {named, kInit}).service, "") << "not root's";
}

TEST(Container, is_the_id_that_its_runtime_put_there) {
  const std::string id(64, 'a');
  EXPECT_EQ(container_in("/system.slice/docker-" + id + ".scope"), id);
  EXPECT_EQ(container_in("/kubepods/pod12/" + id), id);
  for (const std::string& none :
       {std::string("/user.slice/user-1000.slice"), id + "b", id.substr(1), std::string()})
    EXPECT_EQ(container_in(none), "") << none;
}

std::string seed(const char* name) {
  std::ifstream file(std::string(STELE_TESTDATA "/corpus/ssh_certificate/") + name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(Proof, is_a_claim_until_an_authority_signed_it) {
  const std::string proof = "password\npublickey " + seed("ed25519_line");
  Trust trust;
  event::Start start;
  describe_proof(start, proof, trust);
  EXPECT_EQ(start.certificate, seed("ed25519"));
  EXPECT_TRUE(start.ssh_key.starts_with("SHA256:"));
  EXPECT_EQ(start.known.at("certificate"), Known::kEnvironment);
  EXPECT_EQ(start.authority, "");

  trust.authorities = *crypto::parse_ssh_authorities(seed("authorities"));
  trust.now = WallTime(std::chrono::seconds(1'800'000'000));
  event::Start signed_start;
  describe_proof(signed_start, proof, trust);
  EXPECT_EQ(signed_start.known.at("certificate"), Known::kSignature);
  EXPECT_EQ(signed_start.known.at("ssh_key"), Known::kEnvironment);
  EXPECT_EQ(signed_start.authority, crypto::ssh_fingerprint(trust.authorities[0]));

  trust.now = WallTime(std::chrono::seconds(2'300'000'000));
  event::Start expired;
  describe_proof(expired, proof, trust);
  EXPECT_EQ(expired.known.at("certificate"), Known::kEnvironment);
}

TEST(Proof, that_is_none_says_nothing) {
  for (const std::string& proof : {std::string(), std::string("\n\n"), std::string(65, 'm'),
                                   std::string(kProofBytesMax + 1, 'x')}) {
    event::Start start;
    describe_proof(start, proof, {});
    EXPECT_EQ(start, event::Start());
  }
}

TEST(Proof, says_by_which_methods_and_the_first_key) {
  event::Start start;
  describe_proof(start, "password\npublickey ssh-ed25519 !\nhostbased x\n", {});
  EXPECT_EQ(start.methods, (std::vector<std::string>{"password", "publickey", "hostbased"}));
  EXPECT_EQ(start.known.at("methods"), Known::kEnvironment);
  EXPECT_EQ(start.ssh_key, "");
}

PamWord word_of(const std::string& proof) {
  return {.service = "sshd",
          .remote_host = "192.0.2.7",
          .connection = "192.0.2.7 52014 192.0.2.1 22",
          .proof = proof};
}

TEST(PamWord, stands_in_place_of_what_is_claimed) {
  const Claims forged{"198.51.100.1 1 192.0.2.1 22", "", "publickey " + seed("ed25519_line"), ""};
  event::Start start;
  describe_arrival(start, os::own_pid(), forged, word_of("password\n"), {});
  EXPECT_EQ(start.arrival, "sshd");
  EXPECT_EQ(start.from, "192.0.2.7 52014");
  EXPECT_EQ(start.methods, std::vector<std::string>{"password"});
  EXPECT_EQ(start.ssh_key + start.certificate, "") << "a password let them in";
  for (const char* entry : {"from", "methods", "ssh_key", "arrival"})
    EXPECT_FALSE(start.known.contains(entry)) << entry << " is no claim";
}

TEST(PamWord, of_a_certificate_keeps_its_signature) {
  Trust trust;
  trust.authorities = *crypto::parse_ssh_authorities(seed("authorities"));
  trust.now = WallTime(std::chrono::seconds(1'800'000'000));
  event::Start start;
  describe_word(start, word_of("publickey " + seed("ed25519_line")), trust);
  EXPECT_EQ(start.known.at("certificate"), Known::kSignature);
  EXPECT_FALSE(start.known.contains("ssh_key"));
  event::Start of_nobody;
  describe_word(of_nobody, word_of("publickey " + seed("ed25519_line")), {});
  EXPECT_EQ(of_nobody.certificate, seed("ed25519"));
  EXPECT_FALSE(of_nobody.known.contains("certificate"));
}

TEST(PamWord, of_another_service_may_know_no_more_than_an_address) {
  event::Start start;
  describe_word(start, {.service = "login", .remote_host = "", .connection = "", .proof = ""}, {});
  EXPECT_EQ(start.arrival, "login");
  EXPECT_EQ(start.service, "login");
  EXPECT_EQ(start.from, "");
}

TEST(Claims, are_marked_as_such) {
  event::Start start;
  start.terminal = "xterm";
  describe_arrival(start, os::own_pid(), {"192.0.2.7 52014 192.0.2.1 22", "", "", ""}, {}, {});
  EXPECT_EQ(start.from, "192.0.2.7 52014");
  EXPECT_EQ(start.known.at("from"), Known::kEnvironment);
  EXPECT_EQ(start.known.at("term"), Known::kEnvironment);
  EXPECT_EQ(start.known.at("uid"), Known::kKernel);
  EXPECT_FALSE(start.known.contains("login"));
}

}  // namespace
}  // namespace stele::identity
