"""The agent between real recorders and a real server: everything arrives, whoever is away, killed or lying."""
import json
import os
import pathlib
import signal
import socket
import subprocess

from fleet import AGENT, FleetServer, Host, wait_until
from harness import PATIENCE, LedgerTest, is_of_commands, main


class AgentTest(LedgerTest):
    def setUp(self):
        self.folder = self.make_folder()
        self.server = FleetServer(self.folder)
        self.ledger = self.server.ledger
        self.addCleanup(self.server.stop)

    def host(self, name="web01", **settings):
        host = Host(name, self.server, self.folder, **settings)
        self.addCleanup(host.stop)
        return host

    def assert_recorded(self, session, shown):
        self.assertEqual(self.ledger.export(session["id"]), shown)

    def assert_all_intact(self):
        status, report = self.server.covered()
        self.assertEqual((status, report["verdict"]), (0, "intact"), report)
        return report

    def assert_sessions(self, key, wanted):
        """What is said of each session; host and server have streams of their own."""
        self.assertEqual([s[key] for s in self.assert_all_intact()["streams"] if s["kind"] == "session"], wanted)


class Ships(AgentTest):
    def test_a_session_is_at_the_server_and_gone_from_the_spool(self):
        host = self.host().start()
        done = host.record("sh", "-c", "echo hello; printf 'caf\\351\\0\\n'; exit 3")
        self.assertEqual((done.returncode, done.stderr), (3, b""))
        (session,) = self.server.arrived(1)
        self.assertEqual((session["state"], session["command"][0]), ("exit 3", "sh"))
        self.assert_recorded(session, done.stdout)
        self.assert_sessions("verdict", ["intact"])
        self.assertEqual([s["verdict"] for s in json.loads(self.ledger.stele("verify", "--json", session["id"]))["streams"]], ["intact"])
        self.assertEqual(host.stop(), 0)
        self.assertNotIn("can not", host.journal())

    def test_a_session_that_runs_is_there_within_a_moment(self):
        host = self.host().start()
        terminal = host.recording("--", "sh", "-c", "echo before; exec cat")
        self.addCleanup(terminal.close)
        terminal.expect("before")
        (session,) = self.server.arrived(1, closed=False)
        wait_until(lambda: b"before" in self.ledger.export(session["id"]), "what was shown, at the server")
        self.assertEqual(self.ledger.sessions()[0]["state"], "open")
        terminal.type(b"\x04")
        self.assertEqual(terminal.wait(), 0)
        self.server.arrived(1)
        self.assert_recorded(session, terminal.shown)

    def test_two_hosts_ship_into_one_ledger(self):
        hosts = [self.host("web01").start(), self.host("web02").start()]
        shown = {host.name: host.record("echo", "this is", host.name).stdout for host in hosts}
        found = {self.ledger.export(s["id"]) for s in self.server.arrived(2)}
        self.assertEqual(found, set(shown.values()))
        self.assert_all_intact()

    def test_hosts_say_how_they_are(self):
        first, second = self.host("web01").start(), self.host("web02").start()
        first.record("echo", "one")
        first.kill()  # what it skips of its numbers then, its next start explains
        first.start()
        terminal = first.recording("--", "cat")
        self.addCleanup(terminal.close)
        terminal.type(b"x")
        terminal.expect("x")
        self.assertEqual(second.stop(), 0)

        def told():
            hosts = {h["host"]: h for h in json.loads(self.ledger.stele("hosts", "--json"))}
            return hosts if len(hosts) == 2 and hosts["web02"]["state"] == "stopped" and hosts["web01"]["open"] == 1 else None

        hosts = wait_until(told, "both hosts, one stopped, one with a session")
        self.assertEqual((hosts["web01"]["state"], hosts["web02"]["sessions"]), ("up", 0))
        self.assertGreater(hosts["web01"]["sessions"], 1)
        for host in hosts.values():
            self.assertEqual((host["missing"], host["skipped"], host["clock_steps"], host["epoch"]), ([], [], [], 1))
        self.assertIn(b"web01", self.ledger.stele("hosts"))

    def test_without_a_server_sessions_go_on_and_arrive_later(self):
        host = self.host().start()
        self.server.kill()
        shown = [host.record("seq", n).stdout for n in (10, 2000)]
        self.assertEqual([s.count(b"\n") for s in shown], [10, 2000])
        host.restart()
        self.assertEqual(host.record("echo", "third").stdout, b"third\r\n")
        self.assertGreater(host.spooled(), 0)
        wait_until(lambda: "nothing can be shipped" in host.journal(), "somebody is told")
        self.server.start()
        found = {self.ledger.export(s["id"]) for s in self.server.arrived(3)}
        self.assertEqual(found, {*shown, b"third\r\n"})
        wait_until(lambda: "shipping goes on" in host.journal(), "that it goes on")

    def test_a_server_restored_from_a_copy_is_not_trusted_again(self):
        host = self.host().start()
        host.record("echo", "first")
        self.server.arrived(1)
        copy = self.folder / "copy"
        self.server.stop()
        subprocess.run(["cp", "-a", self.ledger.path, copy], check=True)
        self.server.start()
        host.record("echo", "second")
        self.server.arrived(2)
        believed, size = host.directory / "checkpoint", lambda path: int(path.read_text().splitlines()[1])
        self.server.covered()  # else the host has seen nothing that the copy lacks
        both = size(self.ledger.path / "vault/log/checkpoint")
        wait_until(lambda: believed.exists() and size(believed) >= both, "the checkpoint of both")
        self.server.kill()
        subprocess.run(["chattr", "-R", "-ia", self.ledger.path], check=True)
        self.ledger.path.rename(self.folder / "away")
        copy.rename(self.ledger.path)
        self.server.start()
        wait_until(lambda: "can not be trusted" in host.journal(), "the roll-back is told")
        wait_until(lambda: list(host.directory.glob("evidence/*")), "what the log signed is kept")
        host.restart()
        wait_until(lambda: host.journal().count("can not be trusted") > 1, "a new agent knows it too")
        found = lambda: [f["rule"] for h in json.loads(self.ledger.stele("hosts", "--json")) for f in h["findings"]]
        wait_until(lambda: "rolled-back" in found(), "and says so in its stream, for what the server goes on with")


