"""Who is on a terminal without a recording is found: real logins as the kernel knows them, a real agent."""
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import unittest
import urllib.request

from commands_test import why_not
from fleet import FleetServer, Host, wait_until
from harness import PATIENCE, LedgerTest, Terminal, main

LOG_IN = "import os, sys; open('/proc/self/loginuid', 'w').write(sys.argv[1]); os.execvp(sys.argv[2], sys.argv[2:])"


def why_no_logins():
    if why := why_not():
        return why
    done = subprocess.run([sys.executable, "-c", LOG_IN, "4242", "true"], capture_output=True)
    return "no login uid can be set here" if done.returncode else ""


class Logins(LedgerTest):
    """A host, and people who log in: each with a login uid of their own, so that others on this machine are told apart."""
    last_login = 400000 + os.getpid() % 100000 * 100

    def setUp(self):
        self.folder = folder = self.make_folder()
        self.server = FleetServer(folder)
        self.addCleanup(self.server.stop)
        self.ledger = self.server.ledger
        self.host = Host("web01", self.server, folder)
        self.host.start()
        self.addCleanup(self.host.stop)

    def login(self, *argv):
        """Somebody new, at a terminal of their own, where this is the first program."""
        Logins.last_login += 1
        terminal = Terminal([sys.executable, "-c", LOG_IN, str(self.last_login), *argv])
        self.addCleanup(terminal.close)
        terminal.login = self.last_login
        return terminal

    def recorder(self, *command):
        return [str(part) for part in self.host.command("--", *command)]

    def said(self, rule, needle=""):
        """What the host's streams say of this rule, as far as the ledger has them."""
        hosts = json.loads(self.ledger.stele("hosts", "--json"))
        return [f["what"] for host in hosts for f in host["findings"] if f["rule"] == rule and needle in f["what"]]

    def of(self, terminal):
        return self.said("unrecorded", f"{terminal.login} logged in")

    def wait_for(self, rule, needle=""):
        return wait_until(lambda: self.said(rule, needle), f"a finding of {rule}")

    def after_another_is_found(self):
        """Whoever was not found before somebody who came later was is not found at all."""
        later = self.login("sleep", "60")
        wait_until(lambda: self.of(later), "somebody who came later is found")

    def facts(self, session):
        lines = self.ledger.stele("export", session, "--format", "json").splitlines()
        return [e for e in map(json.loads, lines) if e["lane"] == "facts"]


