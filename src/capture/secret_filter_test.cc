#include "capture/secret_filter.h"

#include <gtest/gtest.h>

namespace stele::capture {
namespace {

using event::InputPolicy;
using event::Redaction;

/// A session in miniature: who types, what shows, and what time it is.
class Story {
 public:
  explicit Story(InputPolicy policy = InputPolicy::kRedact) : filter_(policy, 24, 80) {}

  Story& shows(std::string_view bytes) {
    filter_.output(now_, as_bytes(bytes));
    return collect();
  }
  /// Types it at once.
  Story& types(std::string_view bytes, InputMode mode = InputMode::kRaw) {
    return types_while_it_turns(bytes, mode, mode);
  }
  Story& types_while_it_turns(std::string_view bytes, InputMode before, InputMode after) {
    filter_.input(now_, as_bytes(bytes), before);
    if (filter_.wants_second_look()) filter_.written(after);
    return collect();
  }
  /// Key by key, each answered by `answer`, where '?' stands for the key.
  Story& types_answered(std::string_view keys, std::string_view answer = "?") {
    for (const char key : keys) {
      types({&key, 1});
      std::string shown;
      for (const char c : answer) shown += c == '?' ? key : c;
      if (!shown.empty()) shows(shown);
      passes(Micros(90'000));
    }
    return *this;
  }
  Story& passes(Micros time) {
    now_ += time;
    while (filter_.deadline() && *filter_.deadline() <= now_) {
      const auto before = filter_.deadline();
      filter_.tick(now_);
      EXPECT_NE(filter_.deadline(), before) << "a deadline that tick() does not meet";
      if (filter_.deadline() == before) break;
    }
    return collect();
  }
  Story& ends() {
    filter_.finish(now_);
    return collect();
  }

  /// Kept bytes as they are; a redaction as "<16>" (not shown) or "<~16>" (guessed).
  const std::string& kept() const { return kept_; }

 private:
  Story& collect() {
    for (const Decided& decided : filter_.take()) {
      EXPECT_GE(decided.at, last_) << "the input lane goes back in time";
      last_ = decided.at;
      if (const auto* bytes = std::get_if<Bytes>(&decided.what)) {
        kept_ += as_text(*bytes);
      } else {
        const auto& redaction = std::get<Redaction>(decided.what);
        kept_ += redaction.why == Redaction::Why::kNoEcho ? "<" : "<~";
        kept_ += std::to_string(redaction.bytes_rounded) + ">";
      }
    }
    return *this;
  }

  SecretFilter filter_;
  BootTime now_{Micros(1'000'000)}, last_{};
  std::string kept_;
};

constexpr Micros kLong{3'000'000};

// ── Line by line

TEST(SecretFilter, counts_what_a_hidden_line_took) {
  EXPECT_EQ(Story().shows("Password: ").types("hunter2\r", InputMode::kHidden).kept(), "<16>");
  Story slow;
  for (const char key : std::string("correct horse battery\r")) {
    slow.types({&key, 1}, InputMode::kHidden).passes(Micros(200'000));
  }
  EXPECT_EQ(slow.kept(), "<32>");
  EXPECT_EQ(Story().types("one\rtwo\r\003", InputMode::kHidden).kept(), "<16><16><16>");
  EXPECT_EQ(Story().types("sixteen bytes..\r", InputMode::kHidden).kept(), "<16>");
}

TEST(SecretFilter, tells_of_a_hidden_line_that_is_left_unfinished) {
  Story story;
  story.types("abc", InputMode::kHidden);
  EXPECT_EQ(story.kept(), "");
  story.passes(Micros(10'000'000));
  EXPECT_EQ(story.kept(), "<16>");
  EXPECT_EQ(story.types("abc", InputMode::kHidden).ends().kept(), "<16><16>");
}

TEST(SecretFilter, keeps_what_the_kernel_echoed) {
  Story story;
  story.types("l", InputMode::kEchoed);
  EXPECT_EQ(story.kept(), "");  // not before it is proved
  story.shows("l");
  EXPECT_EQ(story.kept(), "l");
  story.types("s -l\r", InputMode::kEchoed).shows("s -l\r\ntotal 0\r\n");
  EXPECT_EQ(story.kept(), "ls -l\r");
}

TEST(SecretFilter, keeps_control_keys_at_once) {
  EXPECT_EQ(Story().types("\004", InputMode::kEchoed).kept(), "\004");
  EXPECT_EQ(Story().types("\003\032\t", InputMode::kEchoed).kept(), "\003\032\t");
}

TEST(SecretFilter, keeps_a_large_paste_that_is_echoed_in_pieces) {
  std::string paste;
  for (int line = 0; line < 100; ++line) paste += "line " + std::to_string(line) + " of many\r";
  Story story;
  story.types(paste, InputMode::kEchoed);
  std::string echo;
  for (const char c : paste) echo += c == '\r' ? "\r\n" : std::string(1, c);
  for (size_t at = 0; at < echo.size(); at += 7) story.shows(echo.substr(at, 7));
  EXPECT_EQ(story.kept(), paste);
}

TEST(SecretFilter, closes_the_race_between_the_look_and_the_reading) {
  // The mode said "echo" before and after; the program switched it off in between, and on again.
  EXPECT_EQ(
      Story().types("hunter2\r", InputMode::kEchoed).shows("Password: \r\n").passes(kLong).kept(),
      "<16>\r");
  // Seen after the write.
  EXPECT_EQ(
      Story().types_while_it_turns("hunter2", InputMode::kEchoed, InputMode::kHidden).ends().kept(),
      "<16>");
  // Half of it was echoed: only that half is known to have been shown.
  EXPECT_EQ(Story()
                .types("abc", InputMode::kEchoed)
                .shows("abc")
                .types("def", InputMode::kEchoed)
                .passes(kLong)
                .kept(),
            "abc");
  // An echo of earlier, equal text is no echo of this.
  EXPECT_EQ(Story()
                .types("pw", InputMode::kEchoed)
                .shows("pw")
                .types("pw", InputMode::kEchoed)
                .passes(kLong)
                .ends()
                .kept(),
            "pw<16>");
}

TEST(SecretFilter, keeps_later_echoes_apart_from_an_earlier_secret) {
  Story story;
  story.types("hunter2", InputMode::kEchoed).types("\r", InputMode::kEchoed);
  story.types("ls", InputMode::kEchoed).shows("\r\nls").passes(kLong);
  EXPECT_EQ(story.kept(), "<16>\rls");
}

// ── Policies

TEST(SecretFilter, keeps_raw_keys_but_no_hidden_line_under_all) {
  Story story(InputPolicy::kAll);
  story.shows("Password: ").types("raw\r");
  EXPECT_EQ(story.kept(), "raw\r");
  EXPECT_EQ(story.types("hidden\r", InputMode::kHidden).kept(), "raw\r<16>");
  EXPECT_EQ(story.types("raced\r", InputMode::kEchoed).passes(kLong).kept(), "raw\r<16><16>\r");
}

TEST(SecretFilter, keeps_nothing_under_none) {
  Story story(InputPolicy::kNone);
  story.types("a\r").types("b\r", InputMode::kHidden).types("c\r", InputMode::kEchoed).shows("c");
  EXPECT_EQ(story.ends().kept(), "");
}

// ── Raw mode: secrets

TEST(SecretFilter, redacts_a_silent_line_after_a_prompt) {
  // sudo on the far side of ssh: here it is raw all along.
  Story story;
  story.shows("ada@far:~$ ").types_answered("sudo ls\r");
  story.shows("\r\n[sudo] password for ada: ").types_answered("hunter2\r", "");
  story.shows("\r\nfile\r\nada@far:~$ ").types_answered("ls\r").passes(kLong);
  EXPECT_EQ(story.kept(), "sudo ls\r<~16>ls\r");
}

TEST(SecretFilter, redacts_a_slow_typists_secret) {
  Story story;
  story.shows("Passphrase: ");
  for (const char key : std::string("open sesame")) story.types({&key, 1}).passes(kLong);
  EXPECT_EQ(story.types("\r").kept(), "<~16>");
}

TEST(SecretFilter, redacts_a_masked_line) {
  EXPECT_EQ(Story()
                .shows("[sudo] password for ada: ")
                .types_answered("hunter2", "*")
                .types("\r")
                .shows("\r\n")
                .passes(kLong)
                .kept(),
            "<~16>");
  EXPECT_EQ(Story()
                .shows("PIN: ")
                .types_answered("1234", "\342\200\242")
                .types("\r")
                .passes(kLong)
                .kept(),
            "<~16>");
  // A secret that contains the mask.
  EXPECT_EQ(
      Story().shows("Password: ").types_answered("****a*x", "*").types("\r").passes(kLong).kept(),
      "<~16>");
  EXPECT_EQ(Story().shows("Password: ").types_answered("xyz", "x").types("\r").passes(kLong).kept(),
            "<~16>");
  // Mistyped and erased.
  EXPECT_EQ(Story()
                .shows("Password: ")
                .types_answered("hux", "*")
                .types("\177")
                .shows("\b \b")
                .types_answered("nter2", "*")
                .types("\r")
                .passes(kLong)
                .kept(),
            "<~16>");
}

TEST(SecretFilter, redacts_in_tmux_whose_status_line_moves_the_cursor) {
  const std::string status =
      "\033[?25l\033[24;1H\033[30m\033[42m[0] 0:sudo*      \"host\" 10:20 23-Nov-26\033[K\033[m"
      "\033[2;27H\033[?12l\033[?25h";
  Story story;
  story.shows("\033[?1049h\033[H\033[2J\033[1;23r\033[1;1Hada@host:~$ ")
      .types_answered("sudo ls\r");
  story.shows("\r\n[sudo] password for ada: ").shows(status);
  story.types_answered("hun", "").shows(status).types_answered("ter", "").shows(
      status.substr(0, 30));
  story.types_answered("2", "").shows(status.substr(30)).types_answered("\r", "").passes(kLong);
  EXPECT_EQ(story.kept(), "sudo ls\r<~16>");

  // pwfeedback there, and the whole window drawn anew between two keys.
  Story masked;
  masked.shows("\033[?1049h\033[H\033[2J[sudo] password for ada: ").types_answered("hun", "*");
  masked.shows("\033[H\033[2J$ sudo ls\r\n[sudo] password for ada: ***")
      .types_answered("ter2", "*");
  masked.types("\r").passes(kLong);
  EXPECT_EQ(masked.kept(), "<~16>");
}

TEST(SecretFilter, redacts_what_is_typed_ahead_of_a_far_prompt) {
  Story story;
  story.shows("ada@far:~$ ").types_answered("sudo ls").types("\r");
  story.types("hun").shows("\r\n").types("te").shows("[sudo] password for ada: ").types("r2\r");
  EXPECT_EQ(story.shows("\r\n").passes(kLong).kept(), "sudo ls\r<~16>");

  // All of it, Enter included.
  Story whole;
  whole.shows("ada@far:~$ ").types_answered("sudo ls").types("\r").types("hunter2\r");
  whole.shows("\r\n").shows("[sudo] password for ada: ").shows("\r\n").passes(kLong);
  EXPECT_EQ(whole.kept(), "sudo ls\r<~16>");
}

TEST(SecretFilter, redacts_in_a_dialog_box) {
  Story story;
  story.shows(
      "\033[2J\033[8;20H\033(0lqqqqqqqqqqqqqqk\033[9;20Hx\033(B Password:    \033(0x"
      "\033[10;20Hx\033(B              \033(0x\033(B\033[10;22H");
  story.types_answered("hunter2\r", "").passes(kLong);
  EXPECT_EQ(story.kept(), "<~16>");
}

TEST(SecretFilter, redacts_after_a_question_in_a_language_it_does_not_know) {
  EXPECT_EQ(Story().shows("Kalmsanaq: ").types_answered("hunter2\r", "").passes(kLong).kept(),
            "<~16>");
}

TEST(SecretFilter, redacts_an_unfinished_secret_when_all_ends) {
  EXPECT_EQ(Story().shows("Password: ").types_answered("hunt", "").ends().kept(), "<~16>");
  // The prompt gave up; what was typed is no less secret.
  EXPECT_EQ(Story()
                .shows("Password: ")
                .types_answered("hunt", "")
                .shows("\r\nTimed out.\r\n$ ")
                .passes(kLong)
                .types_answered("ls\r")
                .passes(kLong)
                .ends()
                .kept(),
            "<~16>ls\r");
}

TEST(SecretFilter, is_not_fooled_by_other_output_at_a_strong_prompt) {
  // A background job talks over the prompt, a key's own letter included.
  Story story;
  story.shows("Password: ")
      .types("h")
      .shows("h[1]+  Done   make\r\n")
      .types_answered("unter2\r", "");
  EXPECT_EQ(story.passes(kLong).kept().find("unter2"), std::string::npos);
}

// ── Raw mode: what must be kept

TEST(SecretFilter, keeps_a_line_typed_ahead_that_speaks_of_passwords) {
  Story story;
  story.shows("# ").types("cat <<end\rmy password is hard\rend\r");
  story.shows("cat <<end\r\n").shows("> my password is hard\r\n> end\r\nmy password is hard\r\n# ");
  EXPECT_EQ(story.passes(kLong).kept(), "cat <<end\rmy password is hard\rend\r");
}

TEST(SecretFilter, keeps_what_is_typed_into_an_editor_that_has_not_drawn_yet) {
  Story story;
  story.shows("\x1b[?1049h").types("ihello vim\rthe token is abc\x1b:wq\r");
  for (const char* part : {"\x1b[2J\x1b[H", "hello vim\r\n", "the token", " is abc"})
    story.shows(part);
  EXPECT_EQ(story.passes(kLong).kept(), "ihello vim\rthe token is abc\x1b:wq\r");
}

TEST(SecretFilter, keeps_a_command_typed_ahead_that_asks_for_a_secret_once_it_was_echoed) {
  for (const char* command : {"sudo id", "echo \u4f60\u597d"}) {
    Story story;
    story.shows("\x1b[2J\x1b[2;1H").types(std::string(command) + "\r").shows("\x1b[1;1H$ ");
    story.shows(std::string(command) + "\r\n").shows("[sudo] password for ada: ");
    story.types("hunter2\r").shows("\r\nroot\r\n").passes(kLong);
    EXPECT_EQ(story.kept(), std::string(command) + "\r<~16>");
  }
}

TEST(SecretFilter, hides_a_secret_typed_ahead_that_begins_as_its_prompt_ends) {
  for (const char* secret : {"word1\r", ": x\r", "Password\r", "password: \r"}) {
    Story story;
    story.shows("$ ").types("ssh host\r").shows("ssh host\r\n").types(secret);
    story.shows("ada's Passwor").shows("d: ").shows("\r\nwelcome\r\n");
    EXPECT_EQ(story.passes(kLong).kept(), "ssh host\r<~16>") << secret;
  }
}

TEST(SecretFilter, keeps_keys_of_an_editor_on_a_line_that_speaks_of_secrets) {
  Story story;
  story.shows("\x1b[2J\x1b[1;1Hthe token is abc").types("\x1b").shows("\x1b[24;1H\x1b[K\x1b[1;16H");
  story.types(":wq\r").shows("\x1b[24;1H:wq\r\x1b[Ksaved").passes(kLong);
  EXPECT_EQ(story.kept(), "\x1b:wq\r");
}

TEST(SecretFilter, keeps_a_search_that_less_shows_and_wipes_in_one_write) {
  Story story;
  story.shows("line 1\r\n:").types("?line 100\r");
  story.shows(
      "\r\x1b[K?\x1b[Kl\x08l\x1b[Ki\x08i\x1b[Kn\x08n\x1b[Ke\x08e\r\x1b[K\x1b[1;1Hline 100\r\n:");
  EXPECT_EQ(story.passes(kLong).kept(), "?line 100\r");
}

TEST(SecretFilter, keeps_commands_typed_while_an_earlier_line_is_still_in_doubt) {
  Story story;
  story.shows("\x1b[?2004h").types("PS1='> '\r").shows("bash# ").shows("PS1='> '\r\n").shows("> ");
  story.types("cat\r").shows("cat\r\n").passes(kLong);
  EXPECT_EQ(story.kept(), "PS1='> '\rcat\r");
}

TEST(SecretFilter, keeps_a_shells_lines) {
  Story story;
  story.shows("$ ")
      .types_answered("echo hi\r")
      .shows("\nhi\r\n$ ")
      .types("\033[A")
      .shows("echo hi");
  story.types("\r").shows("\r\nhi\r\n$ ").passes(kLong);
  EXPECT_EQ(story.kept(), "echo hi\r\033[A\r");
}

TEST(SecretFilter, keeps_lines_that_echo_at_a_question) {
  Story story;
  story.shows("router> ");
  story.types("s");
  EXPECT_EQ(story.kept(), "");
  story.shows("s");
  EXPECT_EQ(story.kept(), "s");
  story.types_answered("how version").types("\r").shows("\r\n1.0\r\nrouter> ");
  EXPECT_EQ(story.kept(), "show version\r");
  // Even where the question names a secret, if what is typed shows.
  story.shows("\r\nVerification code: ").types_answered("123456").types("\r");
  EXPECT_EQ(story.kept(), "show version\r123456\r");
}

TEST(SecretFilter, keeps_a_line_whose_echo_comes_late) {
  Story story;
  story.shows("switch> ").types("show run\r").passes(Micros(700'000));
  EXPECT_EQ(story.kept(), "");
  story.shows("show run\r\nBuilding configuration...\r\n");
  EXPECT_EQ(story.kept(), "show run\r");

  Story ahead;  // typed while a command runs on the far side, echoed by its kernel
  ahead.shows("ada@far:~$ ").types_answered("sleep 5").types("\r").types("ls\r");
  ahead.shows("\r\n").shows("ls\r\n").passes(kLong);
  EXPECT_EQ(ahead.kept(), "sleep 5\rls\r");
}

TEST(SecretFilter, keeps_keys_that_edit_an_old_line_on_a_slow_connection) {
  Story story;
  story.shows("ready> ").types("\033[A\177o\r").shows("echo one\b\033[Ko\r\nono\r\nready> ");
  EXPECT_EQ(story.kept(), "\033[A\177o\r");
}

TEST(SecretFilter, keeps_a_long_paste_at_a_question) {
  const std::string paste(300, 'p');
  Story story;
  story.shows("python> ").types("\033[200~" + paste + "\033[201~");
  story.shows("\033[7m" + paste + "\033[27m");
  EXPECT_EQ(story.kept(), "\033[200~" + paste + "\033[201~");
}

TEST(SecretFilter, keeps_the_keys_of_a_pager_at_its_colon) {
  Story story;
  story.shows("\033[?1049h\033[H\033[2Jone\r\ntwo\r\n:\033[K");
  story.types("j").shows("\r\033[Kthree\r\n:\033[K").passes(Micros(300'000));
  story.types("j").shows("\r\033[Kfour\r\n:\033[K").passes(Micros(300'000));
  story.types(" ").shows("\007").passes(Micros(300'000));
  story.types("/")
      .shows("\r\033[K/")
      .types_answered("tw")
      .types("\r")
      .shows("\r\033[Ktwo\r\n:\033[K");
  story.types("q").shows("\r\033[K\033[?1049l").passes(kLong);
  EXPECT_EQ(story.ends().kept(), "jj /tw\rq");
}

TEST(SecretFilter, keeps_the_keys_of_an_editor) {
  Story story;
  story.shows("\033[?1049h\033[H\033[2Jname: value\r\nother: thing\033[1;1H");
  story.types("j").shows("\033[2;1H").types("w").shows("\033[2;6H").types("w").shows("\033[2;8H");
  story.types("x").shows("hing\033[K\033[2;8H").types("i").shows("\033[24;1H-- INSERT --\033[2;8H");
  story.types_answered("abc").types("\033").shows("\033[24;1H\033[K\033[2;10H");
  story.types(":").shows("\033[24;1H:").types_answered("wq").types("\r").shows("\r\033[?1049l");
  EXPECT_EQ(story.passes(kLong).ends().kept(), "jwwxiabc\033:wq\r");
}

TEST(SecretFilter, keeps_a_key_that_nothing_asked_for_and_nothing_answers) {
  EXPECT_EQ(Story().shows("\033[2J\033[H").types("q").passes(kLong).kept(), "q");
}

}  // namespace
}  // namespace stele::capture
