"""sudo's own log protocol: the distribution's sudo, and its sudo_sendlog, send their sessions to the agent."""
import json
import shutil
import unittest

from fleet import AGENT, ENVIRONMENT, FleetServer, Host, Machine, can_have_machines, wait_until
from harness import LedgerTest, Terminal, main

PORT = 30343
SECRET = "correct-horse-battery"


@unittest.skipUnless(shutil.which("sudo") and shutil.which("sudo_sendlog"), "needs sudo")
@unittest.skipIf(can_have_machines(), can_have_machines())
class SudoLogTest(LedgerTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.make_folder()
        cls.folder.chmod(0o755)
        cls.web = Machine("web01", cls.folder)
        cls.addClassCleanup(cls.web.close)
        cls.server = FleetServer(cls.folder, cls.web)
        cls.addClassCleanup(cls.server.stop)
        cls.host = Host("web01", cls.server, cls.folder, cls.web, sudo_log=f"127.0.0.1:{PORT}").start()
        cls.addClassCleanup(cls.host.stop)
        cls.web.do("sh", "-c", "useradd -m -d /run/home-jane -s /bin/bash jane; mkdir -p /run/sudo/ts")
        cls.sudoers(f"Defaults log_input, log_output, log_servers = 127.0.0.1:{PORT}")

    @classmethod
    def sudoers(cls, *defaults):
        rules = "\n".join([*defaults, "Defaults !fqdn", "root ALL=(ALL:ALL) NOPASSWD: ALL", "jane ALL=(ALL:ALL) NOPASSWD: ALL, !/usr/bin/id", ""])
        cls.web.do("sh", "-c", "cat >/etc/sudoers; chmod 440 /etc/sudoers", stdin=None, input=rules.encode())

    def setUp(self):
        self.ledger = self.server.ledger
        self.before = {s["id"] for s in self.ledger.sessions()}

    def new(self, over=lambda s: s["state"] != "open"):
        def look():
            new = [s for s in self.ledger.sessions() if s["id"] not in self.before and over(s)]
            return new or None
        (session,) = wait_until(look, "a session")
        return session["id"], self.ledger.events(session["id"])

    def as_jane(self, *command):
        return ["setpriv", "--reuid", "jane", "--regid", "jane", "--init-groups", *command]

    def terminal_of(self, *command):
        terminal = Terminal([*self.web.prefix, *self.as_jane("sudo", *command)], env=ENVIRONMENT)
        self.addCleanup(terminal.close)
        return terminal


class Sudo(SudoLogTest):
    def test_a_session_is_recorded_with_its_screen_its_keys_and_its_end(self):
        terminal = self.terminal_of("sh", "-c", "printf 'a\\377b\\n'; read line; echo got $line; stty size; exit 7")
        terminal.expect(b"a\xffb")
        terminal.resize(31, 91)
        terminal.type("hello\n")
        self.assertEqual(terminal.wait(), 7, terminal.shown)
        session, events = self.new()
        start, end = events[0], events[-1]
        self.assertIn("sealed by this host's agent as its owner", start["title"])
        self.assertIn(b"(uid %d, claimed)" % int(self.web.do("id", "-u", "jane")), self.ledger.stele("show", session))
        self.assertEqual(start["user"], "jane")
        self.assertNotIn("commands", start)
        self.assertEqual(end["exit"], 7)
        (sudo,) = [e for e in events if e["type"] == "sudo"]
        self.assertEqual((sudo["what"], sudo["by"], sudo["as"]), ("accept", "jane", "root"))
        shown = self.ledger.export(session, "raw")
        self.assertIn(b"a\xffb", shown)
        self.assertIn(b"got hello", shown)
        self.assertIn(b"31 91", shown)
        self.assertTrue([e for e in events if e["type"] == "resize"])
        self.assertIn(b"hello", self.ledger.export(session, "raw-input") or b"".join(e.get("text", "").encode() for e in events))

    def test_a_password_that_is_typed_never_stands_in_the_record(self):
        terminal = self.terminal_of("bash", "-c", "read -s -p 'Password: ' x; echo; echo done; sleep 0.2")
        terminal.expect("Password: ")
        terminal.type(SECRET + "\n")
        terminal.expect("done")
        self.assertEqual(terminal.wait(), 0)
        session, events = self.new()
        self.assertNotIn(SECRET, json.dumps(events))
        (redaction,) = [e for e in events if e["type"] == "redaction"]
        self.assertEqual(redaction["why"], "heuristic")
        (listed,) = [s for s in self.ledger.sessions() if s["id"] == session]
        self.assertEqual(listed["end"]["input_bytes"] % 16, 0, "the total does not tell its length either")

    def test_pipes_are_kept_apart(self):
        done = self.web.run(*self.as_jane("sudo", "sh", "-c", "cat; echo err >&2"), stdin=None, input=b"in\0\xff\n")
        self.assertEqual((done.returncode, done.stdout), (0, b"in\0\xff\n"), done.stderr)
        session, events = self.new()
        self.assertEqual(self.ledger.export(session, "raw"), b"in\0\xff\n")
        self.assertEqual(self.ledger.export(session, "raw-input"), b"in\0\xff\n")
        self.assertEqual(self.ledger.export(session, "raw-error"), b"err\n")

    def test_what_sudo_rejects_is_a_session_of_its_own(self):
        self.assertNotEqual(self.web.run(*self.as_jane("sudo", "-n", "id")).returncode, 0)
        _, events = self.new()
        (sudo,) = [e for e in events if e["type"] == "sudo"]
        self.assertEqual((sudo["what"], sudo["by"], sudo["file"]), ("reject", "jane", "/usr/bin/id"))
        self.assertEqual(events[-1]["why"], "rejected by sudo")

    def test_a_signal_is_its_end(self):
        self.web.run(*self.as_jane("sudo", "sh", "-c", "kill -KILL $$"))
        _, events = self.new()
        self.assertEqual(events[-1]["signal"], 9)

    def test_without_an_agent_nothing_runs(self):
        self.host.stop()
        try:
            done = self.web.run(*self.as_jane("sudo", "echo", "inside"))
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(done.stdout, b"")
        finally:
            self.host.start()

    def test_an_agent_that_dies_takes_the_command_with_it(self):
        terminal = self.terminal_of("sh", "-c", "echo begun; sleep 1000")
        terminal.expect("begun")
        wait_until(lambda: [s for s in self.ledger.sessions() if s["id"] not in self.before], "it is at the server")
        self.host.restart()
        terminal.type("x")
        self.assertNotEqual(terminal.wait(), 0)
        _, events = self.new()
        self.assertIn("cut", events[-1].get("why", ""))


class Sendlog(SudoLogTest):
    def test_a_log_of_before_is_sent_and_says_when_it_was(self):
        self.sudoers("Defaults log_output, log_input, iolog_dir = /run/iolog, iolog_file = one")
        terminal = self.terminal_of("sh", "-c", "echo earlier; exit 3")
        self.assertEqual(terminal.wait(), 3)
        self.web.do("sh", "-c", "cd /run/iolog/one && sed -i 's/^\\([{ ]*\"seconds\": \\)[0-9]*/\\11700000000/; "
                    "1s/^[0-9]\\{10\\}/1700000000/' log log.json 2>/dev/null; true")
        done = self.web.run("sudo_sendlog", "-h", "127.0.0.1", "-p", PORT, "/run/iolog/one")
        self.assertEqual(done.returncode, 0, done.stderr)
        session, events = self.new()
        self.assertIn(b"earlier", self.ledger.export(session, "raw"))
        self.assertEqual(events[-1]["exit"], 0, "sudo's own log does not have it")
        (finding,) = [e for e in events if e["type"] == "finding"]
        self.assertIn("began at 2023-11-14T22:13:20", finding["what"])
        again = self.web.run("sudo_sendlog", "-h", "127.0.0.1", "-p", PORT, "-r", "0,0", "-i", "no-such-log", "/run/iolog/one")
        self.assertNotEqual(again.returncode, 0)


class Strangers(SudoLogTest):
    def test_who_is_not_root_is_turned_away(self):
        script = f"import socket; s = socket.create_connection(('127.0.0.1', {PORT})); s.settimeout(20); print(s.recv(99))"
        done = self.web.run(*self.as_jane("/usr/bin/python3", "-c", script))
        self.assertNotIn(b"stele", done.stdout)
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_until(lambda: "not root's" in self.host.journal(), "the journal says so")

    def test_garbage_is_refused_and_the_agent_goes_on(self):
        script = (f"import socket, os\nfor junk in (b'\\0\\0\\0\\0', b'\\xff' * 9, b'\\0\\0\\0\\5garba', os.urandom(5000)):\n"
                  f"  s = socket.create_connection(('127.0.0.1', {PORT})); s.settimeout(20); s.sendall(junk)\n"
                  "  while True:\n    try:\n      if not s.recv(999): break\n    except ConnectionError: break\n")
        self.assertEqual(self.web.run("python3", "-c", script).returncode, 0)
        self.assertEqual(self.web.run(*self.as_jane("sudo", "true")).returncode, 0)

    def test_only_loopback_is_listened_on(self):
        text = self.host.config.read_text()
        other = self.folder / "other.toml"
        other.write_text(text.replace(f"127.0.0.1:{PORT}", f"0.0.0.0:{PORT}"))
        self.host.stop()
        try:
            done = self.web.run(AGENT, "agent", "--config", other)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(b"only loopback", done.stderr + done.stdout)
        finally:
            self.host.start()


if __name__ == "__main__":
    main()
