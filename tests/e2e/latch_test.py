"""`stele-latch`: the server may nothing, its volumes are protected, and nothing can be taken back by who may ask."""
import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess

from fleet import Here, wait_until
from harness import main
from latched import LATCH, OWNER, As, Disk, flags, request

LINUX_IMMUTABLE = 1 << 9  # capability.h


class Latch(Disk):
    def test_the_server_may_nothing_and_its_volumes_are_protected(self):
        self.start_latch()
        self.start_server()
        for process, capabilities in ((self.latch, LINUX_IMMUTABLE), (self.server.process, 0)):
            facts = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines())
            self.assertEqual([int(facts[each], 16) for each in ("CapPrm", "CapEff")], [capabilities] * 2)
        self.assertEqual((facts["Uid"].split()), [str(OWNER)] * 4)
        (volume,) = self.volumes()
        self.assertEqual(flags(volume), {"a"}, "init may not, and made it: the server asked for it")
        self.assert_refused(os.truncate, volume, 0)
        self.assert_refused(os.unlink, volume)
        self.assert_refused(open, volume, "r+b")
        closed = self.close_a_volume()
        wait_until(lambda: "i" in flags(closed), "a closed volume is immutable")
        self.assertEqual(flags(closed) - {"V"}, {"i"})
        self.assertEqual(flags(self.volumes()[-1]), {"a"})
        for call in (lambda: open(closed, "ab"), lambda: os.unlink(closed), lambda: os.rename(closed, self.disk / "away"),
                     lambda: os.link(closed, self.disk / "other"), lambda: os.chmod(closed, 0o644)):
            self.assert_refused(call)
        said = self.status()
        self.assertEqual(said["immutable_volumes"], 1)
        self.assertRegex(said["open_volume"], "^append-only")
        self.assertRegex(said["closed_volumes"], "^immutable")
        self.assertEqual(self.server.ledger.verify()[1]["verdict"], "intact")

    def test_the_server_s_own_user_can_not_take_a_flag_off_nor_reach_into_the_latch(self):
        self.start_latch()
        self.start_server()
        (volume,) = self.volumes()
        self.assertNotEqual(As().run("chattr", "-a", volume).returncode, 0)
        self.assertNotEqual(As().run("dd", f"if=/proc/{self.latch.pid}/mem", "of=/dev/null", "count=1").returncode, 0)
        self.assertIn(b"Permission denied", As().run("ls", f"/proc/{self.latch.pid}/fd").stderr)
        self.assertEqual(flags(volume), {"a"})

    def test_nothing_is_ever_taken_back_and_nothing_else_can_be_named(self):
        self.start_latch()
        folder = self.disk / "ledger/vault/volume"
        for number, name in enumerate(("000000000007.vol", "000000000008.2.vol"), 7):
            (folder / name).write_bytes(b"leaves")
            os.chown(folder / name, OWNER, OWNER)
        (folder / "000000000009.vol").symlink_to(self.disk / "ledger/keys/log.key")
        (folder / "000000000010.vol").mkdir()
        os.mkfifo(folder / "000000000011.vol")
        (folder / "000000000012.vol").write_bytes(b"root's")
        first, second = folder / "000000000007.vol", folder / "000000000008.2.vol"
        self.assertEqual(self.ask(request(1, 7)), "0100")
        self.assertEqual(flags(first), {"a"})
        self.assertEqual(self.ask(request(2, 8, 2)), "0100")
        self.assertEqual(flags(second) - {"V"}, {"i"})
        self.assertEqual(self.ask(request(1, 8, 2)), "0100")
        self.assertEqual(flags(second) - {"V"}, {"i"}, "it is not less than it was")
        for index in (9, 10, 11, 12):
            self.assertEqual(self.ask(request(2, index)), "0102", index)
        self.assertEqual(self.ask(request(2, 99)), "0101")
        for packet in (request(0, 7), request(3, 7), request(255, 7), request(1, 7)[:15], request(1, 7) + b"x", b"\2" + request(1, 7)[1:], b"x"):
            self.assertEqual(self.ask(packet), "", packet)
        self.assertEqual((flags(first), flags(second) - {"V"}), ({"a"}, {"i"}))
        self.assertEqual([flags(self.disk / "ledger/keys/log.key"), flags(folder / "000000000012.vol")], [set(), set()])

    def test_nobody_else_is_answered_and_who_says_nothing_stops_nobody(self):
        self.start_latch()
        self.assertEqual(stat.S_IMODE(self.socket.stat().st_mode), 0o600)
        self.assertEqual(self.ask(request(1), Here()), "", "not even root: its flags are its own to set")
        self.assertEqual(flags(self.volumes()[0]), set())
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as silent:
            silent.connect(str(self.socket))
            self.assertEqual(self.ask(request(1)), "0100")
        self.latch.terminate()
        self.assertIn("uid 0 has nothing to ask here", self.latch.communicate()[1])
        self.assertEqual(self.latch.returncode, 0)

    def test_without_it_the_server_works_and_says_so_and_what_was_missed_is_made_good(self):
        self.start_server(scrub_every="1s")
        closed = self.close_a_volume()
        self.assertEqual(flags(closed) - {"V"}, set())
        self.assertRegex(self.status()["open_volume"], "^none: ")
        self.start_latch()
        wait_until(lambda: "i" in flags(closed), "the latch is there, and a scrub came by")
        self.latch.kill()
        self.latch.communicate()
        self.server.stop()
        self.assertIn("volumes are not protected from whoever may write to them", self.said_when_it_starts())
        self.start_latch()
        self.server.start()
        self.assertEqual(flags(self.volumes()[-1]), {"a"})
        self.assertEqual([re.search("volumes=.*", line)[0] for line in self.told()], ["volumes=unprotected"] * 2 + ["volumes=append-only"])

    def told(self):
        """What the server's stream says of how it was set up, from one change to the next; its port changes once."""
        self.server.stop()
        streams = [s["stream"] for s in self.server.ledger.verify()[1]["streams"]]
        lines = [json.loads(line) for each in streams for line in self.server.ledger.export(each, "json").splitlines()]
        return [each["what"] for each in lines if each.get("what", "").startswith("+ server ")]

    def said_when_it_starts(self):
        """What the server says on standard error when it starts, and is stopped at once."""
        self.server.start()
        self.server.process.send_signal(signal.SIGTERM)
        return self.server.process.communicate()[1]

    def test_what_is_asked_wrongly_is_told(self):
        for options in ((), ("--directory", "/x"), ("--directory", "/x", "--socket"), ("--sudo", "/x", "--socket", "/y")):
            done = subprocess.run([LATCH, *options], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (64, ""))
            self.assertIn("Usage: stele-latch", done.stderr)
        done = subprocess.run([LATCH, "--directory", "/nowhere", "--socket", self.folder / "socket"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (70, "open /nowhere: No such file or directory\n"))


if __name__ == "__main__":
    main()
