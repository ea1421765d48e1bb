"""What the processes of a session execute stands in its record, as the kernel told it: real programs, a real agent."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from fleet import FleetServer, Host, Machine, can_have_machines
from harness import STELE, LedgerTest, main


def why_not():
    if os.geteuid() != 0:
        return "needs root"
    if not pathlib.Path("/sys/kernel/btf/vmlinux").exists():
        return "this kernel has no BTF"
    return ""


class CommandsTest(LedgerTest):
    without = ()  # what the agent runs under
    machine = None

    def setUp(self):
        folder = self.make_folder()
        self.server = FleetServer(folder, self.machine)
        self.addCleanup(self.server.stop)
        self.ledger = self.server.ledger
        self.host = Host("web01", self.server, folder, self.machine)
        self.host.variables = self.without
        self.host.start()
        self.addCleanup(self.host.stop)

    def record(self, script):
        """The facts of a session that runs this script."""
        self.host.record("sh", "-c", script)
        return self.facts(self.server.arrived(1)[0]["id"])

    def facts(self, session):
        lines = self.ledger.stele("export", session, "--format", "json").splitlines()
        return [e for e in map(json.loads, lines) if e["lane"] == "facts"]

    def status(self):
        """What the host says of itself, where no ledger is."""
        return json.loads(self.ledger.stele("--dir", self.host.folder, "--json", "status", "--config", self.host.config))

    def execs(self, facts):
        return [e for e in facts if e["type"] == "exec"]


@unittest.skipIf(os.geteuid() != 0, "needs root")
class WithoutPrograms(CommandsTest):
    """An agent that may load none into the kernel, as where the kernel is older, follows by the process connector."""
    without = ("setpriv", "--bounding-set", "-bpf,-perfmon,-sys_admin")

    def test_what_ran_is_told_and_what_is_missing_is_said(self):
        facts = self.record("cd /usr/lib; /bin/sleep 0.3; setsid /bin/sh -c '/bin/sleep 0.2; exit 3'; /bin/false; exit 5")
        (session,) = self.ledger.sessions()
        self.assertIn("by the kernel (process connector)", self.ledger.stele("show", session["id"]).decode())
        execs = self.execs(facts)
        slept = next(e for e in execs if e["argv"] == ["/bin/sleep", "0.3"])
        self.assertEqual((slept["cwd"], slept["cut"], pathlib.Path(slept["file"]).name), ("/usr/lib", False, "sleep"))
        self.assertIn(["/bin/sleep", "0.2"], [e["argv"] for e in execs], "whatever it leaves")
        self.assertTrue(all(e["argv"] or e["cut"] for e in execs), execs)
        ended = [e["exit"] for e in facts if e["type"] == "exit"]
        self.assertEqual(sorted(ended)[-3:], [1, 3, 5])
        (host,) = json.loads(self.ledger.stele("hosts", "--json"))
        (finding,) = [f["what"] for f in host["findings"] if f["rule"] == "commands"]
        self.assertIn("told by the process connector", finding)
        self.assertIn("which ports are forwarded is not seen", finding)
        said = self.status()
        self.assertEqual((said["commands"], said["missing"], said["silent"]), ("process connector", finding, False))


@unittest.skipIf(can_have_machines(), can_have_machines())
class ByNeitherWay(CommandsTest):
    """Nor is there a process connector where the network is a namespace's."""
    without = WithoutPrograms.without

    def setUp(self):
        self.machine = Machine("web01", self.make_folder())
        self.addCleanup(self.machine.close)
        super().setUp()

    def test_it_is_said_that_nothing_is_seen(self):
        self.assertEqual(self.execs(self.record("/bin/true")), [])
        self.assertRegex(self.ledger.stele("show", self.ledger.sessions()[0]["id"]).decode(), r"commands +not seen")
        said = self.status()
        self.assertEqual(said["commands"], "")
        self.assertIn("what sessions execute is not seen", said["missing"])
        self.assertIn("nor is which ports are forwarded", said["missing"])


