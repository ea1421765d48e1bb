"""Passwords typed into real programs are nowhere in the record; what is typed into vim, less and a shell is."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

from harness import LedgerTest, main

USER = "stele-e2e"
SECRET = "Xk7-tortoise+Pq"


@LedgerTest.needs_root("makes a user who has a password")
class Secrets(LedgerTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.remove_user()
        subprocess.run(["useradd", "-m", "-s", "/bin/bash", USER], check=True, capture_output=True)
        cls.addClassCleanup(cls.remove_user)
        cls.set_password(SECRET)
        cls.sudoers = pathlib.Path("/etc/sudoers.d") / USER
        cls.addClassCleanup(cls.sudoers.unlink, missing_ok=True)

    @staticmethod
    def remove_user():
        subprocess.run(["pkill", "-KILL", "-u", USER], capture_output=True)
        subprocess.run(["userdel", "-r", "-f", USER], capture_output=True)

    @classmethod
    def set_password(cls, password):
        subprocess.run(["chpasswd"], input=f"{USER}:{password}".encode(), check=True)

    def allow_sudo(self, *defaults):
        text = f"{USER} ALL=(ALL) ALL\n" + "".join(f"Defaults:{USER} {d}\n" for d in ("!lecture", "timestamp_timeout=0", *defaults))
        self.sudoers.write_text(text)
        self.sudoers.chmod(0o440)
        subprocess.run(["visudo", "-cqf", self.sudoers], check=True)

    def shell(self, *command, options=()):
        """A recorded shell, or command, of root; `su` inside makes it the user's."""
        return self.recording(*options, "--", *(command or ("bash", "--norc", "--noprofile", "-i")))

    def become_user(self, terminal):
        at = terminal.expect("# ")
        terminal.type(f"exec su - {USER}\r")
        return terminal.expect("$ ", at)

    def record_of(self, terminal):
        """Everything the record holds: all lanes, decrypted, and the redactions."""
        terminal.wait()
        session = self.ledger.sessions()[-1]["id"]
        self.assertEqual(self.ledger.verify()[0], 0)
        return self.ledger.export(session, "json"), self.ledger.events(session)

    def typed(self, events):
        return "".join(e["text"] for e in events if e["type"] == "input")

    def assert_kept_out(self, terminal, *secrets, why=("no-echo",), count=1):
        text, events = self.record_of(terminal)
        for secret in secrets:
            self.assertNotIn(secret.encode(), text)
            self.assertNotIn(secret, self.typed(events))
            for piece in (secret[:6], secret[-6:]):
                self.assertNotIn(piece, self.typed(events))
        redactions = [e for e in events if e["type"] == "redaction"]
        self.assertGreaterEqual(len(redactions), count, events)
        for r in redactions:
            self.assertIn(r["why"], why, redactions)
            self.assertEqual(r["bytes_rounded"] % 16, 0)
            self.assertGreater(r["bytes_rounded"], 0)
        return events

    # Line by line, hidden

    def test_read_s(self):
        for options in ((), ("--input", "all")):
            with self.subTest(options=options):
                t = self.shell("bash", "-c", "read -rsp 'Secret: ' s; echo; echo got ${#s}", options=options)
                t.expect("Secret: ")
                t.type(SECRET + "\r")
                t.expect(f"got {len(SECRET)}")
                self.assert_kept_out(t, SECRET)

    def test_getpass(self):
        t = self.shell("/usr/bin/python3", "-c", "import getpass; print('got', len(getpass.getpass()))")
        t.expect("Password: ")
        t.type(SECRET + "\r")
        t.expect(f"got {len(SECRET)}")
        self.assert_kept_out(t, SECRET)

    def test_sudo(self):
        self.allow_sudo()
        t = self.shell()
        at = self.become_user(t)
        t.type("sudo id -un\r")
        at = t.expect("password for", at)
        t.type("not the one\r")
        at = t.expect("try again", at)
        at = t.expect("password for", at)
        t.type(SECRET + "\r")
        t.expect("root\r\n", at)
        t.type("exit\r")
        events = self.assert_kept_out(t, SECRET, "not the one", count=2)
        self.assertIn("sudo id -un\r", self.typed(events))

    def test_sudo_with_pwfeedback(self):
        self.allow_sudo("pwfeedback")
        t = self.shell()
        at = self.become_user(t)
        t.type("sudo id -un\r")
        at = t.expect("password for", at)
        for key in SECRET:  # by hand: each key answered by a star
            t.type(key)
            at = t.expect("*", at)
        t.type("\r")
        t.expect("root\r\n", at)
        t.type("exit\r")
        self.assert_kept_out(t, SECRET, why=("no-echo", "heuristic"))

    def test_passwd(self):
        self.addCleanup(self.set_password, SECRET)
        fresh = "Zz9-wombat+Vv4k"
        t = self.shell()
        at = self.become_user(t)
        t.type("passwd\r")
        for prompt, password in (("urrent password: ", SECRET), ("ew password: ", fresh), ("ew password: ", fresh)):
            at = t.expect(prompt, at)
            t.type(password + "\r")
        t.expect("updated successfully", at)
        t.type("exit\r")
        self.assert_kept_out(t, SECRET, fresh, count=3)

    # A password asked for on the far side

    def sshd(self):
        folder = self.make_folder()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        os.makedirs("/run/sshd", exist_ok=True)
        (folder / "config").write_text(f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/key\nPidFile none\nUsePAM yes\n"
                                       f"PasswordAuthentication yes\nKbdInteractiveAuthentication no\nPrintMotd no\nAllowUsers {USER}\n")
        daemon = subprocess.Popen([shutil.which("sshd", path="/usr/sbin:/usr/bin"), "-D", "-e", "-f", folder / "config"], stderr=subprocess.DEVNULL)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.kill)
        for _ in range(600):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        return ["ssh", "-p", str(port), "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={folder}/known", "-o", "LogLevel=ERROR",
                "-o", "PreferredAuthentications=password", f"{USER}@127.0.0.1"]

    def sudo_over_there(self, t, at=0):
        at = t.expect("password: ", at)
        t.type(SECRET + "\r")
        at = t.expect("$ ", at)
        t.type("PS1='over> '\r")
        at = t.expect("over> ", t.expect("\n", at))
        t.type("sudo id -un\r")
        at = t.expect("password for", at)
        t.expect(": ", at)
        t.type(SECRET + "\r")
        at = t.expect("root", at)
        t.expect("over> ", at)
        t.type("echo seen by''all\r")
        at = t.expect("seen byall", at)
        t.type("exit\r")

    def test_ssh_and_sudo_inside_it(self):
        self.allow_sudo()
        t = self.shell(*self.sshd())
        self.sudo_over_there(t)
        events = self.assert_kept_out(t, SECRET, why=("no-echo", "heuristic"), count=2)
        self.assertEqual({e["why"] for e in events if e["type"] == "redaction"}, {"no-echo", "heuristic"})
        self.assertIn("sudo id -un\r", self.typed(events))
        self.assertIn("echo seen by''all\r", self.typed(events))

    def test_all_of_it_inside_tmux(self):
        self.allow_sudo()
        server = f"stele-e2e-{os.getpid()}"
        self.addCleanup(subprocess.run, ["tmux", "-L", server, "kill-server"], capture_output=True)
        t = self.shell("tmux", "-L", server, "-f", "/dev/null", "new-session", *self.sshd())
        self.sudo_over_there(t)
        events = self.assert_kept_out(t, SECRET, why=("heuristic",), count=2)
        self.assertIn("sudo id -un\r", self.typed(events))

    # What must be kept

    def test_the_same_word_typed_for_all_to_see_is_in_the_record(self):
        t = self.shell()
        t.expect("# ")
        t.type(f"echo {SECRET}\r")
        t.expect(SECRET + "\r\n", t.expect(SECRET + "\r\n"))
        t.type("exit\r")
        text, events = self.record_of(t)
        self.assertIn(SECRET, self.typed(events))
        self.assertEqual([e for e in events if e["type"] == "redaction"], [])

    def test_vim_keeps_every_key(self):
        file = self.folder / "notes"
        t = self.shell("vim", "-u", "NONE", "-N", file)
        at = t.expect("notes")
        keys = "ihello vim\rthe token is abc\x1b"
        for key in keys:
            t.type(key)
        at = t.expect("abc", at)
        t.type("/token\r")
        t.type("yypkdd:%s/abc/def/\r:wq\r")
        events = self.record_of(t)[1]
        self.assertEqual(self.typed(events), keys + "/token\r" + "yypkdd:%s/abc/def/\r:wq\r")
        self.assertIn("the token is def", file.read_text())

    def test_less_keeps_every_key(self):
        file = self.folder / "log"
        file.write_text("".join(f"line {i} of the log\n" for i in range(500)))
        t = self.shell("less", file)
        at = t.expect("line 0")
        t.type("/line 250\r")
        at = t.expect("line 251", at)
        t.type("?line 100\r")
        at = t.expect("line 101", at)
        t.type("G")
        t.expect("line 499", at)
        t.type("q")
        self.assertEqual(self.typed(self.record_of(t)[1]), "/line 250\r?line 100\rGq")

    def test_readline_keeps_every_key(self):
        t = self.shell()
        at = t.expect("# ")
        t.type("echo one two three\r")
        at = t.expect("one two three\r\n", t.expect("one two three", at))
        t.type("\x12two")  # ^R: search the history
        at = t.expect("i-search", at)
        at = t.expect("two", at)
        t.type("\x05 four\r")
        at = t.expect("three four\r\n", at)
        t.type("cat <<end\rmy password is no secret here\rend\r")
        at = t.expect("no secret here\r\n", t.expect("no secret here\r\n", at))
        t.type("exit\r")
        events = self.record_of(t)[1]
        self.assertEqual(self.typed(events),
                         "echo one two three\r\x12two\x05 four\rcat <<end\rmy password is no secret here\rend\rexit\r")

    def test_input_none_keeps_no_key_at_all(self):
        t = self.recording("--input", "none", "--", "cat")
        t.type("visible\r")
        t.expect("visible\r\n", t.expect("visible\r\n"))
        t.type("\x04")
        events = self.record_of(t)[1]
        self.assertEqual([e for e in events if e["lane"] == "input"], [])


if __name__ == "__main__":
    main()
