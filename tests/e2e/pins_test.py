"""While an agent is started again, the kernel goes on: what was executed meanwhile stands in the record, or the record says what may be missing."""
import os
import signal
import subprocess
import unittest

from coverage_test import Logins, why_no_logins
from fleet import wait_until
from harness import main


@unittest.skipIf(why_no_logins(), why_no_logins())
class Pins(Logins):
    def setUp(self):
        super().setUp()
        self.pins = self.make_folder() / "bpf"
        self.pins.mkdir()
        if subprocess.run(["mount", "-t", "bpf", "-o", "mode=0700", "none", self.pins], capture_output=True).returncode:
            self.skipTest("no bpf file system to be had")
        self.addClassCleanup(subprocess.run, ["umount", self.pins])
        self.host.stop()
        self.host.config.write_text(self.host.config.read_text().replace('pins = ""', f'pins = "{self.pins}"'))
        self.host.start()

    def pinned(self):
        return sorted(path.name for path in self.pins.glob("stele-*/*/*"))

    def test_all_of_it_is_there_after_a_stop_in_order(self):
        gate, done = self.folder / "gate", self.folder / "done"
        os.mkfifo(gate)
        terminal = self.login(*self.recorder("sh", "-c", f"echo ready; read go < {gate}; /bin/true meanwhile; (setsid /bin/true far &); "
                                             f"sleep 0.2; touch {done}; read over; /bin/true after"))
        terminal.expect("ready")
        self.host.stop()
        self.assertEqual(len(self.pinned()), 9)
        gate.write_text("go\n")
        wait_until(done.exists, "it went on")
        unseen = self.login("sh", "-c", "echo he''re; /bin/true; sleep 60")
        unseen.expect("here")
        self.host.start()
        terminal.type(b"\r")
        self.assertEqual(terminal.wait(), 0)
        (session,) = self.server.arrived(1)
        facts = self.facts(session["id"])
        executed = [e["argv"] for e in facts if e["type"] == "exec"]
        for text in ("meanwhile", "far", "after"):
            self.assertEqual(executed.count(["/bin/true", text]), 1, executed)
        self.assertEqual([e["why"] for e in facts if e["type"] == "gap"], [])
        wait_until(lambda: self.of(unseen), "who came while no agent was there is found")

    def test_after_a_kill_the_record_says_what_may_be_missing(self):
        gate, done = self.folder / "gate", self.folder / "done"
        os.mkfifo(gate)
        terminal = self.login(*self.recorder("sh", "-c", f"echo ready; read go < {gate}; /bin/true meanwhile; touch {done}; read over"))
        terminal.expect("ready")
        self.host.kill()
        gate.write_text("go\n")
        wait_until(done.exists, "it went on")
        self.host.start()
        terminal.type(b"\r")
        self.assertEqual(terminal.wait(), 0)
        facts = self.facts(self.server.arrived(1)[0]["id"])
        self.assertIn(["/bin/true", "meanwhile"], [e["argv"] for e in facts if e["type"] == "exec"])
        (gap,) = [e["why"] for e in facts if e["type"] == "gap"]
        self.assertIn("of what was executed or forwarded in the moment before, some may be missing", gap)

    def test_a_recorder_that_is_killed_while_no_agent_is_there_is_found(self):
        terminal = self.login(*self.recorder("sh", "-c", "echo ready; read over"))
        terminal.expect("ready")
        self.server.arrived(1, closed=False)
        self.host.stop()
        os.kill(terminal.pid, signal.SIGKILL)
        terminal.wait()
        self.host.start()
        (found,) = self.wait_for("recorder-killed")
        self.assertIn(f"pid {terminal.pid}, by signal 9", found)

    def test_what_another_build_left_is_taken_away(self):
        self.host.stop()
        (folder,) = self.pins.glob("stele-*/*")
        other = folder.rename(folder.with_name("0123456789abcdef"))
        self.host.start()
        self.assertFalse(other.exists())
        self.assertEqual(len(self.pinned()), 9)
        self.assertIn(["/bin/true", "seen"], [e.get("argv") for e in self.recorded("/bin/true seen; true")])

    def test_what_is_not_whole_is_made_anew(self):
        self.host.stop()
        (last,) = self.pins.glob("stele-*/*/on_exit")
        last.unlink()
        self.host.start()
        self.assertEqual(len(self.pinned()), 9)
        self.assertIn(["/bin/true", "seen"], [e.get("argv") for e in self.recorded("/bin/true seen; true")])

    def test_a_folder_that_others_may_write_to_is_not_used(self):
        self.host.stop()
        (folder,) = self.pins.glob("stele-*")
        folder.chmod(0o777)
        self.host.start()
        self.assertIn(["/bin/true", "seen"], [e.get("argv") for e in self.recorded("/bin/true seen; true")])
        self.assertEqual([e["why"] for e in self.recorded("true") if e["type"] == "gap"], [])

    def recorded(self, script):
        before = len(self.ledger.sessions())
        self.host.record("sh", "-c", script)
        return self.facts(self.server.arrived(before + 1)[-1]["id"])


if __name__ == "__main__":
    main()
