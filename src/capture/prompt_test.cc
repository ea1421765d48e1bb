#include "capture/prompt.h"

#include <gtest/gtest.h>

#include <string>

namespace stele::capture {
namespace {

TEST(Prompt, is_strong_where_a_secret_is_named) {
  for (std::u32string_view line : {U"Password: ",
                                   U"[sudo] password for ada: ",
                                   U"ada@host's password: ",
                                   U"Enter passphrase for key '/home/ada/.ssh/id_ed25519': ",
                                   U"Enter PIN: ",
                                   U"Verification code: ",
                                   U"Vault token (will be hidden): ",
                                   U"PASSWORD>",
                                   U"New password",
                                   U"Enter your secret.",
                                   U"One-time password (OATH) for `ada': ",
                                   U"Passwort: ",
                                   U"[sudo] Passwort für ada: ",
                                   U"Mot de passe : ",
                                   U"Contraseña:",
                                   U"CONTRASEÑA:",
                                   U"Senha:",
                                   U"Wachtwoord: ",
                                   U"Lösenord: ",
                                   U"HASŁO: ",
                                   U"Heslo: ",
                                   U"Şifre: ",
                                   U"Пароль: ",
                                   U"ПАРОЛЬ:",
                                   U"密码：",
                                   U"請輸入密碼:",
                                   U"パスワード: ",
                                   U"암호: ",
                                   U"كلمة السر: ",
                                   U"Κωδικός: ",
                                   U"(current) UNIX password: ",
                                   U"Password: ****",
                                   U"Passphrase ______"}) {
    EXPECT_EQ(classify_prompt(line), Prompt::kStrong) << std::string(line.begin(), line.end());
  }
}

TEST(Prompt, is_weak_where_a_line_ends_as_questions_do) {
  for (std::u32string_view line :
       {U"ready>", U"router> ", U"Kennnummer: ", U"Sure? ", U":", U"请输入：", U"mysql> ", U">>> ",
        U"the token is abc", U"my password is no secret to"}) {
    EXPECT_EQ(classify_prompt(line), Prompt::kWeak) << std::string(line.begin(), line.end());
  }
}

TEST(Prompt, is_none_on_ordinary_lines_and_in_names_of_files) {
  for (std::u32string_view line :
       {U"", U"   ", U"***", U"ada@host:~$ ", U"root@host:/# ", U"token.txt", U"less password.txt",
        U"ada@host:~/code$ ", U"passwords", U"shopping", U"(END)", U"--More--(12%)", U"my_secret",
        U"src/password/list (END)", U"encode $", U"spin $"}) {
    EXPECT_EQ(classify_prompt(line), Prompt::kNone) << std::string(line.begin(), line.end());
  }
}

TEST(Prompt, looks_only_at_the_end_of_a_long_line) {
  std::u32string line = U"password ";
  line.append(kPromptColumns, U'a');
  EXPECT_EQ(classify_prompt(line), Prompt::kNone);
  EXPECT_EQ(classify_prompt(line + U" password:"), Prompt::kStrong);
}

}  // namespace
}  // namespace stele::capture
