"""stele on machines of their own: from nothing to a recorded session in three commands, and a network that breaks."""
import unittest

from fleet import FleetServer, Machine, can_have_machines, wait_until
from harness import LedgerTest, main

PERSON = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"]


@unittest.skipIf(can_have_machines(), can_have_machines())
class Fleet(LedgerTest):
    def setUp(self):
        self.folder = self.make_folder()
        log, web = self.machine("log"), self.machine("web01")
        log.connect(web, 1)
        self.server = FleetServer(self.folder, log, ["127.0.0.1", "10.203.1.1"])
        self.ledger = self.server.ledger
        self.addCleanup(self.server.stop)
        self.web = web
        web.install()

    def machine(self, name):
        machine = Machine(name, self.folder)
        self.addCleanup(machine.close)
        return machine

    def start_agent(self):
        """What systemd does when /etc/stele/agent.toml is there."""
        agent = self.web.start("/usr/local/bin/stele", "agent")
        self.addCleanup(agent.wait)
        self.addCleanup(agent.terminate)
        wait_until(lambda: self.web.run("test", "-S", "/run/stele/agent.sock").returncode == 0, "the agent's socket")

    def test_three_commands_to_the_first_recorded_session(self):
        token = self.server.token("web01")
        said = self.web.do("stele", "enroll", "--server", self.server.url("10.203.1.1"), "--token", token, "--ca-pin", self.server.pin)
        self.assertIn(b"Enrolled as web01", said)
        self.start_agent()
        shown = self.web.do(*PERSON, "stele", "record", "--", "sh", "-c", "id -u; id -g; id -G; hostname")
        self.assertEqual(shown.split(), [b"12345", b"12345", b"12345", b"web01"], "nothing of the recorder's group is the person's")
        (session,) = self.server.arrived(1)
        self.assertEqual(self.ledger.export(session["id"]), shown)
        self.assertEqual((session["host"], session["uid"]), ("web01", 12345))
        self.assertEqual(self.server.covered()[0], 0)


if __name__ == "__main__":
    main()
