"""sudo's own log protocol: the distribution's sudo, and its sudo_sendlog, send their sessions to the agent."""
import json
import pathlib
import queue
import re
import shutil
import subprocess
import threading
import unittest

from fleet import AGENT, ENVIRONMENT, FleetServer, Host, Machine, can_have_machines, wait_until
from harness import PATIENCE, LedgerTest, Terminal, main

PORT = 30343
CLIENT = pathlib.Path(__file__).with_name("sudolog_client.py")
SECOND = 10**9
SECRET = "correct-horse-battery"


class Client:
    """sudolog_client.py, connected to the machine's agent; it said hello."""

    def __init__(self, machine):
        self.process = subprocess.Popen([*machine.prefix, "/usr/bin/python3", CLIENT, str(PORT)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.heard = queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()
        self.say(["hello"])
        self.next("hello")

    def listen(self):
        for line in self.process.stdout:
            self.heard.put(json.loads(line))

    def say(self, *messages):
        self.process.stdin.write("".join(json.dumps(message) + "\n" for message in messages))
        self.process.stdin.flush()

    def next(self, kind):
        """What the agent says next: it has to be that."""
        said = self.heard.get(timeout=PATIENCE)
        if said[0] != kind:
            raise AssertionError(f"{said} where {kind} was to come")
        return said[-1]

    def close(self):
        self.process.kill()
        self.process.communicate()


@unittest.skipUnless(shutil.which("sudo") and shutil.which("sudo_sendlog"), "needs sudo")
@unittest.skipIf(can_have_machines(), can_have_machines())
class SudoLogTest(LedgerTest):
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.make_folder()
        cls.folder.chmod(0o755)
        cls.web = Machine("web01", cls.folder)
        cls.addClassCleanup(cls.web.close)
        cls.server = FleetServer(cls.folder, cls.web)
        cls.addClassCleanup(cls.server.stop)
        cls.host = Host("web01", cls.server, cls.folder, cls.web, sudo_log=f"127.0.0.1:{PORT}", **cls.settings).start()
        cls.addClassCleanup(cls.host.stop)
        cls.web.do("sh", "-c", "useradd -m -d /run/home-jane -s /bin/bash jane; mkdir -p /run/sudo/ts")
        cls.sudoers()

    @classmethod
    def sudoers(cls, *defaults):
        defaults = defaults or [f"Defaults log_input, log_output, log_servers = 127.0.0.1:{PORT}"]
        rules = "\n".join([*defaults, "Defaults !fqdn", "root ALL=(ALL:ALL) NOPASSWD: ALL", "jane ALL=(ALL:ALL) NOPASSWD: ALL, !/usr/bin/id", ""])
        cls.web.do("sh", "-c", "cat >/etc/sudoers; chmod 440 /etc/sudoers", stdin=None, input=rules.encode())

    def setUp(self):
        self.sudoers()
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

    def sendlog(self, *arguments):
        return self.web.run("sudo_sendlog", "-h", "127.0.0.1", "-p", PORT, *arguments)

    def client(self):
        client = Client(self.web)
        self.addCleanup(client.close)
        return client

    def terminal_of(self, *command):
        terminal = Terminal([*self.web.prefix, *self.as_jane("sudo", *command)], env=ENVIRONMENT)
        self.addCleanup(terminal.close)
        return terminal


class Sudo(SudoLogTest):
    settings = {"sudo_log_patience": "1s"}

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

    def test_the_lines_of_a_shell_are_read_and_a_password_in_it_is_none(self):
        terminal = self.terminal_of("env", "PS1=ready# ", "INPUTRC=/dev/null", "bash", "--norc", "--noprofile", "-i")
        at = terminal.expect("ready# ")
        for keys, until in (("cd /tmp\r", "ready# "), ("\x1b[A/\r", "ready# "), ("p=Pass; read -s -p ${p}word:\\  x; echo\r", "Password: "),
                            (SECRET + "\r", "ready# "), ("exit 0\r", "exit\r\n")):
            terminal.type(keys)
            at = terminal.expect(until, at)
        self.assertEqual(terminal.wait(), 0)
        session, events = self.new()
        lines = [(e["lane"], e["prompt"], e["text"]) for e in events if e["type"] == "line"]
        self.assertEqual(lines, [("input", "ready#", "cd /tmp"), ("input", "ready#", "cd /tmp/"),
                                 ("input", "ready#", "p=Pass; read -s -p ${p}word:\\  x; echo"), ("input", "ready#", "exit 0")])
        self.assertNotIn(SECRET, json.dumps(events))
        self.assertEqual(self.ledger.verify(session)[0], 0)

    def test_pipes_are_kept_apart(self):
        done = self.web.run(*self.as_jane("sudo", "sh", "-c", "cat; echo err >&2"), stdin=None, input=b"in\0\xff\n")
        self.assertEqual((done.returncode, done.stdout), (0, b"in\0\xff\n"), done.stderr)
        session, events = self.new()
        self.assertEqual(self.ledger.export(session, "raw"), b"in\0\xff\n")
        self.assertEqual(self.ledger.export(session, "raw-input"), b"in\0\xff\n")
        self.assertEqual(self.ledger.export(session, "raw-error"), b"err\n")

    def test_what_is_executed_inside_is_told(self):
        self.sudoers(f"Defaults log_output, log_subcmds, log_servers = 127.0.0.1:{PORT}")
        done = self.web.run(*self.as_jane("sudo", "sh", "-c", "/bin/date; /bin/true"))
        self.assertEqual(done.returncode, 0, done.stderr)
        _, events = self.new()
        inside = [e["file"] for e in events if e["type"] == "sudo" and e["what"] == "command"]
        self.assertEqual([pathlib.Path(file).name for file in inside], ["date", "true"])

    def test_a_command_that_is_suspended_goes_on(self):
        terminal = Terminal([*self.web.prefix, *self.as_jane("bash", "--norc", "-i")], env=ENVIRONMENT)
        self.addCleanup(terminal.close)
        terminal.type("sudo sh -c 'echo be''fore; kill -TSTP $$; echo af''ter'\n")
        terminal.expect("before")
        terminal.expect("Stopped")
        terminal.type("fg\n")
        terminal.expect("after")
        session, events = self.new()
        self.assertEqual([e["type"] for e in events if e["type"] in ("suspended", "continued")], ["suspended", "continued"])
        self.assertIn(b"after", self.ledger.export(session, "raw"))

    def test_an_alert_is_a_session_of_its_own(self):
        self.sudoers(f"Defaults log_output, log_servers = 127.0.0.1:{PORT}", "Defaults no_such_thing")
        self.web.run(*self.as_jane("sudo", "true"))
        told = wait_until(lambda: [s for s in self.ledger.sessions() if s["id"] not in self.before and s["state"] != "open"
                                   and self.ledger.events(s["id"])[-1].get("why") == "sudo reported an error"], "an alert")
        (sudo,) = [e for e in self.ledger.events(told[0]["id"]) if e["type"] == "sudo"]
        self.assertEqual((sudo["what"], sudo["by"]), ("error", "jane"))

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
        done = self.sendlog("/run/iolog/one")
        self.assertEqual(done.returncode, 0, done.stderr)
        session, events = self.new()
        self.assertIn(b"earlier", self.ledger.export(session, "raw"))
        self.assertEqual(events[-1]["exit"], 0, "sudo's own log does not have it")
        (finding,) = [e for e in events if e["type"] == "finding"]
        self.assertIn("began at 2023-11-14T22:13:20", finding["what"])


class WithPolicy(SudoLogTest):
    rules = ""

    def setUp(self):
        super().setUp()
        ledger, draft, policy = self.ledger, self.folder / "draft", self.folder / "policy"
        origin = (ledger.path / "log.vkey").read_text().split("+")[0]
        draft.write_text(f"stele-policy-v1\n{origin}\n1\n2026-11-24\n{self.rules}")
        ledger.stele("policy", "sign", draft, "-o", policy)
        self.web.do("sh", "-c", "mkdir -p /etc/stele; cat >/etc/stele/policy", stdin=None, input=policy.read_bytes())
        wait_until(lambda: "policy: version 1 holds" in self.host.journal(), "the policy holds")


class SharedAccounts(WithPolicy):
    rules = "rule came-in\n  login *\n  not recorded\nrule by-sudo\n  service sudo\n  lines facts\n"

    def setUp(self):
        super().setUp()
        self.web.do("sh", "-c", "cat >/etc/stele/roles.toml", stdin=None, input=b'version = 3\nshared = ["root"]\n')
        wait_until(lambda: "roles: version 3 holds" in self.host.journal(), "the roles hold")

    def test_nobody_behind_one_is_a_finding_and_the_service_is_known(self):
        self.assertEqual(self.web.run("sudo", "true").returncode, 0)
        session, events = self.new()
        (person,), (terms,) = ([e for e in events if e["type"] == kind] for kind in ("person", "terms"))
        self.assertEqual(person.get("name", ""), "")
        self.assertEqual(terms["rule_name"], "by-sudo")
        self.assertEqual([e["rule"] for e in events if e["type"] == "finding"], ["shared-account"])
        self.assertIn("FINDING shared-account", self.ledger.stele("show", session).decode())
        self.assertIn("sudo of root: nobody is known behind the shared account of uid 0", self.host.journal())
        told = lambda: "shared-account" in self.ledger.stele("hosts").decode()
        wait_until(told, "the host's own stream has it")

    def test_whose_account_is_their_own_is_themselves(self):
        self.assertEqual(self.web.run(*self.as_jane("sudo", "true")).returncode, 0)
        _, events = self.new()
        (person,) = [e for e in events if e["type"] == "person"]
        self.assertEqual((person["name"], person["by"]), ("jane", "environment"))
        self.assertEqual([e for e in events if e["type"] == "finding"], [])


class SlowSendlog(WithPolicy):
    """It is slow enough to be cut in the middle."""
    rules = "rule slow\n  quota session 2 MiB per second\n"

    def test_the_agent_is_killed_and_it_goes_on_from_its_last_commit_point(self):
        self.sudoers("Defaults log_output, !compress_io, iolog_dir = /run/iolog, iolog_file = two")
        whole = self.web.do(*self.as_jane("sudo", "sh", "-c", "seq 1000000; sleep 0.1; echo end"))
        sending = subprocess.Popen([*self.web.prefix, "sudo_sendlog", "-h", "127.0.0.1", "-p", str(PORT), "/run/iolog/two"],
                                   env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_until(lambda: [s for s in self.ledger.sessions() if s["id"] not in self.before and self.ledger.export(s["id"], "raw")],
                   "some of it is at the server")
        self.host.restart()
        said, error = sending.communicate(timeout=PATIENCE)
        self.assertNotEqual(sending.returncode, 0)
        log = re.search(rb"Remote log ID: (\S+)", said).group(1).decode()
        seconds, nanoseconds = re.search(rb"commit point received from server \[(\d+), (\d+)\]", error).groups()
        point = f"{seconds.decode()},{nanoseconds.decode()}"
        self.assertNotEqual(point, "0,0", "it was told one")
        for wrong in (log[:-1] + "?", log.split(".")[0], "no-such-log"):
            refused = self.sendlog("-r", point, "-i", wrong, "/run/iolog/two")
            self.assertIn(b"not gone on with", refused.stderr)
        done = self.sendlog("-r", point, "-i", log, "/run/iolog/two")
        self.assertEqual(done.returncode, 0, done.stderr)
        session, events = self.new()
        self.assertTrue(log.startswith(session))
        self.assertEqual(self.ledger.export(session, "raw"), whole)
        self.assertTrue([e for e in events if e["type"] == "finding" and "cut off" in e["what"]])
        self.assertEqual(self.ledger.verify(session)[0], 0)
        over = self.sendlog("-r", point, "-i", log, "/run/iolog/two")
        self.assertIn(b"it is over", over.stderr)


class Cut(SudoLogTest):
    """A client that goes on: sudo itself does not, and sudo_sendlog is too fast to be cut where a test wants it."""
    lines = [["out", SECOND, "one "], ["in", SECOND, "ls\r"], ["out", SECOND, "ls\r\n"], ["suspend", SECOND, "TSTP"],
             ["suspend", SECOND, "CONT"], ["window", SECOND, 30, 90], ["out", 0, "x" * 100_000], ["out", SECOND, "end"]]

    def begun(self):
        client = self.client()
        client.say(["accept", "jane", "/bin/sh"])
        log = client.next("log_id")
        client.say(self.lines[0])
        self.assertEqual(client.next("commit"), SECOND, "in the middle of the session")
        return client, log

    def expect_whole(self):
        session, events = self.new()
        shown = "".join(line[2] for line in self.lines if line[0] == "out").encode()
        self.assertEqual(self.ledger.export(session, "raw"), shown)
        kinds = [e["type"] for e in events]
        self.assertEqual([kinds.count(kind) for kind in ("suspended", "continued", "resize", "end")], [1] * 4)
        self.assertEqual(self.ledger.export(session, "raw-input"), b"ls\r")
        self.assertEqual(events[-1]["exit"], 3)
        (listed,) = [s for s in self.ledger.sessions() if s["id"] == session]
        self.assertEqual((listed["end"]["output_bytes"], listed["end"]["input_bytes"]), (len(shown), 3))
        self.assertEqual(self.ledger.verify(session)[0], 0)

    def test_the_agent_is_killed_and_the_log_goes_on(self):
        client, log = self.begun()
        client.say(*self.lines[1:])
        self.host.restart()
        client.next("closed")
        client = self.client()
        client.say(["restart", log, SECOND], *self.lines[1:], ["exit", 3])
        while client.next("commit") != 7 * SECOND:
            pass
        self.expect_whole()

    def test_what_was_durable_when_the_agent_was_killed_is_not_recorded_twice(self):
        client, log = self.begun()
        client.say(*self.lines[1:6])
        while client.next("commit") != 6 * SECOND:
            pass
        client.say(*self.lines[6:])
        self.host.restart()
        for part in (3, 6, len(self.lines)):
            client = self.client()
            client.say(["restart", log, SECOND], *self.lines[1:part])
            if part < len(self.lines):
                client.next("commit")
                self.host.restart()
        client.say(["exit", 3])
        while client.next("commit") != 7 * SECOND:
            pass
        self.expect_whole()

    def test_what_is_sent_again_has_to_be_the_same(self):
        client, log = self.begun()
        client.say(self.lines[2])
        self.assertEqual(client.next("commit"), 2 * SECOND)
        client.close()
        client = self.client()
        client.say(["restart", log, SECOND], ["out", SECOND, "else"])
        self.assertIn("not what was sent before", client.next("error"))

    def test_the_agent_is_killed_at_each_message_and_each_line_is_there_once(self):
        lines = [["out", SECOND, "one "], ["out", SECOND, "\r\n# "], ["in", SECOND, "l"], ["out", SECOND, "l"], ["in", SECOND, "s\r"],
                 ["out", SECOND, "s\r\n# "], ["in", SECOND, "cd /\r"], ["out", SECOND, "cd /\r\n# "]]
        client, log = self.begun()
        for part in range(2, len(lines) + 1):
            client.say(*lines[1:part])
            while client.next("commit") != part * SECOND:
                pass
            self.host.restart()
            client.close()
            client = self.client()
            client.say(["restart", log, SECOND])
        client.say(*lines[1:], ["exit", 3])
        while client.next("commit") != len(lines) * SECOND:
            pass
        session, events = self.new()
        self.assertEqual([(e["prompt"], e["text"]) for e in events if e["type"] == "line"], [("#", "ls"), ("#", "cd /")])
        self.assertEqual(self.ledger.export(session, "raw-input"), b"ls\rcd /\r")
        self.assertEqual(self.ledger.verify(session)[0], 0)

    def test_the_decisions_of_a_session(self):
        client, _ = self.begun()
        client.say(["inside", "/bin/date"], ["alert", "jane", "something is wrong"], ["exit", 0])
        _, events = self.new()
        self.assertEqual([e["what"] for e in events if e["type"] == "sudo"], ["accept", "command", "error"])


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
