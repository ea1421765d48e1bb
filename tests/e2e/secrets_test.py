"""Passwords typed into real programs are nowhere in the record; what is typed into vim, less, tmux and a shell is."""
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import time

from harness import PATIENCE, LedgerTest, main

USER_PREFIX = "stele-e2e-"
USER = f"{USER_PREFIX}{os.getpid()}"
SUDOERS = pathlib.Path("/etc/sudoers.d") / USER
SECRET = "Xk7-" + secrets.token_urlsafe(8).replace("_", "+")  # with Enter: 16 bytes
FRESH = "Zz9-" + secrets.token_urlsafe(24).replace("_", "+")  # with Enter: more than 32
NO_ECHO, GUESSED = "no-echo", "heuristic"


def rounded(secret):
    """What a redaction says of a secret's length: with its Enter, up to the next 16."""
    return -(-len(secret + "\r") // 16) * 16


def typed(events):
    return "".join(e["text"] for e in events if e["type"] == "input")


def redactions(events):
    return [(e["why"], e["bytes_rounded"]) for e in events if e["type"] == "redaction"]


def remove_user(name):
    """With whatever still runs as that throw-away user, and the leave to use sudo."""
    (pathlib.Path("/etc/sudoers.d") / name).unlink(missing_ok=True)
    running = subprocess.run(["pgrep", "-u", name], capture_output=True, text=True).stdout.split()
    for pid in map(int, running):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    subprocess.run(["userdel", "-r", "-f", name], capture_output=True)


def remove_users_of_dead_tests():
    for line in pathlib.Path("/etc/passwd").read_text().splitlines():
        name = line.split(":")[0]
        if name.startswith(USER_PREFIX) and not os.path.exists(f"/proc/{name.removeprefix(USER_PREFIX)}"):
            remove_user(name)


def set_password(password):
    subprocess.run(["chpasswd"], input=f"{USER}:{password}".encode(), check=True)


def allow_sudo(*defaults):
    settings = ("!lecture", "timestamp_timeout=0", *defaults)
    draft = SUDOERS.with_name(SUDOERS.name + "~")  # sudo reads no file whose name ends in ~
    draft.write_text(f"{USER} ALL=(ALL) ALL\n" + "".join(f"Defaults:{USER} {setting}\n" for setting in settings))
    draft.chmod(0o440)
    subprocess.run(["visudo", "-cqf", draft], check=True)
    draft.rename(SUDOERS)


class SecretsTest(LedgerTest):
    """A user with a password, who may use sudo, and ways to become that user."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        remove_users_of_dead_tests()
        subprocess.run(["useradd", "-m", "-s", "/bin/bash", USER], check=True, capture_output=True)
        cls.addClassCleanup(remove_user, USER)
        set_password(SECRET)
        home = pathlib.Path(f"~{USER}").expanduser()
        (home / ".hushlogin").touch()
        (home / ".bash_profile").write_text("PS1='ready> '\n")

    def setUp(self):
        super().setUp()
        allow_sudo()
        self.addCleanup(set_password, SECRET)

    def sshd(self):
        """An ssh server of this test's own; the command that logs in there."""
        folder = self.make_folder()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        os.makedirs("/run/sshd", exist_ok=True)
        (folder / "config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/key\nPidFile none\nUsePAM yes\nPrintMotd no\n"
            f"PasswordAuthentication yes\nKbdInteractiveAuthentication no\nAllowUsers {USER}\n")
        program = shutil.which("sshd", path="/usr/sbin:/usr/bin")
        daemon = subprocess.Popen([program, "-D", "-e", "-f", folder / "config"], stderr=subprocess.DEVNULL)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.kill)
        self.wait_for_port(port)
        options = ("StrictHostKeyChecking=no", f"UserKnownHostsFile={folder}/known", "LogLevel=ERROR",
                   "PreferredAuthentications=password")
        return ["ssh", "-p", str(port), *(word for o in options for word in ("-o", o)), f"{USER}@127.0.0.1"]

    def wait_for_port(self, port):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)  # nothing tells when a port begins to listen
        self.fail("sshd does not listen")

    def in_tmux(self, *command):
        server = f"{USER}-{id(self)}"
        self.addCleanup(subprocess.run, ["tmux", "-L", server, "kill-server"], capture_output=True)
        return ["tmux", "-L", server, "-f", "/dev/null", "new-session", *command]

    def in_user_shell(self, *, options=(), tmux=False):
        """A recorded login shell of the user, and where its prompt ends."""
        command = ["su", "-", USER]
        terminal = self.recording(*options, "--", *(self.in_tmux(*command) if tmux else command))
        return terminal, terminal.expect("ready> ")

    def run_asking(self, terminal, at, command, answers, last):
        """Types a command and an answer at each of its prompts; waits for what it says last, and for the shell."""
        terminal.type(command + "\r")
        for prompt, answer in answers:
            at = terminal.expect(prompt, at)
            terminal.type(answer + "\r")
        at = terminal.expect(last, at)
        return terminal.expect("ready> ", at)

    def events_of(self, terminal):
        """Everything the record of the newest session holds, decrypted."""
        terminal.wait()
        session = self.ledger.sessions()[-1]["id"]
        self.assertEqual(self.ledger.verify()[0], 0)
        return self.ledger.events(session), self.ledger.export(session)

    def assert_kept_out(self, terminal, why, *answers):
        """No piece of a secret is in any lane; each left one redaction. Returns the events."""
        events, shown = self.events_of(terminal)
        lanes = {"input": typed(events).encode(), "output": shown, "all": repr(events).encode()}
        for secret in answers:
            for piece in (secret[i:i + 6].encode() for i in range(len(secret) - 5)):
                for lane, held in lanes.items():
                    self.assertNotIn(piece, held, f"{lane} lane")
        reasons = why if isinstance(why, list) else [why] * len(answers)
        expected = [(r, rounded(a)) for r, a in zip(reasons, answers, strict=True)]
        self.assertEqual(redactions(events), expected, [e for e in events if e["lane"] == "input"])
        return events


