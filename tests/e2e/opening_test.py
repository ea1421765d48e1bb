"""When a session is let begin: once the server has its first segment, or after the wait that policy states. Its record says which."""
import signal
import time

from fleet import FleetServer, Host, wait_until
from harness import LedgerTest, main


class OpeningTest(LedgerTest):
    def setUp(self):
        self.folder = self.make_folder()
        self.server = FleetServer(self.folder)
        self.ledger = self.server.ledger
        self.addCleanup(self.server.stop)
        self.addCleanup(self.let_go)
        self.policy = self.folder / "policy"

    def hold(self):
        """The server answers nobody, and keeps its connections."""
        self.server.process.send_signal(signal.SIGSTOP)

    def let_go(self):
        self.server.process.send_signal(signal.SIGCONT)

    def host(self, wait=None):
        if wait is not None:
            origin = (self.ledger.path / "log.vkey").read_text().split("+")[0]
            draft = self.folder / "draft"
            draft.write_text(f"stele-policy-v1\n{origin}\n1\n2026-11-28\nrule everybody\n  opening wait {wait} seconds\n")
            self.ledger.stele("policy", "sign", draft, "-o", self.policy)
        host = Host("web01", self.server, self.folder, policy=str(self.policy))
        self.addCleanup(host.stop)
        return host.start()

    def record(self, host):
        """One session's opening takes so many seconds."""
        begun = time.monotonic()
        done = host.record("true")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return time.monotonic() - begun

    def openings(self, count):
        """What each session's record says of its opening, the oldest first; where it stands in the record."""
        found = []
        for session in sorted(self.server.arrived(count), key=lambda s: s["id"]):
            facts = [e for e in self.ledger.events(session["id"]) if e["lane"] == "facts" and e["type"] != "gap"]
            (at,) = [i for i, e in enumerate(facts) if e["type"] == "opening"]
            self.assertEqual([e["type"] for e in facts[:at]], ["start", "terms"])
            found.append((facts[at]["acknowledged"], facts[at]["waited"]))
        return found

    def test_once_the_server_has_its_first_segment(self):
        host = self.host(wait=30)
        for _ in range(3):
            self.record(host)
        for acknowledged, waited in self.openings(3):
            self.assertTrue(acknowledged)
            self.assertLess(waited, 10)

    def test_after_the_wait_where_the_server_is_slow(self):
        host = self.host(wait=2)
        self.record(host)
        self.hold()
        self.assertGreaterEqual(self.record(host), 2)
        self.assertLess(self.record(host), 2, "nobody waits in vain twice")
        self.let_go()
        (first, _), (second, waited), (third, waited_then) = self.openings(3)
        self.assertEqual((first, second, third), (True, False, False))
        self.assertGreaterEqual(waited, 2)
        self.assertLess(waited_then, 2)
        wait_until(lambda: self.record(host) and self.openings_of_last(), "who comes now waits for the server again, and it answers")

    def openings_of_last(self):
        sessions = self.ledger.sessions()
        last = max(sessions, key=lambda s: s["id"])["id"]
        return [e for e in self.ledger.events(last) if e["type"] == "opening" and e["acknowledged"]]

    def test_at_once_where_no_server_answers(self):
        host = self.host(wait=30)
        self.server.kill()
        self.assertLess(self.record(host), 15, "it went away meanwhile")
        wait_until(lambda: "nothing can be shipped" in host.journal(), "the agent knows")
        self.record(host)
        self.server.start()
        (first, _), (second, waited) = self.openings(2)
        self.assertEqual((first, second), (False, False))
        self.assertLess(waited, 1)

    def test_at_once_where_policy_does_not_wait(self):
        host = self.host(wait=0)
        self.hold()
        self.record(host)
        self.let_go()
        (opening,) = self.openings(1)
        self.assertFalse(opening[0])

    def test_that_the_agent_does_not_live_to_see(self):
        host = self.host(wait=10)
        self.record(host)
        self.hold()
        terminal = host.recording("--", "sh", "-c", "echo begun; exec cat")
        self.addCleanup(terminal.close)
        spooled = host.spooled()
        wait_until(lambda: host.spooled() > spooled or list((host.run_directory / "sessions").iterdir()), "the opening is durable")
        time.sleep(0.5)
        host.kill()
        host.start()
        time.sleep(0.5)
        terminal.read()
        self.assertEqual(terminal.shown, b"", "nothing is shown before the server has it")
        self.let_go()
        terminal.expect("begun")
        terminal.type(b"\x04")
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual([acknowledged for acknowledged, _ in self.openings(2)], [True, True])
        status, report = self.server.covered()
        self.assertEqual((status, report["verdict"]), (0, "intact"), report)

    def test_is_printed(self):
        host = self.host()
        self.record(host)
        (session,) = self.server.arrived(1)
        self.assertIn(b"acknowledged by the server", self.ledger.stele("show", session["id"]))


if __name__ == "__main__":
    main()
