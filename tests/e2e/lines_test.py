"""The lines that a person submits, read off the screen of real shells and programs; and where policy has them."""
import shutil
import unittest

from fleet import FleetServer, Host
from harness import STELE, LedgerTest, main
from recorded import READLINE_SHELL, SessionTest
from tmux import Tmux


class Shells(SessionTest):
    def lines(self):
        return [(e["prompt"], e["text"]) for e in self.events("line")]

    def shell(self, *command, prompt):
        """Somebody in a shell; what says `text` and waits for the next prompt."""
        person = self.recording("--", *command)
        place = [person.expect(prompt)]

        def say(*keys, shows=(), until=prompt):
            for each in keys:
                person.type(each)
            for text in shows:
                place[0] = person.expect(text, place[0])
            person.type("\r")
            place[0] = person.expect(until, place[0])

        return person, say

    def leave(self, person):
        person.type("exit 0\r")
        self.assertEqual(person.wait(), 0)
        self.assert_closed()

    def test_bash(self):
        (self.folder / "a-file-with-a-long-name").write_text("inside\n")
        person, say = self.shell(*READLINE_SHELL, prompt="ready$ ")
        say(f"cd {self.folder}")
        say("export A=one", shows=["one"])
        say("cat a-fi\t", shows=["long-name"])
        say("\x1b[A", shows=["long-name"])
        say("echo wrogn\x7f\x7fng", shows=["ng"])
        say("word\x01echo \x05 end", shows=["end"])
        say("echo " + 40 * "wrapped ", shows=["wrapped " * 2])
        say("for i in 1 2; do", until="> ")
        say("kill -0 $$; done")
        at = len(person.shown)
        person.type("never submitted\x03")
        person.expect("ready$ ", at)
        self.leave(person)
        texts = [text for _, text in self.lines()]
        self.assertEqual(texts, [f"cd {self.folder}", "export A=one", "cat a-file-with-a-long-name", "cat a-file-with-a-long-name",
                                 "echo wrong", "echo word end", ("echo " + 40 * "wrapped ").strip(), "for i in 1 2; do",
                                 "kill -0 $$; done", "exit 0"])
        self.assertEqual({prompt for prompt, _ in self.lines()}, {"ready$", ">"})

    def test_a_shell_that_leaves_the_line_to_the_terminal(self):
        person, say = self.shell("env", "PS1=ready$ ", "dash", prompt="ready$ ")
        say("cd /tmp")
        person.type("sleep 0.3\recho ahe''ad\r")
        person.expect("ahead")
        self.leave(person)
        self.assertEqual([text for _, text in self.lines()][:3], ["cd /tmp", "sleep 0.3", "echo ahe''ad"])

    @unittest.skipUnless(shutil.which("vim"), "needs vim")
    def test_an_editor_and_a_pager(self):
        (self.folder / "text").write_text("first line\nsecond line\n" * 100)
        person, say = self.shell(*READLINE_SHELL, prompt="ready$ ")
        say(f"vim -u NONE -N -n -i NONE {self.folder}/text", until="first line")
        at = len(person.shown)
        person.type("jjddk\r:quit!")
        person.expect(":quit!", at)
        person.type("\r")
        person.expect("ready$ ", at)
        say(f"less {self.folder}/text", until="first line")
        at = len(person.shown)
        person.type("/second")
        person.expect("d\x08d", at)  # as less echoes the last of it
        person.type("\r")
        person.type("q")
        person.expect("ready$ ", at)
        self.leave(person)
        texts = [text for _, text in self.lines()]
        self.assertIn(":quit!", texts)
        self.assertIn("/second", texts)
        self.assertEqual(len(texts), 5, texts)

    def test_no_secret(self):
        person, say = self.shell(*READLINE_SHELL, prompt="ready$ ")
        say('p=Pass; read -s -p "${p}word: " x; echo; echo g""ot', until="Password: ")
        person.type("hunter2\r")
        person.expect("got\r\n")
        self.leave(person)
        self.assertEqual(len(self.lines()), 2)
        self.assertNotIn("hunter2", str(self.lines()))

    @unittest.skipUnless(shutil.which("tmux"), "needs tmux")
    def test_in_a_tmux_that_is_recorded(self):
        (self.folder / "configuration").write_text("")
        inner = ["tmux", "-u", "-L", "inner", "-f", self.folder / "configuration", "new-session", "env", "PS1=inner$ ", *READLINE_SHELL[2:]]
        person = Tmux(self, [STELE, "record", "--", "env", "-u", "TMUX", f"TMUX_TMPDIR={self.folder}", *inner], env=self.ledger.environment)
        person.until_shown("inner$")
        person.keys("cd /tm", "Tab")
        person.until_shown("cd /tmp/")
        person.keys("Enter")
        person.keys("export B=tw", "o", "Enter")
        person.until_shown("export B=two")
        person.keys("exit", "Enter")
        self.wait_until_sealed()
        self.assertEqual([text for _, text in self.lines()], ["cd /tmp/", "export B=two", "exit"])


class Fleet(LedgerTest):
    def setUp(self):
        self.folder = self.make_folder()
        self.server = FleetServer(self.folder)
        self.ledger = self.server.ledger
        self.addCleanup(self.server.stop)

    def session(self, rule):
        origin = (self.ledger.path / "log.vkey").read_text().split("+")[0]
        draft, policy = self.folder / "draft", self.folder / "policy"
        draft.write_text(f"stele-policy-v1\n{origin}\n1\n2026-11-28\nrule everybody\n{rule}")
        self.ledger.stele("policy", "sign", draft, "-o", policy)
        host = Host("web01", self.server, self.folder, policy=str(policy))
        self.addCleanup(host.stop)
        person = host.start().recording("--", *READLINE_SHELL)
        self.addCleanup(person.close)
        person.expect("ready$ ")
        person.type("cd /\r")
        person.expect("ready$ ", person.expect("cd /"))
        person.type("exit\r")
        self.assertEqual(person.wait(), 0)
        (session,) = self.server.arrived(1)
        events = self.ledger.events(session["id"])
        (terms,) = [e for e in events if e["type"] == "terms"]
        lines = [(e["lane"], e["text"]) for e in events if e["type"] == "line"]
        return terms["lines_in_facts"], lines, [e["type"] for e in events if e["lane"] == "input"]

    def test_are_read_by_who_may_read_the_input(self):
        lifted, lines, _ = self.session("  input redact\n")
        self.assertEqual((lifted, lines), (False, [("input", "cd /"), ("input", "exit")]))

    def test_are_facts_where_policy_says_so_even_without_input(self):
        lifted, lines, typed = self.session("  input none\n  lines facts\n")
        self.assertEqual((lifted, lines), (True, [("facts", "cd /"), ("facts", "exit")]))
        self.assertEqual(typed, [])

    def test_are_not_kept_where_no_input_is(self):
        lifted, lines, typed = self.session("  input none\n")
        self.assertEqual((lifted, lines, typed), (False, [], []))


if __name__ == "__main__":
    main()
