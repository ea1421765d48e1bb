"""sudo: the distribution's, with stele's plugin, on a machine of its own."""
import base64
import os
import pathlib
import signal
import subprocess
import unittest

from fleet import ENVIRONMENT, PROGRAMS, FleetServer, Host, Machine, can_have_machines, wait_until
from harness import LedgerTest, Terminal, main

PLUGIN = "/usr/local/lib/stele/stele_sudo.so"
CONF = "/etc/sudo.conf"
SUDOERS = """
Defaults !lecture, !fqdn, !insults, passwd_tries=2
Defaults:bob pwfeedback
Defaults!/usr/bin/env log_subcmds, intercept_type=trace
root ALL=(ALL:ALL) ALL
jane ALL=(ALL:ALL) NOPASSWD: ALL, !/usr/bin/id
bob ALL=(ALL:ALL) ALL
"""
SECRETS = ("hunter2-silent", "hunter2-python", "hunter2-stars", "hunter2-wrong")
RULES = "rule everybody\n  input redact\n  patience 2 seconds\n  banner sudo is recorded here.\n"


def cannot_be_loaded():
    """Why not; empty: sudo can load this build's plugin."""
    plugin = (PROGRAMS / "stele_sudo.so").read_bytes()
    return "sudo can not load a plugin with a sanitizer in it" if b"__asan_init" in plugin or b"__tsan_init" in plugin else ""