@LedgerTest.needs_root("makes a user who has a password")
class Secrets(SecretsTest):
    """What asks: with echo off and line by line, no policy keeps it; where it is raw (tmux, far sides, pwfeedback), the
    default policy does not."""

    WAYS = ((NO_ECHO, {}), (NO_ECHO, {"options": ("--input", "all")}), (GUESSED, {"tmux": True}))

    def check(self, command, answers, last, ways=WAYS):
        for why, how in ways:
            with self.subTest(command=command, **how):
                terminal, at = self.in_user_shell(**how)
                self.run_asking(terminal, at, command, answers, last)
                terminal.type("exit\r")
                events = self.assert_kept_out(terminal, why, *(answer for _, answer in answers))
                self.assertIn(command + "\r", typed(events))
                set_password(SECRET)

    def test_read_s(self):
        self.check("read -rsp 'Sec''ret: ' s; echo; echo got ${#s}", [("Secret: ", SECRET)], f"got {len(SECRET)}")

    def test_getpass(self):
        self.check("python3 -c 'import getpass; print(len(getpass.getpass()), 1)'", [("Password: ", FRESH)],
                   f"{len(FRESH)} 1")

    def test_sudo(self):
        self.check("sudo id -un", [(f"password for {USER}: ", SECRET)], "root")

    def test_sudo_after_a_wrong_password(self):
        prompt = f"password for {USER}: "
        self.check("sudo id -un", [(prompt, "not the one"), (prompt, SECRET)], "root", ways=self.WAYS[:1])

    def test_passwd(self):
        asked = (("urrent password: ", SECRET), ("New password: ", FRESH), ("ew password: ", FRESH))
        self.check("passwd", asked, "updated successfully")

    def test_sudo_with_pwfeedback(self):
        allow_sudo("pwfeedback")
        for how in ({}, {"tmux": True}):
            with self.subTest(**how):
                terminal, at = self.in_user_shell(**how)
                self.answer_by_hand(terminal, at)
                self.assert_kept_out(terminal, GUESSED, SECRET)

    def answer_by_hand(self, terminal, at):
        """Key by key, each answered by a star."""
        terminal.type("sudo id -un\r")
        at = terminal.expect(f"password for {USER}: ", at)
        for key in SECRET:
            terminal.type(key)
            at = terminal.expect("*", at)
        terminal.type("\r")
        at = terminal.expect("root", at)
        terminal.expect("ready> ", at)
        terminal.type("exit\r")

    def test_under_all_what_only_the_guess_would_keep_out_is_found(self):
        """The control: the same search, with the filter out of the way, does find the secret."""
        allow_sudo("pwfeedback")
        terminal, at = self.in_user_shell(options=("--input", "all"))
        self.answer_by_hand(terminal, at)
        events, _ = self.events_of(terminal)
        self.assertIn(SECRET + "\r", typed(events))
        self.assertEqual(redactions(events), [])
        with self.assertRaises(AssertionError):
            self.assert_kept_out(terminal, [], SECRET)

    def test_the_same_word_typed_for_all_to_see_is_in_the_record(self):
        for tmux in (False, True):
            with self.subTest(tmux=tmux):
                terminal, at = self.in_user_shell(tmux=tmux)
                self.run_asking(terminal, at, f"echo {SECRET} | wc -c", [], str(len(SECRET) + 1))
                terminal.type("exit\r")
                events, shown = self.events_of(terminal)
                self.assertEqual(typed(events), f"echo {SECRET} | wc -c\rexit\r")
                self.assertIn(SECRET.encode(), shown)
                self.assertEqual(redactions(events), [])

    # A password asked for on the far side

    def over_there(self, command, options=()):
        terminal = self.recording(*options, "--", *command)
        at = terminal.expect("password: ")
        terminal.type(SECRET + "\r")
        at = terminal.expect("ready> ", at)
        at = self.run_asking(terminal, at, "sudo id -un", [(f"password for {USER}: ", SECRET)], "root")
        self.run_asking(terminal, at, "echo seen by''all", [], "seen byall")
        terminal.type("exit\r")
        return terminal

    def test_ssh_and_sudo_inside_it(self):
        terminal = self.over_there(self.sshd())
        events = self.assert_kept_out(terminal, [NO_ECHO, GUESSED], SECRET, SECRET)
        self.assertEqual(typed(events), "sudo id -un\recho seen by''all\rexit\r")

    def test_ssh_and_sudo_inside_it_all_inside_tmux(self):
        terminal = self.over_there(self.in_tmux(*self.sshd()))
        events = self.assert_kept_out(terminal, GUESSED, SECRET, SECRET)
        self.assertEqual(typed(events), "sudo id -un\recho seen by''all\rexit\r")

    def test_the_password_of_ssh_is_never_kept_and_a_far_one_is_under_all(self):
        terminal = self.over_there(self.sshd(), options=("--input", "all"))
        events, _ = self.events_of(terminal)
        self.assertEqual(typed(events), f"sudo id -un\r{SECRET}\recho seen by''all\rexit\r")
        self.assertEqual(redactions(events), [(NO_ECHO, rounded(SECRET))])