@unittest.skipIf(why_not(), why_not())
class Commands(CommandsTest):
    def test_each_command_with_its_arguments_its_place_and_its_status(self):
        said = self.status()
        self.assertEqual((said["commands"], said["missing"]), ("ebpf", ""))
        facts = self.record("cd /usr/lib; /bin/true a 'b c'; sh -c 'exit 3'; sh -c 'kill -9 $$'; exit 5")
        shell, true, three, killed = self.execs(facts)
        self.assertEqual((true["argv"], true["cwd"], true["file"]), (["/bin/true", "a", "b c"], "/usr/lib", "/bin/true"))
        self.assertEqual({e["ppid"] for e in (true, three, killed)}, {shell["pid"]})
        self.assertTrue(true["tty"].startswith("/dev/pts/"), true)
        ended = {e["pid"]: e for e in facts if e["type"] == "exit"}
        self.assertEqual([ended[e["pid"]].get("exit") for e in (shell, true, three)], [5, 0, 3])
        self.assertEqual(ended[killed["pid"]]["signal"], 9)
        self.assertEqual(facts[-1]["type"], "end")
        times = [e["at"] for e in facts]
        self.assertEqual(times, sorted(times))

    def test_a_player_goes_from_command_to_command(self):
        terminal = self.host.recording("--", "sh", "-c", "/bin/echo one; /bin/sleep 0.2; /bin/echo two; /bin/sleep 0.3; /bin/echo three")
        self.addCleanup(terminal.close)
        self.assertEqual(terminal.wait(), 0)
        (session,) = [s["id"] for s in self.server.arrived(1)]
        player = self.terminal(STELE, "play", "--speed", "0.01", session, rows=30)
        player.expect("playing")
        player.type(" ")
        at = player.expect("paused")
        player.type("n" * 20)
        at = player.expect(" $ /bin/echo three ", at)
        for command in ("/bin/sleep 0.3", "/bin/echo two", "/bin/sleep 0.2"):
            player.type("N")
            at = player.expect(f" $ {command} ", at)
        player.type("n")
        player.expect(" $ /bin/echo two ", at)
        player.type("q")
        self.assertEqual(player.wait(), 0)

    def test_a_change_of_rights_stands_before_what_is_done_with_them(self):
        facts = self.record("setpriv --reuid 1234 --regid 1235 --clear-groups /bin/true low")
        (change,) = [e for e in facts if e["type"] == "privilege"]
        self.assertEqual((change["from"]["uid"], change["to"]["uid"], change["to"]["euid"]), (0, 1234, 1234))
        self.assertEqual(change["to"]["capabilities"], "0" * 16)
        after = facts[facts.index(change) + 1]
        self.assertEqual((after["type"], after["argv"], after["uid"]), ("exec", ["/bin/true", "low"], 1234))

    def test_tricks_to_be_somebody_else_change_nothing(self):
        """exec -a, a double fork with setsid, another mount namespace, and a script read from standard input."""
        facts = self.record("bash -c 'exec -a innocent /bin/echo renamed'; (setsid sh -c '(sh -c \"/bin/echo far\" &)' &); "
                            "unshare -m /bin/echo elsewhere; echo '/bin/echo piped' | sh; sleep 1")
        by_text = {e["argv"][-1]: e for e in self.execs(facts)}
        self.assertEqual((by_text["renamed"]["file"], by_text["renamed"]["argv"][0]), ("/bin/echo", "innocent"))
        for text in ("far", "elsewhere", "piped"):
            self.assertEqual(by_text[text]["argv"], ["/bin/echo", text])

    def test_two_sessions_at_once_are_told_apart(self):
        first, second = self.host.recording("--", "sh"), self.host.recording("--", "sh")
        for number, terminal in enumerate((first, second)):
            self.addCleanup(terminal.close)
            terminal.type(b"/bin/echo from-%d; exit\r" % number)
        self.assertEqual([t.wait() for t in (first, second)], [0, 0])
        found = [[e["argv"][-1] for e in self.execs(self.facts(s["id"]))] for s in self.server.arrived(2)]
        self.assertEqual(sorted(found), [["sh", "from-0"], ["sh", "from-1"]])

    def test_an_agent_that_comes_again_follows_who_is_there(self):
        terminal = self.host.recording("--", "sh")
        self.addCleanup(terminal.close)
        terminal.type(b"echo be''fore\r")
        terminal.expect("before")
        self.host.restart()
        terminal.type(b"echo it is ba''ck\r")
        terminal.expect("it is back")
        terminal.type(b"/bin/true later; sh -c 'exit 4'; exit\r")
        self.assertEqual(terminal.wait(), 4)
        facts = self.facts(self.server.arrived(1)[0]["id"])
        self.assertIn(["/bin/true", "later"], [e["argv"] for e in self.execs(facts)])
        gaps = [e["why"] for e in facts if e["type"] == "gap"]
        self.assertEqual(gaps, ["what was executed or forwarded while the agent was away was not seen"], facts)

    def test_two_capabilities_are_enough_and_are_given_up(self):
        """What the agent's unit lets it have."""
        self.host.stop()
        self.host.variables = ("setpriv", "--bounding-set", "-all,+bpf,+perfmon", "--no-new-privs")
        self.host.start()
        status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{self.host.process.pid}/status").read_text().splitlines())
        self.assertEqual([int(status[each], 16) for each in ("CapEff", "CapPrm", "CapInh")], [0, 0, 0])
        for thread in pathlib.Path(f"/proc/{self.host.process.pid}/task").iterdir():
            self.assertIn("CapEff:\t0000000000000000", (thread / "status").read_text())
        self.assertIn(["/bin/true", "seen"], [e["argv"] for e in self.execs(self.record("/bin/true seen; true"))])

    def test_show_tells_it(self):
        self.host.record("sh", "-c", "sh -c 'exit 3'")
        session = self.server.arrived(1)[0]["id"]
        shown = self.ledger.stele("show", session).decode()
        self.assertRegex(shown, r"commands +by the kernel \(ebpf\)")
        self.assertRegex(shown, r"ran \[\d+\] sh -c 'exit 3' ")
        self.assertRegex(shown, r"end \[\d+\] exit 3")


if __name__ == "__main__":
    main()
