#include "capture/prompt.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

namespace stele::capture {
namespace {

// Lower case. What sudo, su, passwd, ssh, gpg, systemd, git, mysql and the like say in their
// translations, and what a second factor is called.
constexpr std::u32string_view kSecretWords[] = {
    U"password",
    U"passwd",
    U"passphrase",
    U"pass phrase",
    U"passcode",
    U"pin",
    U"puk",
    U"secret",
    U"token",
    U"code",
    U"otp",
    U"totp",
    U"one-time",
    U"credential",
    U"credentials",
    U"2fa",
    U"mfa",
    // Germanic
    U"passwort",
    U"kennwort",
    U"passsatz",
    U"geheimnis",
    U"wachtwoord",
    U"wachtwoordzin",
    U"wagwoord",
    U"lösenord",
    U"lösenfras",
    U"passord",
    U"adgangskode",
    U"kodeord",
    U"adgangsfrase",
    U"lykilorð",
    U"aðgangsorð",
    // Romance
    U"mot de passe",
    U"phrase de passe",
    U"phrase secrète",
    U"code secret",
    U"contraseña",
    U"clave",
    U"frase de paso",
    U"frase de contraseña",
    U"senha",
    U"palavra-passe",
    U"palavra passe",
    U"frase secreta",
    U"frase segreta",
    U"parola d'ordine",
    U"parolă",
    U"parola",
    U"contrasenya",
    U"contrasinal",
    // Slavic and Baltic
    U"hasło",
    U"heslo",
    U"geslo",
    U"lozinka",
    U"lozinku",
    U"zaporka",
    U"zaporku",
    U"лозинка",
    U"пароль",
    U"парола",
    U"фраза",
    U"код",
    U"slaptažodis",
    U"parole",
    U"пін",
    // Others in Latin or Greek letters
    U"salasana",
    U"tunnuslause",
    U"parool",
    U"salasõna",
    U"jelszó",
    U"jelmondat",
    U"şifre",
    U"sifre",
    U"pasahitza",
    U"pasvorto",
    U"mật khẩu",
    U"sandi",
    U"kata laluan",
    U"κωδικός",
    U"συνθηματικό",
    // Other scripts
    U"密码",
    U"密碼",
    U"口令",
    U"验证码",
    U"驗證碼",
    U"パスワード",
    U"パスフレーズ",
    U"暗証",
    U"암호",
    U"비밀번호",
    U"패스워드",
    U"كلمة السر",
    U"كلمة المرور",
    U"گذرواژه",
    U"סיסמה",
    U"סיסמא",
    U"पासवर्ड",
    U"কূটশব্দ",
    U"கடவுச்சொல்",
    U"รหัสผ่าน",
    U"պարոլ",
    U"პაროლი",
};

/// Enough for the alphabets above: ASCII, Latin-1, Latin Extended-A, Greek and Cyrillic.
char32_t lower(char32_t c) {
  const auto in = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  if (in(U'A', U'Z') || (in(0xC0, 0xDE) && c != 0xD7) || in(0x391, 0x3A9) || in(0x410, 0x42F)) {
    return c + 0x20;
  }
  if (in(0x400, 0x40F)) return c + 0x50;
  // In these, capitals and small letters alternate.
  if ((in(0x100, 0x137) || in(0x14A, 0x177)) && c % 2 == 0) return c + 1;
  if ((in(0x139, 0x148) || in(0x179, 0x17E)) && c % 2 == 1) return c + 1;
  return c;
}

/// Written without spaces between words: there, what stands beside a word says nothing.
bool has_no_word_breaks(char32_t c) { return c >= 0xE00; }

/// A letter, a digit, or what joins a word to a file's or a variable's name.
bool continues_word(char32_t c) {
  const bool is_ascii_letter = (c >= U'a' && c <= U'z') || (c >= U'0' && c <= U'9');
  if (c < 0x80)
    return is_ascii_letter || std::u32string_view(U"./_-~@\\").find(c) != std::u32string_view::npos;
  return c >= 0xC0 && !has_no_word_breaks(c);
}

bool continues_name(char32_t c) {
  return c != U'.' && (continues_word(c) || has_no_word_breaks(c));
}

/// "secret." and "secret-" end a word; "secret.txt" goes on.
bool ends_word(std::u32string_view line, size_t at) {
  if (at == line.size() || !continues_word(line[at])) return true;
  const bool is_mark = line[at] == U'.' || line[at] == U'-';
  return is_mark && (at + 1 == line.size() || !continues_word(line[at + 1]));
}

bool by_first(std::u32string_view a, std::u32string_view b) { return a[0] < b[0]; }

/// Where the last of them ends; npos: there is none.
size_t end_of_secret_word(std::u32string_view line) {
  static const auto words = [] {
    std::vector<std::u32string_view> sorted(std::begin(kSecretWords), std::end(kSecretWords));
    std::sort(sorted.begin(), sorted.end(), by_first);
    return sorted;
  }();
  size_t end = std::u32string_view::npos;
  for (size_t at = 0; at < line.size(); ++at) {
    const bool is_free = has_no_word_breaks(line[at]);
    if (!is_free && at > 0 && continues_word(line[at - 1])) continue;
    const auto [first, last] =
        std::equal_range(words.begin(), words.end(), line.substr(at, 1), by_first);
    for (auto word = first; word != last; ++word) {
      if (line.substr(at, word->size()) == *word &&
          (is_free || ends_word(line, at + word->size()))) {
        end = at + word->size();
      }
    }
  }
  return end;
}

std::u32string_view trimmed(std::u32string_view line) {
  const size_t last = line.find_last_not_of(U" \u00A0*\u2022\u25CF_");
  return line.substr(0, last == std::u32string_view::npos ? 0 : last + 1);
}

/// The end of the line as it is compared: trimmed, in small letters.
std::u32string end_of(std::u32string_view line) {
  std::u32string text(trimmed(line));
  if (text.size() > kPromptColumns) text.erase(0, text.size() - kPromptColumns);
  std::transform(text.begin(), text.end(), text.begin(), lower);
  return text;
}

}  // namespace

bool names_secret(std::u32string_view line) {
  return end_of_secret_word(end_of(line)) != std::u32string_view::npos;
}

Prompt classify_prompt(std::u32string_view line) {
  const std::u32string text = end_of(line);
  if (text.empty()) return Prompt::kNone;
  constexpr std::u32string_view kEndings = U":?>\uFF1A\uFF1F\uFF1E\u061F";
  const bool asks = kEndings.find(text.back()) != std::u32string_view::npos;
  const size_t secret = end_of_secret_word(text);
  if (secret == std::u32string_view::npos) return asks ? Prompt::kWeak : Prompt::kNone;
  const bool is_last =
      std::none_of(text.begin() + static_cast<ptrdiff_t>(secret), text.end(), continues_name);
  return asks || is_last ? Prompt::kStrong : Prompt::kWeak;
}

}  // namespace stele::capture
