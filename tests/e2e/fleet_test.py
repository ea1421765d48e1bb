"""stele installed on machines of their own, run by systemd: from nothing to a recorded session in three commands, with no more
rights than its units give it."""
import json
import pathlib
import shlex
import unittest

from fleet import BootedMachine, can_have_machines, wait_until
from harness import LedgerTest, Terminal, main

PERSON = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"]
OWNER = ["runuser", "-u", "stele", "--"]
UNITS = pathlib.Path("/usr/local/lib/systemd/system")
LINUX_IMMUTABLE = 1 << 9  # capability.h
LEDGER = "/var/lib/stele-server"


@unittest.skipIf(can_have_machines(), can_have_machines())
class Installed(LedgerTest):
    def setUp(self):
        folder = self.make_folder()
        self.log, self.web = (self.machine(name, folder) for name in ("log", "web01"))
        self.log.connect(self.web, 1)
        for machine in (self.log, self.web):
            machine.wait_for_boot()
            machine.install()

    def machine(self, name, folder):
        machine = BootedMachine(name, folder)
        self.addCleanup(machine.close)
        return machine

    def start_server(self):
        self.log.do(*OWNER, "stele", "init", "--no-recovery", "--dir", LEDGER)
        self.log.do("sed", "-i", 's/^# names = .*/names = ["10.203.1.1"]/', "/etc/stele/server.toml")
        self.log.do("systemctl", "start", "stele-server")

    def enrol(self):
        """Two of the three commands: the second is what the first one says."""
        made = self.log.run(*OWNER, "stele", "token", "create", "--host", "web01")
        self.assertEqual(made.returncode, 0, made.stderr)
        command = made.stderr.decode().splitlines()[-1]
        return self.web.do(*shlex.split(command))

    def facts(self, *command):
        done = self.log.run(*OWNER, "stele", *command, "--json", "--dir", LEDGER)
        return done.returncode, json.loads(done.stdout)

    def arrived(self):
        """The one session at the server, once it has ended there."""
        def look():
            sessions = self.facts("sessions")[1]
            return sessions[0] if sessions and sessions[0]["state"] == "exit 0" else None
        return wait_until(look, "a session at the server")

    def exported(self, session):
        return self.log.do(*OWNER, "stele", "export", session["id"], "--format", "raw", "--dir", LEDGER)

    def test_three_commands_to_the_first_recorded_session(self):
        self.start_server()
        self.assertIn(b"Enrolled as web01", self.enrol())
        wait_until(lambda: self.web.run("test", "-S", "/run/stele/agent.sock").returncode == 0, "the agent starts by itself")
        shown = self.web.do(*PERSON, "stele", "record", "--", "sh", "-c", "id -u; id -g; id -G; hostname")
        self.assertEqual(shown.split(), [b"12345", b"12345", b"12345", b"web01"], "nothing of the recorder's group is the person's")
        session = self.arrived()
        self.assertEqual(self.exported(session), shown)
        self.assertEqual((session["host"], session["uid"]), ("web01", 12345))
        status, report = self.facts("verify")
        self.assertEqual((status, report["verdict"]), (0, "intact"))
        for machine, unit, owner, capabilities in ((self.web, "stele-agent", "root", 0), (self.log, "stele-server", "stele", 0),
                                                   (self.log, "stele-latch", "stele", LINUX_IMMUTABLE)):
            pid = machine.do("systemctl", "show", "--property=MainPID", "--value", unit).decode().strip()
            facts = dict(line.split(":\t", 1) for line in machine.do("cat", f"/proc/{pid}/status").decode().splitlines())
            uid = machine.do("id", "-u", owner).decode().strip()
            self.assertEqual((facts["Uid"].split(), int(facts["CapEff"], 16), facts["NoNewPrivs"], facts["Seccomp"]),
                             ([uid] * 4, capabilities, "1", "2"), unit)

        if self.log.run("chattr", "+a", f"{LEDGER}/state/head").returncode == 0:  # such a disk has flags
            self.log.do("chattr", "-a", f"{LEDGER}/state/head")
            self.assertIn(b"a", self.log.do("lsattr", f"{LEDGER}/vault/volume/000000000000.vol").split()[0])

    def test_systemd_brings_a_killed_agent_and_server_back_and_nobody_notices(self):
        self.start_server()
        self.enrol()
        wait_until(lambda: self.web.run("test", "-S", "/run/stele/agent.sock").returncode == 0, "the agent starts by itself")
        terminal = self.web.terminal(*PERSON, "stele", "record", "--", "sh", "-c", "echo one; read x; echo two; read x; echo three")
        self.addCleanup(terminal.close)
        for shown, machine, unit in (("one", self.web, "stele-agent"), ("two", self.log, "stele-server")):
            terminal.expect(f"{shown}\r\n")
            machine.do("systemctl", "kill", "--signal=KILL", unit)
            terminal.type("\n")
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(self.exported(self.arrived()), terminal.shown)
        self.assertEqual(self.facts("verify")[1]["verdict"], "intact")

    def test_no_flag_and_no_variable_leads_past_the_agent(self):
        self.start_server()
        self.enrol()
        wait_until(lambda: self.web.run("test", "-S", "/run/stele/agent.sock").returncode == 0, "the agent starts by itself")
        own, ran = pathlib.Path("/var/persons/ledger"), pathlib.Path("/var/ran")
        self.web.do("mkdir", "-m", "777", own.parent, ran)
        self.web.do(*PERSON, "stele", "init", "--no-recovery", "--dir", own)
        ways = {"--dir": (["stele", "record", "--dir", own], []), "STELE_DIR": (["stele", "record"], [f"STELE_DIR={own}"]),
                "all": (["stele", "record", "--input", "all"], []), "XDG": (["stele", "record"], [f"XDG_DATA_HOME={own}", f"HOME={own}"])}
        for name, (command, variables) in ways.items():
            shown = self.web.do(*PERSON, "env", *variables, *command, "--title", name, "--", "echo", "hello")
            self.assertEqual(shown, b"hello\r\n", name)
        refused = self.web.run(*PERSON, "stele", "record", "--fail-open", "--", "touch", ran / "open")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn(b"--fail-open: this host is enrolled", refused.stderr)
        socket = self.web.run(*PERSON, "stele-recorder", "--socket", own / "sock", "--", "touch", ran / "socket")
        self.assertNotEqual(socket.returncode, 0)
        def arrived():
            found = self.facts("sessions")[1]
            return found if len(found) == len(ways) and all(s["state"] == "exit 0" for s in found) else None
        sessions = wait_until(arrived, "all are at the server")
        self.assertEqual({session["title"] for session in sessions}, set(ways))
        (wish,) = (session for session in sessions if session["title"] == "all")
        events = [json.loads(line) for line in self.log.do(*OWNER, "stele", "export", wish["id"], "--format", "json", "--dir", LEDGER).splitlines()]
        self.assertEqual([e["input"] for e in events if e["type"] == "terms"], ["redact"], "a wish makes nothing looser")
        self.assertEqual(json.loads(self.web.do(*PERSON, "stele", "sessions", "--json", "--dir", own)), [], "nothing went elsewhere")
        self.web.do("systemctl", "stop", "stele-agent.path", "stele-agent")
        for name, (command, variables) in ways.items():
            alone = self.web.run(*PERSON, "env", *variables, *command, "--", "touch", ran / name)
            self.assertEqual(alone.returncode, 70, name)
            self.assertIn(b"not recorded, so the session was refused", alone.stderr)
        self.assertEqual(self.web.do("ls", ran), b"", "nothing ran unrecorded")
        self.assertEqual(json.loads(self.web.do(*PERSON, "stele", "sessions", "--json", "--dir", own)), [])

    def test_who_forgets_whose_the_ledger_is_is_told(self):
        self.start_server()
        forgot = self.log.run("stele", "token", "create", "--host", "web01")
        self.assertEqual(forgot.returncode, 70)
        self.assertIn(b"/var/lib/stele-server belongs to stele: run this as stele, as in `sudo -u stele stele", forgot.stderr)

    def test_its_units_are_tight_and_true(self):
        self.web.do("systemd-analyze", "verify", *(UNITS / name for name in ("stele-agent.service", "stele-agent.path", "stele-latch.service", "stele-prune.service", "stele-prune.timer", "stele-server.service")))
        for name in ("stele-agent.service", "stele-latch.service", "stele-server.service"):
            self.web.do("systemd-analyze", "security", "--offline=yes", "--threshold=25", UNITS / name)  # of 100; sshd has 96


if __name__ == "__main__":
    main()