@unittest.skipIf(why_no_logins(), why_no_logins())
class Coverage(Logins):
    def test_a_terminal_without_a_recording_is_found_once_and_named(self):
        terminal = self.login("sh", "-c", "tty; /bin/true; sleep 60")
        terminal.expect("/dev/pts/")
        (found,) = wait_until(lambda: self.of(terminal), "it is found")
        self.assertRegex(found, rf"{terminal.login} logged in, uid 0, is on /dev/pts/\d+, audit session \d+, .* first there: \S*sh, pid {terminal.pid}$")
        self.after_another_is_found()
        self.assertEqual(len(self.of(terminal)), 1)

    def test_a_recorded_one_is_covered(self):
        first = self.login(*self.recorder("sh"))
        first.expect("#")
        second = self.login("sh", "-c", '/bin/true; exec "$@"', "sh", *self.recorder("sh"))
        second.expect("#")
        first.type(b"/bin/true; /bin/true; sh -c true; echo co''vered\r")
        first.expect("covered")
        self.after_another_is_found()
        self.assertEqual(self.of(first) + self.of(second), [])

    def test_what_runs_beside_a_recording_is_none_of_it(self):
        """The recording is behind; in front somebody goes on without it."""
        terminal = self.login("sh", "-c", '"$@" </dev/null >/dev/null & sleep 2; /bin/true; sleep 60', "sh", *self.recorder("sleep", "60"))
        (found,) = wait_until(lambda: self.of(terminal), "it is found")
        self.assertRegex(found, "first there: (/usr)?/bin/(true|sleep)")

    def test_who_was_there_before_the_agent_is_found_and_whom_it_recorded_is_not(self):
        recorded = self.login(*self.recorder("sh", "-c", "echo is''here; while :; do /bin/true; done"))
        recorded.expect("ishere")
        self.host.kill()
        before = self.login("sh", "-c", "echo is''here; read never")
        before.expect("ishere")
        self.host.start()
        wait_until(lambda: self.of(before), "it is found")
        self.after_another_is_found()
        self.assertEqual(self.of(recorded), [])

    def test_a_recorder_that_is_killed_is_found(self):
        terminal = self.login(*self.recorder("sh"))
        terminal.expect("#")
        (session,) = self.server.arrived(1, closed=False)
        os.kill(terminal.pid, signal.SIGKILL)
        (found,) = self.wait_for("recorder-killed")
        self.assertIn(f"pid {terminal.pid}, by signal 9", found)
        self.assertIn(session["id"], [f.get("stream") for f in self.host_findings("recorder-killed")])

    def host_findings(self, rule):
        streams = [s["stream"] for s in self.ledger.verify()[1]["streams"] if s["kind"] == "host"]
        events = [json.loads(line) for s in streams for line in self.ledger.stele("export", s, "--format", "json").splitlines()]
        return [e for e in events if e["type"] == "finding" and e["rule"] == rule]

    def test_what_goes_on_after_its_session_is_found(self):
        gate = self.make_folder() / "gate"
        os.mkfifo(gate)
        script = f"setsid sh -c 'read go < {gate}; /bin/true left; /bin/true again' & sleep 0.5"
        self.host.record("sh", "-c", script)
        (session,) = self.server.arrived(1)
        gate.write_text("go\n")
        (found,) = self.wait_for("left-behind")
        self.assertIn("executes /bin/true", found)
        self.assertEqual([f["stream"] for f in self.host_findings("left-behind")], [session["id"]])

    def test_it_is_counted_in_the_heartbeat(self):
        self.login("sleep", "60")
        token = pathlib.Path(self.server.reader()[-1]).read_text().strip()
        trusted = ssl.create_default_context(cafile=self.ledger.path / "tls-authority.pem")

        def heard():
            asked = urllib.request.Request(self.server.url() + "/v1/hosts", headers={"Authorization": f"Bearer {token}"})
            with urllib.request.urlopen(asked, context=trusted, timeout=PATIENCE) as answer:
                [host] = json.load(answer)["hosts"]
            return host["heard"] and host["heard"]["terminals"]
        terminals = wait_until(lambda: (said := heard()) and said["unrecorded"] and said, "a heartbeat that counts it")
        self.assertGreaterEqual(terminals["seen"], terminals["covered"] + terminals["unrecorded"])

    def test_it_is_counted_by_day_and_explained(self):
        recorded, without = self.login(*self.recorder("true")), self.login("sleep", "60")
        recorded.wait()
        wait_until(lambda: self.of(without), "it is found")
        self.host.restart()
        self.host.stop()

        def counted(*options):
            """Over midnight it is two days."""
            days = json.loads(self.ledger.stele("hosts", "--coverage", "--json", *options))
            self.assertEqual({d["host"] for d in days}, {"web01"})
            return {key: sum(d[key] for d in days) for key in ("seen", "recorded", "unrecorded", "undecided", "sessions")}, days
        wait_until(lambda: counted()[0]["unrecorded"] >= 1, "the last word of the agent")
        sums, days = counted()
        self.assertEqual(sums["seen"], sums["recorded"] + sums["unrecorded"] + sums["undecided"])
        self.assertGreaterEqual(sums["recorded"], 1)
        self.assertEqual(sums["sessions"], 1)
        findings = [f for d in days for f in d["findings"]]
        self.assertTrue([f for f in findings if f"{without.login} logged in" in f["what"]])
        self.assertEqual([a["why"] for d in days for a in d["away"]], ["killed; the next agent says so"])
        text = self.ledger.stele("hosts", "--coverage").decode()
        self.assertRegex(text, r"web01  \d{4}-\d\d-\d\d  terminals seen \d+, recorded \d+, not recorded \d+")
        self.assertRegex(text, r"no agent since .* \(killed; the next agent says so\)")
        self.assertRegex(text, r"no agent since .*, and none now \(stopped\)")
        reader = (*self.server.reader(), "--identity", self.ledger.path / "auditor.age")
        wait_until(lambda: counted(*reader) == counted(), "the same from afar, once a checkpoint covers it")


if __name__ == "__main__":
    main()
