#include "sudo_plugin/request.h"

#include <gtest/gtest.h>

namespace stele::sudo_plugin {
namespace {

using event::Sudo;

TEST(SudoRequest, a_value_is_what_follows_its_own_name) {
  const Words words = {"cwd", "uidx=7", "uid=", "uid=8", "user=a=b"};
  EXPECT_EQ(value_of(words, "cwd"), "");
  EXPECT_EQ(value_of(words, "uid"), "");
  EXPECT_EQ(value_of(words, "user"), "a=b");
  EXPECT_EQ(words_of(nullptr), Words{});
}

TEST(SudoRequest, what_is_no_number_is_not_known) {
  const Request request{{"user=jane", "uid=4294967296", "lines=70000", "cols=8x"},
                        {"runas_uid=-1", "command=/bin/\xff"},
                        {"x"},
                        {"STELE_SESSION=nonsense"}};
  const Sudo sudo = sudo_of(request, Sudo::What::kError, "why", "plugin");
  EXPECT_FALSE(sudo.by_uid || sudo.as_uid || sudo.as_gid);
  EXPECT_EQ(sudo.as, "");
  EXPECT_EQ(sudo.file, "/bin/\xff");
  const wire::Hello hello = hello_of(request);
  EXPECT_EQ(hello.size, event::WindowSize{});
  EXPECT_FALSE(hello.parent);
}

TEST(SudoRequest, claims_that_are_too_long_are_cut) {
  const Request request{
      {"cwd=/" + std::string(5000, 'x')},
      {},
      {"x"},
      {"TERM=" + std::string(5000, 'x'), "SSH_CONNECTION=" + std::string(500, '1')}};
  EXPECT_TRUE(wire::encode(hello_of(request)));
}

TEST(SudoRequest, arguments_that_do_not_fit_are_cut_and_it_is_said) {
  const Sudo many = command_of({"command=/bin/echo"}, Words(30'000, "x"));
  EXPECT_EQ(many.argv.size(), wire::kArgumentCountMax);
  EXPECT_EQ(many.why, "cut: " + std::to_string(2 * (30'000 - wire::kArgumentCountMax)) +
                          " bytes of the command line do not fit");
  const Sudo whole = command_of({}, {"a", "b", ""});
  EXPECT_EQ(whole.why, "");
  EXPECT_EQ(whole.argv, (Words{"a", "b", ""}));
  const std::string script(100'000, 'x');
  const Request request{{}, {}, {"sh", "-c", script, "last"}, {}};
  const Sudo refused = sudo_of(request, Sudo::What::kReject, "no", "");
  EXPECT_EQ(refused.argv.size(), 3U);
  EXPECT_EQ(refused.argv[2].size(), (28U << 10) - 3 - 3 - 1);
  EXPECT_TRUE(refused.why.starts_with("no; cut: ")) << refused.why;
  EXPECT_EQ(hello_of(request).argv, refused.argv);
  EXPECT_TRUE(wire::encode(hello_of(request)));
  EXPECT_TRUE(wire::encode_event(2, BootTime(Micros(1)), event::Lane::kFacts, refused));
}

}  // namespace
}  // namespace stele::sudo_plugin
