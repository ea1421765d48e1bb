#include "cli/setup_pam.h"

#include <gtest/gtest.h>

namespace stele::cli {
namespace {

constexpr const char* kModule = "/usr/local/lib/stele/pam_stele.so";
constexpr const char* kHead =
    "# sshd\n@include common-auth\nauth [success=1 default=ignore] pam_x.so\n"
    "session [success=ok default=bad]        pam_selinux.so close\n"
    "session    required     pam_loginuid.so\n";
constexpr const char* kTail =
    "@include common-session\nsession required pam_env.so user_readenv=1\n";

std::string with(const std::string& head, const std::string& kept) {
  return head +
         "# Written by stele setup sshd --pam: where the agent does not note who came, only those "
         "behind \"in\" are let in.\n"
         "session    [success=1 default=ignore] /usr/local/lib/stele/pam_stele.so\n"
         "session    required     pam_succeed_if.so quiet user in " +
         kept + "\n" + kTail;
}

TEST(SetupPam, tells_behind_the_login_uid_and_before_what_a_user_says) {
  const auto text = sshd_pam(std::string(kHead) + kTail, kModule, {"root", "rescue"});
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, with(kHead, "root:rescue"));
}

TEST(SetupPam, the_same_again_changes_nothing_and_what_stood_elsewhere_goes) {
  const std::string once = with(kHead, "root");
  EXPECT_EQ(sshd_pam(once, kModule, {"root"}), once);
  EXPECT_EQ(sshd_pam(with(kHead, "jane:joe"), "/old/pam_stele.so", {"root"})
                .and_then([](const std::string& old) { return sshd_pam(old, kModule, {"root"}); }),
            once);
  const std::string by_hand =
      std::string(kHead) + kTail + "-Session optional /opt/pam_stele.so wait=9\n";
  EXPECT_EQ(sshd_pam(by_hand, kModule, {"root"}), once);
  const std::string another = once + "session required pam_succeed_if.so uid = 0\n";
  EXPECT_EQ(sshd_pam(another, kModule, {"root"}), another) << "another's line stays";
}

TEST(SetupPam, a_file_in_which_lines_would_come_to_mean_something_else_is_refused) {
  for (const char* head :
       {"", "auth required pam_loginuid.so\n", "# session required pam_loginuid.so\n",
        "session [success=1 default=ignore] pam_x.so\nsession required pam_loginuid.so\n",
        "SESSION [default=2] pam_x.so\nsession required pam_loginuid.so\n",
        "session [default=1 pam_x.so\nsession required pam_loginuid.so\n",
        "session [default=1] pam_loginuid.so\n", "session required pam_loginuid.so \\\n x\n",
        "auth required pam_env.so user_readenv=1\nsession required pam_loginuid.so\n"})
    EXPECT_FALSE(sshd_pam(std::string(head) + kTail, kModule, {"root"})) << head;
  for (const char* name : {"", "a b", "a:b", "[a", "a\nb"})
    EXPECT_FALSE(sshd_pam(kHead, kModule, {name})) << name;
}

}  // namespace
}  // namespace stele::cli