@unittest.skipIf(can_have_machines(), can_have_machines())
@unittest.skipIf(cannot_be_loaded(), cannot_be_loaded())
class SudoTest(LedgerTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.make_folder()
        cls.folder.chmod(0o755)
        cls.web = Machine("web01", cls.folder)
        cls.addClassCleanup(cls.web.close)
        cls.web.install()
        cls.server = FleetServer(cls.folder, cls.web)
        cls.addClassCleanup(cls.server.stop)
        origin = (cls.server.ledger.path / "log.vkey").read_text().split("+")[0]
        draft = cls.folder / "draft"
        draft.write_text(f"# a test's\nstele-policy-v1\n{origin}\n1\n2026-11-24\n{RULES}")
        cls.server.ledger.stele("policy", "sign", draft, "-o", cls.folder / "policy")
        cls.host = Host("web01", cls.server, cls.folder, cls.web, run="/run/stele", recorder_group="stele-recorder",
                        policy=str(cls.folder / "policy")).start()
        cls.addClassCleanup(cls.host.stop)
        crypt = subprocess.run(["openssl", "passwd", "-6", SECRETS[2]], check=True, capture_output=True, text=True).stdout.strip()
        for user, password in (("jane", "*"), ("bob", crypt)):
            cls.web.do("useradd", "-p", password, "-m", "-d", f"/run/home-{user}", "-s", "/bin/bash", user)
        cls.write("/etc/sudoers", SUDOERS)
        cls.web.do("cp", cls.host.config, "/etc/stele/agent.toml")
        cls.set_up = cls.web.do("/usr/local/bin/stele", "setup", "sudo", "--apply").decode()

    @classmethod
    def write(cls, path, text):
        cls.web.do("tee", path, stdin=None, input=text.encode())

    def setUp(self):
        self.ledger = self.server.ledger
        self.before = {s["id"] for s in self.ledger.sessions()}

    @classmethod
    def as_user(cls, *words, user="jane"):
        """Somebody who was let in without being recorded."""
        return ["setpriv", "--reuid", user, "--regid", user, "--init-groups", *words]

    def sudo(self, *words, stdin=b"", user="jane"):
        return self.web.run(*self.as_user("sudo", *words, user=user), stdin=None, input=stdin)

    def sitting(self, *words, rows=24, columns=80, user="jane"):
        """The same at a terminal."""
        command = [*self.web.prefix, *self.as_user(*words, user=user)]
        terminal = Terminal(command, env=ENVIRONMENT, rows=rows, columns=columns)
        self.addCleanup(terminal.close)
        return terminal

    def new(self, count=1):
        """The sessions of this test, once they have ended at the server."""
        def look():
            new = [s for s in self.ledger.sessions() if s["id"] not in self.before]
            return new if len([s for s in new if s["state"] != "open"]) >= count else None
        return wait_until(look, f"{count} sessions")

    def one(self):
        """That one session, and its events."""
        (session,) = self.new()
        self.before.add(session["id"])
        return session, self.ledger.events(session["id"])

    def none(self):
        self.web.do(*self.as_user("/usr/local/bin/stele-recorder", "--", "true"))  # what is refused leaves nothing that could be waited for
        return [s for s in self.new() if s["service"] == "sudo"]

    @staticmethod
    def of(events, kind):
        return [e for e in events if e["type"] == kind]

    def bytes_of(self, events, kind):
        return b"".join(base64.b64decode(e["base64"]) for e in self.of(events, kind))


class Commands(SudoTest):
    def test_pipes_pass_as_they_are_and_are_kept_apart(self):
        done = self.sudo("sh", "-c", "echo out; echo err >&2; cat; exit 7", stdin=b"in\0\xff")
        self.assertEqual((done.returncode, done.stdout), (7, b"out\nin\0\xff"))
        self.assertTrue(done.stderr.endswith(b"err\n"), done.stderr)
        session, events = self.one()
        self.assertEqual((session["state"], session["service"], session["recorder"].split()[0]), ("exit 7", "sudo", "stele_sudo.so"))
        self.assertEqual((session["user"], session["known"]["uid"], session["euid"]), ("jane", "kernel", 0))
        self.assertEqual([self.bytes_of(events, f"piped-{way}") for way in ("input", "output", "error")], [b"in\0\xff", b"out\nin\0\xff", b"err\n"])
        (accepted,) = self.of(events, "sudo")
        self.assertEqual({k: accepted[k] for k in ("what", "plugin", "file", "by", "as", "as_uid")},
                         {"what": "accept", "plugin": "sudoers_policy", "file": "/usr/bin/sh", "by": "jane", "as": "root", "as_uid": 0})
        self.assertEqual(accepted["argv"], session["command"])
        kinds = [e["type"] for e in events]
        self.assertLess(kinds.index("sudo"), kinds.index("exec"), "what was decided stands before what ran")
        self.assertIn("sudo: accept jane sh -c", self.ledger.stele("show", session["id"]).decode())

    def test_any_bytes_and_many_of_them(self):
        noise = os.urandom(3_000_000)
        # sudo itself, with any I/O plugin and its own log too, may drop what is in a full pipe when the command ends: this one waits.
        done = self.sudo("sh", "-c", "cat; cat /bin/bash >&2; sleep 1", stdin=noise)
        self.assertEqual((done.returncode, done.stdout), (0, noise))
        session, events = self.one()
        self.assertEqual(self.bytes_of(events, "piped-input"), noise)
        self.assertEqual(self.bytes_of(events, "piped-output"), noise)
        self.assertEqual(self.bytes_of(events, "piped-error"), pathlib.Path("/bin/bash").read_bytes())

    def test_ends_of_every_kind(self):
        ends = {("exit 0",): "exit 0", ("exit 255",): "exit 255", ("kill -9 $$",): "signal 9", ("kill -TERM $$",): "signal 15"}
        for (command,), state in ends.items():
            with self.subTest(command):
                self.sudo("sh", "-c", command)
                self.assertEqual(self.one()[0]["state"], state)
        self.assertNotEqual(self.sudo("/etc/passwd").returncode, 0)
        session, events = self.one()
        self.assertNotIn("exit", events[-1], events[-1])
        self.assertTrue(events[-1]["why"], events[-1])

    def test_as_another_than_root(self):
        self.assertEqual(self.sudo("-u", "bob", "-g", "bob", "whoami").stdout, b"bob\n")
        (accepted,) = self.of(self.one()[1], "sudo")
        self.assertEqual((accepted["by"], accepted["as"]), ("jane", "bob"))

    def test_a_long_command_line_runs_whole_and_what_is_cut_in_its_record_is_said(self):
        self.assertEqual(self.sudo("sh", "-c", "echo ${#1}", "sh", "x" * 100_000).stdout, b"100000\n")
        (accepted,) = self.of(self.one()[1], "sudo")
        self.assertRegex(accepted["why"], "cut: [0-9]+ bytes of the command line do not fit")

    def test_what_is_refused_is_recorded_with_the_reason(self):
        self.assertNotEqual(self.sudo("id", "-u").returncode, 0)
        session, events = self.one()
        (refused,) = self.of(events, "sudo")
        self.assertEqual((refused["what"], refused["why"], refused["by"]), ("reject", "command not allowed", "jane"))
        self.assertEqual((session["command"], events[-1]["type"], events[-1]["why"]), (["id", "-u"], "end", "rejected by sudo"))
        self.assertNotIn("exit", events[-1])
        done = self.sudo("-S", "true", stdin=b"hunter2-wrong\nhunter2-wrong\n", user="bob")
        self.assertNotEqual(done.returncode, 0)
        session, events = self.one()
        (refused,) = self.of(events, "sudo")
        self.assertEqual((refused["what"], refused["by"]), ("reject", "bob"))
        self.assertRegex(refused["why"], "authentication failure|incorrect password")
        self.assertNotIn(b"hunter2", self.ledger.run("export", session["id"], "--format", "json").stdout)

    def test_commands_inside_are_told_of_where_sudo_sees_them(self):
        self.assertEqual(self.sudo("env", "sh", "-c", "true; /bin/echo inside; /usr/bin/id").returncode, 0)
        inside = [e for e in self.of(self.one()[1], "sudo") if e["what"] == "command"]
        self.assertIn(["/bin/echo", "inside"], [e["argv"] for e in inside])

    def test_in_the_background(self):
        self.assertEqual(self.sudo("-b", "sh", "-c", "sleep 0.5; echo from behind; exit 3").returncode, 0)
        sessions = self.new(2)
        behind = next(s for s in sessions if s["title"])
        self.assertEqual((behind["state"], behind["title"]), ("exit 3", "goes on in the background (sudo -b)"))
        self.assertEqual(self.ledger.export(behind["id"], "raw"), b"from behind\n")

    def test_a_file_that_is_edited(self):
        self.write("/etc/motto", "old\n")
        terminal = self.sitting("env", "SUDO_EDITOR=/usr/bin/vim -u NONE", "sudo", "-e", "/etc/motto")
        terminal.expect("old")
        terminal.type("cwnew\x1b:wq\r")
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(self.web.do("cat", "/etc/motto"), b"new\n")
        session, events = self.one()
        self.assertIn(b"cwnew", self.bytes_of(events, "input"))

    def test_sudo_tells_its_version(self):
        self.assertIn(b"stele_sudo.so ", self.sudo("-V").stdout)


class Setup(SudoTest):
    def setup(self, *args):
        return self.web.run("/usr/local/bin/stele", "setup", "sudo", *args)

    def test_sudo_is_changed_only_if_it_works_with_it(self):
        now = self.web.do("cat", CONF)
        self.assertIn(f"+Plugin stele_io {PLUGIN}\n+Plugin stele_audit {PLUGIN}\n", self.set_up)
        self.assertIn("+Plugin sudoers_policy sudoers.so\n", self.set_up, "what sudo took by itself is named")
        self.assertEqual(self.web.do("stat", "-c", "%a %U", CONF), b"644 root\n")
        self.assertEqual(self.setup("--apply").stdout, b"nothing to change\n")
        self.web.do("mv", CONF + ".before", CONF)
        shown = self.setup()
        self.assertEqual((shown.returncode, shown.stdout.decode()), (0, self.set_up))
        self.assertNotIn(b"stele", self.web.do("cat", CONF), "a dry run changes nothing")
        self.web.do("mv", PLUGIN, PLUGIN + ".away")
        refused = self.setup("--apply")
        self.assertEqual(refused.returncode, 70)
        self.assertIn(b"nothing was changed", refused.stderr)
        self.assertEqual(self.sudo("echo", "works").stdout, b"works\n", "sudo is as it was")
        self.web.do("mv", PLUGIN + ".away", PLUGIN)
        self.host.stop()
        self.assertIn(b"no agent answers", self.setup("--apply").stderr)
        self.host.start()
        self.assertEqual(self.setup("--apply").returncode, 0)
        self.assertEqual(self.web.do("cat", CONF), now)

    def test_who_may_not_write_it_is_told_so(self):
        done = self.web.run(*self.as_user("/usr/local/bin/stele", "setup", "sudo", "--config", "/etc/other.conf", "--apply"))
        self.assertEqual(done.returncode, 70)
        self.assertRegex(done.stderr.decode(), "stele: .{10,}")


class AtATerminal(SudoTest):
    def test_a_shell_is_recorded_as_it_was_shown(self):
        terminal = self.sitting("sudo", "bash", "--norc")
        terminal.expect("sudo is recorded here.")
        at = terminal.expect("$ ")
        terminal.type("stty size; printf 'ra''w \\377\\n'\r")
        at = terminal.expect("24 80", at)
        at = terminal.expect(b"raw \xff", at)
        terminal.resize(40, 133)
        terminal.type("stty si''ze\r")
        at = terminal.expect("40 133", at)
        terminal.type("sh -c 'echo a''sleep; exec sleep 100'\r")
        at = terminal.expect("asleep", at)
        terminal.type("\x03")
        terminal.expect("$ ", at)
        terminal.type("exit 5\r")
        self.assertEqual(terminal.wait(), 5)
        session, events = self.one()
        self.assertEqual(session["state"], "exit 5")
        self.assertTrue(session["tty"].startswith("/dev/pts/"), session["tty"])
        self.assertIn(self.bytes_of(events, "output"), terminal.shown)
        self.assertEqual([(e["rows"], e["columns"]) for e in self.of(events, "resize")], [(40, 133)])
        self.assertIn(b"stty si''ze\r", self.bytes_of(events, "input"))

    def test_it_is_stopped_and_goes_on(self):
        terminal = self.sitting("bash", "--norc")
        terminal.expect("$ ")
        terminal.type("sudo sh -c 'echo be''gun; read x; echo go''t'\r")
        terminal.expect("begun")
        terminal.type("\x1a")
        at = terminal.expect("Stopped")
        terminal.type("fg\r")
        terminal.expect("sudo sh", at)
        terminal.type("x\r")
        terminal.expect("$ ", terminal.expect("got", at))  # sudo reads ahead: what is typed before is its command's
        terminal.type("exit\r")
        terminal.wait()
        _, events = self.one()
        self.assertEqual([e["type"] for e in events if e["type"] in ("suspended", "continued")], ["suspended", "continued"])

    def test_what_is_secret_is_not_kept(self):
        silent, python, stars, _ = SECRETS
        terminal = self.sitting("sudo", "bash", "--norc")
        at = terminal.expect("$ ")
        terminal.type("read -s -p 'Sec''ret: ' x\r")
        at = terminal.expect("Secret: ", at)
        terminal.type(silent + "\r")
        at = terminal.expect("$ ", at)
        terminal.type("python3 -c 'import getpass; print(len(getpass.getpass()))'\r")
        at = terminal.expect("Password: ", at)
        terminal.type(python + "\r")
        at = terminal.expect("14", at)
        terminal.type("setpriv --reuid bob --regid bob --init-groups sudo sh -c 'echo be''came'\r")
        at = terminal.expect("password for bob: ", at)
        for key in stars:  # as a person types: each key's star is shown
            terminal.type(key)
            at = terminal.expect("*", at)
        terminal.type("\r")
        at = terminal.expect("$ ", terminal.expect("became", at))
        terminal.type("vim -u NONE /run/note\r")
        at = terminal.expect("~", at)
        terminal.type("ikept in vim\x1b:wq\r")
        at = terminal.expect("written", at)
        terminal.type("exit\r")
        self.assertEqual(terminal.wait(), 0)
        session = next(s for s in self.new(2) if s["command"][0] == "bash")
        events = self.ledger.events(session["id"])
        typed = self.bytes_of(events, "input")
        for secret in SECRETS:
            self.assertNotIn(secret.encode(), typed)
            for length in range(4, len(secret)):
                self.assertNotIn(secret[:length].encode() + b"\r", typed)
        self.assertNotIn(b"hunter2", typed)
        self.assertIn(b"ikept in vim", typed)
        self.assertIn(b"read -s -p", typed)
        self.assertGreaterEqual(len(self.of(events, "redaction")), 3)

    def test_inside_a_recorded_session_it_says_of_which(self):
        terminal = self.web.terminal(*self.as_user("/usr/local/bin/stele-recorder", "--", "sudo", "sh", "-c", "echo in''side"))
        self.addCleanup(terminal.close)
        terminal.expect("inside")
        terminal.wait()
        inner, outer = sorted(self.new(2), key=lambda s: s["service"] != "sudo")
        self.assertEqual((inner["parent"], inner["known"]["parent"]), (outer["id"], "kernel"))


class Agents(SudoTest):
    def test_without_an_agent_nothing_runs(self):
        self.host.stop()
        try:
            done = self.sudo("touch", "/run/ran")
            self.assertEqual((done.returncode, self.web.run("test", "-e", "/run/ran").returncode), (1, 1))
            self.assertIn(b"error initializing I/O plugin stele_io", done.stderr)
            self.assertEqual(done.stderr.count(b"stele: not recorded, so it is refused: the agent cannot be reached"), 1, done.stderr)
        finally:
            self.host.start()
        self.assertEqual(self.none(), [])

    def test_an_agent_that_is_started_again_misses_nothing(self):
        terminal = self.sitting("sudo", "sh", "-c", "for i in $(seq 40); do echo line $i; sleep 0.05; done")
        terminal.expect("line 5")
        self.host.kill()
        self.host.start()
        terminal.expect("line 40")
        self.assertEqual(terminal.wait(), 0)
        session, events = self.one()
        self.assertEqual(self.bytes_of(events, "output"), b"".join(b"line %d\r\n" % i for i in range(1, 41)))
        self.assertEqual(session["state"], "exit 0")

    def test_an_agent_that_stays_away_ends_it_even_if_it_is_idle(self):
        for command in ("sleep 100", "while :; do echo x; sleep 0.1; done"):
            with self.subTest(command):
                terminal = self.sitting("sudo", "sh", "-c", "echo be''gun; " + command)
                terminal.expect("begun")
                self.host.kill()
                try:
                    self.assertNotEqual(terminal.wait(), 0)
                    self.assertIn(b"can not be recorded any more", terminal.shown)
                    wait_until(lambda: self.web.run("pgrep", "-f", "sleep 100").returncode, "the command is gone")
                finally:
                    self.host.start()

    def test_a_sudo_that_is_killed_takes_its_command_with_it(self):
        terminal = self.sitting("sudo", "sh", "-c", "echo $PPID be''gun; while :; do sleep 0.05; echo more; done")
        terminal.expect("begun")
        session = wait_until(lambda: [s for s in self.ledger.sessions() if s["id"] not in self.before], "it is there")[0]
        recorder = next(e for e in wait_until(lambda: self.of(self.ledger.events(session["id"]), "exec"), "what it ran"))
        sudo = int(pathlib.Path(f"/proc/{recorder['pid']}/stat").read_text().rsplit(")", 1)[1].split()[1])  # the monitor
        sudo = int(pathlib.Path(f"/proc/{sudo}/stat").read_text().rsplit(")", 1)[1].split()[1])
        os.kill(sudo, signal.SIGKILL)
        wait_until(lambda: not pathlib.Path(f"/proc/{recorder['pid']}").exists(), "its command is gone")
        session, events = self.one()
        self.assertEqual(session["state"], "cut: its recorder died")


if __name__ == "__main__":
    main()
