"""A server is lost and restored from a backup: a successor log goes on, and the hosts with it."""
import json
import shutil

from fleet import FleetServer, Host, wait_until
from harness import LedgerTest, main


class Successor(LedgerTest):
    def setUp(self):
        self.folder = self.make_folder()
        self.server = FleetServer(self.folder)
        self.addCleanup(lambda: self.server.stop())
        self.host = Host("web01", self.server, self.folder).start()
        self.addCleanup(lambda: self.host.stop())
        self.ledger = self.server.ledger
        self.old = self.ledger.path

    def succeed(self, *args):
        """`stele init --successor-of`, and the server on what it made, at the same address."""
        done = self.ledger.run("init", "--dir", self.folder / "next", "--successor-of", *args, ok=(0,))
        self.ledger.path = self.folder / "next"
        self.server.configure(self.server.port)
        self.server.start()
        return done

    def put_note(self, host):
        shutil.copy(self.ledger.path / "predecessor", host.directory / "predecessor")
        host.restart()

    def test_what_was_not_covered_is_sent_again_and_nothing_is_forgotten(self):
        shown = [self.host.record("echo", "before").stdout]
        self.server.arrived(1)
        self.server.covered()
        wait_until(lambda: (self.host.directory / "checkpoint").exists(), "the host remembers a checkpoint")
        reader = self.server.reader()
        self.assertNotIn("successor", " ".join(self.ledger.verify(*reader)[1]["notes"]))
        self.server.kill()
        shown.append(self.host.record("echo", "while it was gone").stdout)
        self.assertEqual(self.succeed(self.old).stderr, b"", "nothing is lost")
        wait_until(lambda: "the log can not be trusted" in self.host.journal(), "the host does not believe another log by itself")
        self.put_note(self.host)
        sessions = self.server.arrived(2)
        self.assertIn("the successor of ", self.host.journal())
        self.assertEqual([self.ledger.export(s["id"]) for s in sessions], shown)
        self.server.covered()
        status, report = self.ledger.verify()
        self.assertEqual((status, report["verdict"]), (0, "intact"))
        self.assertIn("all that were proven", " ".join(report["notes"]))
        status, report = self.ledger.verify(*reader)
        self.assertEqual((status, report["verdict"]), (0, "intact"))
        self.assertIn("all that were proven", " ".join(report["notes"]), "the server shows the note too")
        now = (self.ledger.path / "log.vkey").read_text().split("+")[0]
        wait_until(lambda: (self.host.directory / "checkpoint").read_text().startswith(now + "\n"), "the new log's checkpoint is believed")
        self.assertEqual(self.host.record("echo", "after").returncode, 0)
        self.server.arrived(3)

    def test_a_host_that_saw_more_proven_is_enrolled_anew_and_its_checkpoint_tells_of_the_loss(self):
        self.host.record("echo", "kept")
        self.server.arrived(1)
        backup = self.server.snapshot(self.folder / "backup")
        self.host.record("echo", "lost")
        self.server.arrived(2)
        size = self.server.covered()[1]["covered"]
        checkpoint = self.host.directory / "checkpoint"
        wait_until(lambda: int(checkpoint.read_text().splitlines()[1]) >= size if checkpoint.exists() else False, "the host has seen it proven")
        self.server.kill()
        made = self.succeed(backup, "--last", checkpoint)
        self.assertRegex(made.stderr.decode(), r"WARNING: leaves \d+ to \d+ of \S+ were proven to somebody and are not here")
        self.put_note(self.host)
        wait_until(lambda: "this host has to be enrolled anew" in self.host.journal(), "the host does not follow")
        self.host.stop()
        self.host.directory.rename(self.host.folder / "agent.before")
        anew = Host("web01", self.server, self.folder).start()
        self.addCleanup(anew.stop)
        self.assertEqual(anew.record("echo", "anew").returncode, 0)
        wait_until(lambda: {"kept", "anew"} <= {s["command"][1] for s in self.ledger.sessions()}, "what is kept, and what is recorded anew")
        self.server.covered()
        status, report = self.ledger.verify()
        self.assertEqual((status, report["verdict"]), (0, "intact"), json.dumps(report["faults"]))
        self.assertRegex(" ".join(report["notes"]), r"leaves \d+ to \d+ of it are lost")
        reader = self.server.reader()
        status, report = self.ledger.verify(*reader)
        self.assertEqual((status, report["verdict"]), (0, "intact"), json.dumps(report["faults"]))
        self.assertRegex(" ".join(report["notes"]), r"leaves \d+ to \d+ of it are lost")

    def test_a_successor_that_names_less_than_a_reader_saw_is_found_from_afar(self):
        reader = self.server.reader()  # whom the backup knows too
        self.host.record("echo", "kept")
        self.server.arrived(1)
        backup = self.server.snapshot(self.folder / "backup")
        self.host.record("echo", "lost")
        self.server.arrived(2)
        self.server.covered()
        self.assertEqual(self.ledger.verify(*reader)[1]["verdict"], "intact")
        self.server.kill()
        self.succeed(backup)
        status, report = self.ledger.verify(*reader)
        self.assertEqual((status, report["verdict"]), (1, "tampered"))
        self.assertIn("named too small", [fault["what"] for fault in report["faults"]])


if __name__ == "__main__":
    main()
