#include "cli/setup_sudo.h"

#include <gtest/gtest.h>

namespace stele::cli {
namespace {

constexpr const char* kPlugin = "/usr/local/lib/stele/stele_sudo.so";
constexpr const char* kOurs =
    "Plugin stele_io /usr/local/lib/stele/stele_sudo.so\n"
    "Plugin stele_audit /usr/local/lib/stele/stele_sudo.so\n";
constexpr const char* kOwn =
    "Plugin sudoers_policy sudoers.so\nPlugin sudoers_io sudoers.so\n"
    "Plugin sudoers_audit sudoers.so\n";

TEST(SetupSudo, names_what_sudo_took_by_itself) {
  const std::string both = std::string(kOwn) + kOurs;
  EXPECT_EQ(sudo_conf(std::nullopt, kPlugin), both);
  EXPECT_EQ(sudo_conf("# Plugin x y\nPath askpass /x\nPlugins a b\nPlugin\n", kPlugin),
            "# Plugin x y\nPath askpass /x\nPlugins a b\nPlugin\n" + both);
  EXPECT_EQ(sudo_conf("Set disable_coredump false", kPlugin),
            "Set disable_coredump false\n" + both);
}

TEST(SetupSudo, leaves_the_plugins_that_are_there) {
  EXPECT_EQ(sudo_conf(" Plugin\tother_policy other.so  x=1\n", kPlugin),
            " Plugin\tother_policy other.so  x=1\n" + std::string(kOurs));
}

TEST(SetupSudo, the_same_again_changes_nothing_and_another_place_takes_the_old_ones) {
  const std::string once = sudo_conf("# mine\n", kPlugin);
  EXPECT_EQ(sudo_conf(once, kPlugin), once);
  EXPECT_EQ(sudo_conf(sudo_conf("# mine\n", "/old/stele_sudo.so"), kPlugin), once);
}

}  // namespace
}  // namespace stele::cli
