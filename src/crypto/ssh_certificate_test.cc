#include "crypto/ssh_certificate.h"

#include <gtest/gtest.h>

#include "crypto/test_program.h"

namespace stele::crypto {
namespace {

using std::chrono::seconds;

WallTime seconds_after_1970(int64_t count) { return WallTime(seconds(count)); }

/// Certificates as the distribution's ssh-keygen makes them.
class SshKeygen : public ProgramTest {
 protected:
  SshKeygen() : ProgramTest("/usr/bin/ssh-keygen") {}

  void make_key(const char* name, std::vector<std::string> kind) {
    std::vector<std::string> arguments = {"-q", "-N", "", "-C", "", "-f", path(name), "-t"};
    arguments.insert(arguments.end(), kind.begin(), kind.end());
    ASSERT_EQ(run(arguments), 0);
  }
  /// The certificate of user.pub by the authority `ca`.
  Bytes certify(const std::vector<std::string>& how, const char* ca = "ca") {
    std::vector<std::string> arguments = {"-q", "-s", path(ca), "-I", "ada@example.org"};
    arguments.insert(arguments.end(), how.begin(), how.end());
    arguments.push_back(path("user.pub"));
    EXPECT_EQ(run(arguments), 0) << as_text(read("stderr"));
    return key_of("user-cert.pub");
  }
  Bytes key_of(const char* name) {
    const Bytes line = read(name);
    auto blob = parse_ssh_key_line(as_text(line).substr(0, as_text(line).find('\n')));
    EXPECT_TRUE(blob) << name;
    return blob ? *blob : Bytes();
  }
  std::vector<Bytes> trusted(const char* name = "ca.pub") {
    return *parse_ssh_authorities(as_text(read(name)));
  }
  Status verify_now(const Bytes& blob, const std::vector<Bytes>& authorities,
                    int64_t at = 1'800'000'000) {
    const auto certificate = parse_ssh_certificate(blob);
    if (!certificate) return fail(certificate.error());
    return verify_user_certificate(*certificate, blob, authorities, seconds_after_1970(at));
  }
};

const std::vector<std::string> kValid = {"-n", "ada,root", "-z",
                                         "42", "-V",       "20200101000000Z:20400101000000Z"};

TEST_F(SshKeygen, makes_certificates_that_are_read_whole_and_hold) {
  make_key("ca", {"ed25519"});
  make_key("user", {"ed25519"});
  std::vector<std::string> how = kValid;
  for (const char* option : {"clear", "permit-pty", "force-command=/bin/true",
                             "source-address=192.0.2.0/24", "extension:login@example.org=ada"}) {
    how.emplace_back("-O");
    how.emplace_back(option);
  }
  const Bytes blob = certify(how);
  const auto read = parse_ssh_certificate(blob);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->type, "ssh-ed25519-cert-v01@openssh.com");
  EXPECT_EQ(read->kind, SshCertificate::Kind::kUser);
  EXPECT_EQ(read->key, key_of("user.pub"));
  EXPECT_EQ(read->authority, key_of("ca.pub"));
  EXPECT_EQ(read->key_id, "ada@example.org");
  EXPECT_EQ(read->serial, 42U);
  EXPECT_EQ(read->principals, (std::vector<std::string>{"ada", "root"}));
  EXPECT_EQ(read->valid_after, 1'577'836'800U);
  EXPECT_EQ(read->critical_options, (std::vector<SshOption>{{"force-command", "/bin/true"},
                                                            {"source-address", "192.0.2.0/24"}}));
  EXPECT_EQ(read->extensions,
            (std::vector<SshOption>{{"login@example.org", "ada"}, {"permit-pty", ""}}));
  EXPECT_TRUE(verify_now(blob, trusted()));

  ASSERT_EQ(run({"-l", "-f", path("user.pub")}), 0);
  const Bytes said = this->read("stdout");
  EXPECT_NE(as_text(said).find(ssh_fingerprint(read->key)), std::string_view::npos);
}

TEST_F(SshKeygen, signs_with_each_kind_of_authority) {
  const std::vector<std::vector<std::string>> kinds = {{"ed25519"},
                                                       {"ecdsa", "-b", "256"},
                                                       {"ecdsa", "-b", "384"},
                                                       {"ecdsa", "-b", "521"},
                                                       {"rsa", "-b", "2048"}};
  for (size_t i = 0; i < kinds.size(); ++i) {
    const std::string ca = "ca" + std::to_string(i);
    make_key(ca.c_str(), kinds[i]);
    std::filesystem::remove(path("user"));
    std::filesystem::remove(path("user.pub"));
    make_key("user", kinds[kinds.size() - 1 - i]);
    const std::string file = ca + ".pub";
    const Bytes blob = certify(kValid, ca.c_str());
    EXPECT_TRUE(verify_now(blob, trusted(file.c_str()))) << file;
    // Whatever of it is another is no certificate, or its signature does not hold.
    for (size_t at = 0; at < blob.size(); at += 7) {
      Bytes other = blob;
      other[at] ^= 1;
      EXPECT_FALSE(verify_now(other, trusted(file.c_str()))) << file << " byte " << at;
    }
  }
}

TEST_F(SshKeygen, signs_with_rsa_and_either_sha_2_but_not_sha_1) {
  make_key("ca", {"rsa", "-b", "2048"});
  make_key("user", {"ed25519"});
  for (const char* algorithm : {"rsa-sha2-256", "rsa-sha2-512"}) {
    auto how = kValid;
    how.insert(how.end(), {"-t", algorithm});
    EXPECT_TRUE(verify_now(certify(how), trusted())) << algorithm;
  }
  auto how = kValid;
  how.insert(how.end(), {"-t", "ssh-rsa"});
  const Status held = verify_now(certify(how), trusted());
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code, Code::kUnsupported);
}

TEST_F(SshKeygen, signs_what_does_not_count_as_a_users_here_and_now) {
  make_key("ca", {"ed25519"});
  make_key("other", {"ed25519"});
  make_key("user", {"ed25519"});
  const auto why = [&](const Bytes& blob, const char* ca = "ca.pub", int64_t at = 1'800'000'000) {
    const Status held = verify_now(blob, trusted(ca), at);
    EXPECT_FALSE(held);
    return held ? "" : held.error().message();
  };
  const Bytes blob = certify(kValid);
  EXPECT_EQ(why(blob, "other.pub"), "SSH certificate: by no authority that is trusted here");
  EXPECT_EQ(why(blob, "ca.pub", 1'577'836'799).substr(0, 33), "SSH certificate: not valid before");
  EXPECT_TRUE(verify_now(blob, trusted(), 1'577'836'800));
  EXPECT_EQ(why(blob, "ca.pub", 2'208'988'800).substr(0, 32), "SSH certificate: not valid since");
  auto host = kValid;
  host.insert(host.begin(), "-h");
  EXPECT_EQ(why(certify(host)), "SSH certificate: a host's");
}

TEST_F(SshKeygen, writes_what_is_refused_at_every_length) {
  make_key("ca", {"ed25519"});
  make_key("user", {"ecdsa", "-b", "256"});
  const Bytes blob = certify(kValid);
  for (size_t size = 0; size < blob.size(); ++size)
    EXPECT_FALSE(parse_ssh_certificate(ByteSpan(blob).first(size))) << size;
  Bytes longer = blob;
  longer.push_back(0);
  EXPECT_FALSE(parse_ssh_certificate(longer));
  EXPECT_EQ(parse_ssh_certificate(Bytes(kSshBlobBytesMax + 1)).error().code, Code::kLimit);
}

TEST(SshAuthorities, are_lines_of_keys_with_comments_between) {
  const std::string key =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
  const auto keys = parse_ssh_authorities(
      "# of the office\n\n" + key + " office\ncert-authority,principals=\"a b\" " + key + "\r\n");
  ASSERT_TRUE(keys) << keys.error().message();
  EXPECT_EQ(keys->size(), 2U);
  EXPECT_EQ(parse_ssh_authorities("")->size(), 0U);
  for (const char* wrong : {"ssh-ed25519", "ssh-ed25519 !", "ssh-rsa AAAA", "hello there",
                            "ssh-dss AAAAB3NzaC1kc3M="}) {
    const auto refused = parse_ssh_authorities("# one\n" + std::string(wrong) + "\n");
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, Code::kInvalid);
    EXPECT_TRUE(refused.error().context.starts_with("line 2: ")) << refused.error().context;
  }
}

}  // namespace
}  // namespace stele::crypto