class Watchdog(AgentTest):
    def test_it_tells_its_supervisor_that_it_lives(self):
        host, heard = self.host(), self.folder / "supervisor"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
            supervisor.bind(str(heard))
            supervisor.settimeout(PATIENCE)
            host.process = host.machine.start("env", f"NOTIFY_SOCKET={heard}", "WATCHDOG_USEC=3000000", AGENT, "agent", "--config", host.config)
            self.assertEqual([supervisor.recv(64) for _ in range(3)], [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"])


class Rotates(AgentTest):
    def test_keys_that_live_a_second_and_nobody_notices(self):
        host = self.host()
        host.config.write_text(host.config.read_text() + 'rotate_keys = "1s"\n')
        first = (host.directory / "host.key").read_text()
        epoch = lambda: int((host.directory / "host.state").read_text().splitlines()[2])
        host.start()
        terminal = host.recording("--", "sh", "-c", "echo one; read x; echo two; read x; echo three")
        self.addCleanup(terminal.close)
        for shown, away in (("one", self.server.kill), ("two", host.kill)):
            terminal.expect(f"{shown}\r\n")
            before = epoch()
            wait_until(lambda: epoch() > before, "another key")
            away()
            terminal.type("\n")
            (self.server if away == self.server.kill else host).start()
        self.assertEqual(terminal.wait(), 0)
        (session,) = self.server.arrived(1)
        self.assert_recorded(session, terminal.shown)
        self.assertNotEqual((host.directory / "host.key").read_text(), first)
        self.assertFalse((host.directory / "host.key.next").exists())
        self.assert_sessions("verdict", ["intact"])
        self.assertEqual(json.loads(self.ledger.stele("verify", "--json", "--every-signature"))["verdict"], "intact")


class Killed(AgentTest):
    def test_the_agent_in_the_middle_of_a_session_costs_nothing(self):
        host = self.host().start()
        terminal = host.recording("--", "sh", "-c", "for i in 1 2 3; do seq 20000; echo part $i; read x; done")
        self.addCleanup(terminal.close)
        at = 0
        for part in (1, 2, 3):
            at = terminal.expect(f"part {part}\r\n", at)
            host.restart()
            terminal.type(b"\n")
        self.assertEqual(terminal.wait(), 0, terminal.shown[-300:])
        (session,) = self.server.arrived(1)
        self.assert_recorded(session, terminal.shown)
        self.assert_all_intact()
        gaps = [e for e in self.ledger.events(session["id"]) if e["type"] == "gap"]
        self.assertTrue(all(map(is_of_commands, gaps)), gaps)
        self.assertLessEqual(len(gaps), 3)  # one for each time that the agent was away

    def test_the_agent_while_the_opening_becomes_durable_makes_no_second_session(self):
        host = self.host().start()
        slow = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=none", "-e",
                                 "inject=fdatasync:delay_exit=3000000", "-p", str(host.process.pid)], stderr=subprocess.DEVNULL)
        traced = lambda: "TracerPid:\t0" not in pathlib.Path(f"/proc/{host.process.pid}/status").read_text()
        wait_until(traced, "each sync takes 3 s")
        before = host.spooled()
        terminal = host.recording("--", "sh", "-c", "echo once; read x")
        self.addCleanup(terminal.close)
        wait_until(lambda: host.spooled() > before and any((host.run_directory / "sessions").iterdir()), "the opening is written")
        host.kill()
        slow.wait()
        host.start()
        terminal.expect("once")
        terminal.type(b"\n")
        self.assertEqual(terminal.wait(), 0)
        (session,) = self.server.arrived(1)
        self.assert_recorded(session, terminal.shown)
        self.assert_sessions("verdict", ["intact"])

    def test_the_recorder_takes_the_session_with_it_and_what_was_shown_is_kept(self):
        host = self.host().start()
        terminal = host.recording("--", "sh", "-c", "echo $$; seq 30000; sleep 1000")
        self.addCleanup(terminal.close)
        terminal.expect("\r\n30000\r\n")
        child = int(terminal.shown.split()[0])
        os.kill(terminal.pid, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{child}"), "the command ends")
        state = lambda: [s["state"] for s in self.ledger.sessions()]
        wait_until(lambda: state() == ["cut: its recorder died"], "the record says how it ended")
        self.assert_recorded(self.ledger.sessions()[0], terminal.shown)
        self.assert_all_intact()

    def test_an_agent_that_ends_in_order_seals_what_it_has(self):
        host = self.host().start()
        terminal = host.recording("--", "sh", "-c", "echo one; exec cat")
        self.addCleanup(terminal.close)
        terminal.expect("one")
        self.assertEqual(host.stop(), 0)
        host.start()
        terminal.type(b"two\n\x04")
        self.assertEqual(terminal.wait(), 0)
        (session,) = self.server.arrived(1)
        self.assert_recorded(session, terminal.shown)


class Refuses(AgentTest):
    def test_a_person_beyond_their_number_of_sessions(self):
        host = self.host()
        host.config.write_text(host.config.read_text() + "sessions.per_user = 1\n")
        host.start()
        first = host.recording("--", "cat")
        self.addCleanup(first.close)
        first.type(b"here\n")
        first.expect("here\r\nhere")
        done = host.record("touch", self.folder / "ran")
        self.assertEqual(done.returncode, 70)
        self.assertIn(b"too many sessions of this user", done.stderr)
        self.assertFalse((self.folder / "ran").exists(), "nothing runs unrecorded")

    def test_who_is_not_the_recorder(self):
        group = "daemon"  # of which nobody here is
        host = self.host(recorder_group=group).start()
        for folder in (self.folder, host.folder):
            folder.chmod(0o711)
        # Who may connect, and is not the recorder, nor root, who may have any group.
        anybody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--groups", group]
        done = subprocess.run([*anybody, *host.command("--", "echo", "hello")], capture_output=True, stdin=subprocess.DEVNULL)
        self.assertEqual((done.returncode, done.stdout), (70, b""), done.stderr)
        self.assertIn(b"only the recorder may record", done.stderr)
        as_group = subprocess.run(["setpriv", "--regid", group, "--clear-groups", *host.command("--", "echo", "hello")],
                                  capture_output=True, stdin=subprocess.DEVNULL)
        self.assertEqual((as_group.returncode, as_group.stdout), (0, b"hello\r\n"), as_group.stderr)

    def test_a_host_that_is_not_enrolled_or_badly_configured(self):
        host = self.host()
        cases = [("", "server"), ('server = "http://x"\n', "https://"), ('server = "https://x"\nserver_ = 1\n', "server_"),
                 ('server = "https://x"\ndir = "/nowhere"\nrecorder_group = ""\n', "stele enroll"),
                 (host.config.read_text().replace('recorder_group = ""', 'recorder_group = "no-such-group"'), "no-such-group")]
        for text, wanted in cases:
            with self.subTest(wanted):
                host.config.write_text(text)
                with self.assertRaises(AssertionError) as failed:
                    host.start()
                self.assertIn(wanted, str(failed.exception).splitlines()[-1])


class FullSpool(AgentTest):
    def test_makes_the_terminal_wait_until_there_is_room(self):
        host = self.host(**{"quota.spool": "4MiB", "quota.per_user": "1MiB"})
        host.start()
        self.server.kill()
        terminal = host.recording("--", "sh", "-c", "head -c 8000000 /dev/urandom | base64")
        self.addCleanup(terminal.close)
        wait_until(lambda: terminal.read() and "the share of uid" in host.journal(), "the spool is full")
        self.server.start()  # and there is room again
        self.assertEqual(terminal.wait(), 0, terminal.shown[-300:])
        (session,) = self.server.arrived(1)
        self.assert_recorded(session, terminal.shown)



if __name__ == "__main__":
    main()
