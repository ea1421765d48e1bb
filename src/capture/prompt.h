// Does a line of text look as if it asked for a secret?
#pragma once

#include <cstdint>
#include <string_view>

namespace stele::capture {

/// kStrong: names a secret (password, passphrase, PIN, token, code …) in one of some forty
/// languages, as its last word or in a question. kWeak: names one elsewhere, or ends as questions
/// do, in ':', '?' or '>'.
enum class Prompt : uint8_t { kNone, kWeak, kStrong };

/// `line` is what stands left of the cursor. Only its last kPromptColumns columns count; trailing
/// blanks and mask characters do not. A secret's name counts as a word of its own only:
/// "token.txt", "~/code" and "passwords" name none.
Prompt classify_prompt(std::u32string_view line);
bool names_secret(std::u32string_view line);
inline constexpr size_t kPromptColumns = 160;

}  // namespace stele::capture
