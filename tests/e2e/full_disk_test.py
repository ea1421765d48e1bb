"""When nothing can be recorded: a full disk, no permission, a ledger that is gone. Refused by default; with --fail-open a gap says what is missing."""
import contextlib
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

from harness import STELE, Ledger, LedgerTest, main, remove

DISK_BYTES = 6 << 20
FILLER_BYTES = DISK_BYTES * 3 // 4  # freed, it is room for all a session kept and for the torn ends it left


@LedgerTest.needs_root("mounts a small file system")
class FullDisk(LedgerTest):
    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", self.disk], capture_output=True, text=True)
        if done.returncode:
            self.skipTest(f"cannot mount a tmpfs: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)
        self.home = self.ledger.home
        self.ledger = Ledger(self.disk)
        self.ledger.home = self.home
        self.ledger.record("echo", "before")
        self.filler = self.disk / "filler"
        self.filler.write_bytes(bytes(FILLER_BYTES))

    def test_a_session_ends_with_a_clear_message_when_the_disk_is_full(self):
        done = self.ledger.record("sh", "-c", "head -c 8000000 /dev/urandom; sleep 5; echo never")
        self.assertEqual(done.returncode, 70)
        self.assertIn(b"No space left on device", done.stderr)
        self.assertNotIn(b"never", done.stdout[-100:])
        status, report = self.ledger.verify()
        self.assertEqual(status, 0, report)
        self.assertEqual([s["verdict"] for s in report["streams"]], ["intact", "cut"])
        stored = self.ledger.export(report["streams"][1]["stream"])
        self.assertTrue(done.stdout.startswith(stored) and len(stored) > 100_000)
        self.filler.unlink()
        self.assertEqual(self.ledger.record("echo", "after").returncode, 0)
        self.assertEqual(self.ledger.verify()[0], 0)

    def test_a_session_is_refused_when_the_disk_is_full_from_the_start(self):
        with self.filler.open("ab") as f, contextlib.suppress(OSError):
            while True:
                os.write(f.fileno(), bytes(4096))
        ran = self.folder / "ran"
        for _ in range(10):  # the last page of the volume may still take a session or two
            ran.unlink(missing_ok=True)
            done = self.ledger.record("touch", ran)
            if done.returncode and not ran.exists():
                break
        self.assertEqual(done.returncode, 70)
        self.assertIn(b"No space left on device", done.stderr)
        self.assertFalse(ran.exists(), "nothing runs unrecorded")

    def test_with_fail_open_the_gap_says_how_much_and_why(self):
        full = f"until [ $(stat -f -c %a {self.disk}) -eq 0 ]; do sleep 0.1; done"
        script = f"head -c 4000000 /dev/urandom; {full}; sleep 2; rm {self.filler}; sleep 2.5; echo late; sleep 1.2; echo end"
        done = self.ledger.record("sh", "-c", script, options=["--fail-open"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.endswith(b"late\r\nend\r\n"))
        session = self.ledger.sessions()[-1]["id"]
        gaps = [e for e in self.ledger.events(session) if e["type"] == "gap"]
        self.assertTrue(gaps)
        self.assertIn("No space left on device", gaps[0]["why"])
        stored = self.ledger.export(session)
        self.assertEqual(len(stored) + sum(g["output_bytes"] for g in gaps), len(done.stdout))
        self.assertTrue(stored.endswith(b"end\r\n"))
        self.assertEqual(self.ledger.verify()[0], 0)


@LedgerTest.needs_root("becomes somebody else")
class NoPermission(LedgerTest):
    def as_nobody(self, *options):
        home = pathlib.Path(tempfile.mkdtemp(prefix="stele-nobody-"))
        self.addCleanup(shutil.rmtree, home)
        program = home / "stele"  # where nobody may read it
        shutil.copy(STELE, program)
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        return subprocess.run(["setpriv", f"--reuid={nobody.pw_uid}", "--clear-groups", program, "record", *options, "--", "echo", "hello"],
                              stdin=subprocess.DEVNULL, capture_output=True, cwd="/", env={**self.ledger.environment, "HOME": str(home)})

    def test_a_ledger_that_is_not_ours(self):
        self.folder.chmod(0o755)
        done = self.as_nobody()
        self.assertEqual(done.returncode, 70)
        self.assertIn(b"Permission denied", done.stderr)
        self.assertEqual(done.stdout, b"")
        done = self.as_nobody("--fail-open")
        self.assertEqual((done.returncode, done.stdout), (0, b"hello\r\n"))
        self.assertIn(b"NOT RECORDED", done.stderr)
        self.assertIn(b"Permission denied", done.stderr)

    def test_a_ledger_locked_away_and_back_at_the_end(self):
        away = self.folder / "away"
        self.ledger.path.rename(away)
        script = f"echo while it was away; mv {away} {self.ledger.path}"
        done = self.ledger.record("sh", "-c", script, options=["--fail-open"])
        self.assertEqual((done.returncode, done.stdout), (0, b"while it was away\r\n"))
        report = self.assert_verdict("intact", status=0)
        self.assertEqual([s["gaps"] for s in report["streams"]], [1])
        gap = [e for e in self.ledger.events(report["streams"][0]["stream"]) if e["type"] == "gap"][0]
        self.assertEqual(gap["output_bytes"], len(done.stdout))
        self.assertIn("there is no ledger", gap["why"])

    def test_verification_where_nothing_can_be_remembered(self):
        self.ledger.record("echo", "hello")
        done = self.ledger.run("verify", env={k: v for k, v in self.ledger.environment.items() if k != "HOME"})
        self.assertEqual(done.returncode, 0, done.stderr)
        said = (done.stdout + done.stderr).lower()
        self.assertEqual(said.count(b"remembered"), 1, "one line, and no more")
        self.assertIn(b"neither xdg_state_home nor home is set", said)

    def test_a_ledger_that_is_gone(self):
        remove(self.ledger.path)
        done = self.ledger.record("echo", "hello")
        self.assertEqual((done.returncode, done.stdout), (70, b""))
        self.assertIn(b"stele init", done.stderr, "says what to do")


if __name__ == "__main__":
    main()