class Typed(LedgerTest):
    """What must be kept, byte for byte, under the default policy."""

    def assert_kept(self, terminal, text):
        terminal.wait()
        events = self.ledger.events(self.ledger.sessions()[-1]["id"])
        self.assertEqual((typed(events), redactions(events)), (text, []))

    def shell(self):
        """Bash at its prompt, and where that ends."""
        environment = {**self.ledger.environment, "PS1": "ready> "}
        terminal = self.recording("--", "bash", "--norc", "--noprofile", "-i", env=environment)
        return terminal, terminal.expect("ready> ")

    def type_seen(self, terminal, keys, at):
        """As a person does: each key once the one before is seen."""
        for key in keys:
            terminal.type(key)
            at = terminal.expect(key, at)
        return at

    def test_into_vim(self):
        file = self.folder / "notes"
        t = self.recording("--", "vim", "-u", "NONE", "-i", "NONE", "-n", "-N", file)
        at = t.expect("\x1b[?25h", t.expect("~"))  # drawn whole
        t.type("i")
        at = t.expect("-- INSERT --", at)
        at = self.type_seen(t, "password:", at)
        at = self.type_seen(t, "hunter2", at)
        t.type("\rthe token is abc\x1b")
        at = t.expect("abc", at)
        t.type("/token\ryypkdd:%s/abc/def/\r:wq\r")
        self.assert_kept(t, "ipassword:hunter2\rthe token is abc\x1b/token\ryypkdd:%s/abc/def/\r:wq\r")
        self.assertEqual(file.read_text(), "password:hunter2\nthe token is def\n")

    def test_into_vim_before_it_has_drawn(self):
        file = self.folder / "notes"
        t = self.recording("--", "vim", "-u", "NONE", "-i", "NONE", "-n", "-N", file)
        t.expect("notes")
        keys = "ihello vim\rthe token is abc\x1b:wq\r"
        for key in keys:
            t.type(key)
        self.assert_kept(t, keys)

    def test_into_less(self):
        file = self.folder / "log"
        file.write_text("".join(f"line {i} of the log\n" for i in range(500)))
        t = self.recording("--", "less", file)
        at = t.expect("line 0")
        t.type("/line 250\r")
        at = t.expect("line 251", at)
        t.type("?line 100\r")
        at = t.expect("line 101", at)
        t.type(":n")
        at = t.expect("No next file", at)
        t.type("\r")
        t.type("G")
        t.expect("line 499", at)
        t.type("q")
        self.assert_kept(t, "/line 250\r?line 100\r:n\rGq")

    def test_into_readline(self):
        t, at = self.shell()
        t.type("echo one two three\r")
        at = t.expect("ready> ", at)
        t.type("\x12two")  # ^R: search the history
        at = t.expect("two", t.expect("i-search", at))
        t.type("\x05 four\r")
        at = t.expect("ready> ", t.expect("three four\r\n", at))
        at = self.type_seen(t, "read -p 'Name? ' name", at)
        t.type("\r")
        at = t.expect("Name? ", at)
        t.type("Ada\r")
        at = t.expect("ready> ", at)
        t.type("cat <<end\rmy password is no secret here\rend\r")
        t.expect("ready> ", t.expect("no secret here\r\n", t.expect("no secret here\r\n", at)))
        t.type("exit\r")
        self.assert_kept(t, "echo one two three\r\x12two\x05 four\rread -p 'Name? ' name\rAda\r"
                            "cat <<end\rmy password is no secret here\rend\rexit\r")

    def test_at_the_prompts_of_tmux(self):
        server = f"stele-typed-{os.getpid()}"
        self.addCleanup(subprocess.run, ["tmux", "-L", server, "kill-server"], capture_output=True)
        settings = self.folder / "tmux.conf"
        settings.write_text("set -g assume-paste-time 0\n")
        t = self.recording("--", "tmux", "-L", server, "-f", settings, "new-session", "-n", "bronze", "cat")
        at = t.expect("0:bronze*")
        t.type("hello\r")
        at = t.expect("hello", t.expect("hello", at))
        t.type("\x02:")
        at = t.expect("[24d:", at)
        t.type("rename-window gold\r")
        at = t.expect("0:gold*", at)
        t.type("\x02,")
        at = t.expect("(rename-window) gold", at)
        t.type("\x15silver\r")
        at = t.expect("0:silver*", at)
        t.type("\x04")
        self.assert_kept(t, "hello\r\x02:rename-window gold\r\x02,\x15silver\r\x04")

    def test_none_keeps_no_key_at_all(self):
        t = self.recording("--input", "none", "--", "cat")
        t.type("visible\r")
        t.expect("visible\r\n", t.expect("visible\r\n"))
        t.type("\x04")
        t.wait()
        events = self.ledger.events(self.ledger.sessions()[-1]["id"])
        self.assertEqual([e for e in events if e["lane"] == "input"], [])


if __name__ == "__main__":
    main()
