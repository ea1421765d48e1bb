"""The real program under `strace -e inject`: every kind of I/O call fails, or kills it, at its k-th time.

After each: what was acknowledged is there and verifies, nothing is cried over, a session cut short says so, and recording goes on.
"""
import json
import os
import subprocess

from harness import STELE, LedgerTest, main

EFFORT = int(os.environ.get("STELE_TEST_EFFORT", "1"))
CALLS = ("writev", "fdatasync", "fsync", "write", "openat", "renameat,rename,renameat2", "linkat,link", "flock", "mmap,ftruncate", "pread64")
SESSION = ("sh", "-c", "echo begun; head -c 40000 /dev/urandom | base64; echo ended")


class Inject(LedgerTest):
    def setUp(self):
        super().setUp()
        self.ledger.record("echo", "before")
        self.known = {s["id"]: self.ledger.export(s["id"]) for s in self.ledger.sessions()}

    def record_with(self, calls, what, when, *options, command=SESSION):
        # Only calls on files below the ledger count: those of the C library at the start are not what is tried here.
        return subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-P", self.ledger.path, *self.paths(), "-e", f"trace={calls}",
                               "-e", f"inject={calls}:{what}:when={when}", STELE, "record", *options, "--", *command],
                              stdin=subprocess.DEVNULL, capture_output=True, env=self.ledger.traced_environment, timeout=120)

    def paths(self):
        found = [p for p in self.ledger.path.rglob("*") if p.parent.name not in ("live", "keys")]
        return [word for p in found for word in ("-P", str(p))]

    def assert_sound(self, when):
        """Nobody cries wolf, nothing known is lost; after another session too."""
        for again in (False, True):
            status, report = self.ledger.verify()
            self.assertEqual(status, 0, (when, again, report))
            for session, output in [*self.known.items()][:1] + [*self.known.items()][-3:]:
                self.assertEqual(self.ledger.export(session), output, (when, session))
            if not again:
                done = self.ledger.record("echo", "after")
                self.assertEqual(done.returncode, 0, (when, done.stderr))
        for stream in report["streams"]:
            if stream["kind"] != "session" or stream["stream"] in self.known:
                continue
            self.assertIn(stream["verdict"], ("intact", "cut"), (when, stream))
            self.known[stream["stream"]] = self.ledger.export(stream["stream"])

    def ks(self):
        return [1, 2, 4] if EFFORT == 1 else range(1, 40)

    def streams(self):
        return {s["stream"]: s["verdict"] for s in self.ledger.verify()[1]["streams"]}

    def sweep(self, what, check):
        """Returns the verdicts of all sessions that were met by the fault."""
        met = []
        for calls in CALLS:
            for k in self.ks():
                with self.subTest(calls=calls, what=what, k=k):
                    before = self.streams()
                    done = self.record_with(calls, what, k)
                    check(done)
                    new = {s: v for s, v in self.streams().items() if s not in before}
                    self.assertLessEqual(len(new), 1)
                    if done.stdout:
                        self.assertTrue(new, "nothing is shown before the opening segment is durable")
                    for session in new:
                        stored, shown = self.ledger.export(session), done.stdout
                        self.assertTrue(stored.startswith(shown) or shown.startswith(stored), "only the end may be lost")
                    if done.returncode == 0:
                        self.assertEqual([*new.values()], ["intact"], "what ended well is all there")
                    else:
                        met += new.values()
                    self.assert_sound((calls, what, k))
        self.assertGreater(len(met), 5, "the faults must have been met")
        return met

    def check_refused(self, done):
        self.assertIn(done.returncode, (0, 70), done.stderr)
        if done.returncode == 70:
            self.assertRegex(done.stderr, rb"stele: .{10,}")

    def test_calls_that_fail(self):
        self.sweep("error=EIO", self.check_refused)

    def test_no_space(self):
        self.sweep("error=ENOSPC", self.check_refused)

    def test_killed_at_any_call(self):
        def check(done):
            self.assertIn(done.returncode, (0, -9, 137), done.stderr)
        verdicts = self.sweep("signal=KILL", check)
        # Unsealed: durable, and killed before a checkpoint covered it; the session after has it covered.
        self.assertLessEqual(set(verdicts), {"cut", "intact", "unsealed"})
        self.assertIn("cut", verdicts, "a session whose recorder was killed says so")

    def test_with_fail_open_the_session_goes_on_and_the_gap_is_told(self):
        # A thread's own second sync: the sealer's, in the middle of the session.
        done = self.record_with("fdatasync", "error=EIO", "2", "--fail-open", command=("sh", "-c", "echo a; sleep 1.5; echo b; sleep 1.5; echo c"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, b"a\r\nb\r\nc\r\n", "whoever sits there loses nothing")
        session = self.ledger.sessions()[-1]["id"]
        gaps = [e for e in self.ledger.events(session) if e["type"] == "gap"]
        self.assertEqual(len(gaps), 1, gaps)
        self.assertIn("sync", gaps[0]["why"])
        self.assertIn("Input/output error", gaps[0]["why"])
        lost = gaps[0]["output_bytes"]
        self.assertEqual(len(self.ledger.export(session)) + lost, len(done.stdout), "what is not there is in the gap")
        status, report = self.ledger.verify()
        self.assertEqual(status, 0, report)
        self.assertEqual(sum(s["gaps"] for s in report["streams"]), 1)


class Verify(LedgerTest):
    """Whoever verifies on a failing machine must not convict anybody."""

    def test_what_could_not_be_read_is_unknown(self):
        self.ledger.record("seq", "100")
        verdicts = set()
        for calls in ("pread64", "openat", "read,getdents64", "newfstatat,fstat,stat,statx"):
            for fault in ("EIO", "EACCES", "EMFILE"):
                for k in range(1, 60, 1 if EFFORT > 1 else 4):
                    with self.subTest(calls=calls, fault=fault, k=k):
                        done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={calls}:error={fault}:when={k}",
                                               STELE, "verify", "--json"], stdin=subprocess.DEVNULL, capture_output=True, env=self.ledger.traced_environment)
                        self.assertNotEqual(done.returncode, 1, done.stdout)
                        self.assertIn(done.returncode, (0, 2, 70, 127), done.stderr)  # 127: the loader's, for its libraries
                        if done.returncode == 2:
                            report = json.loads(done.stdout)
                            verdicts.add(report["verdict"])
                            faults = report["faults"] + [f for s in report["streams"] for f in s["faults"]]
                            self.assertTrue(any(f["what"].startswith("unreadable ") for f in faults), faults)
                        elif done.returncode == 70:
                            self.assertRegex(done.stderr, rb"stele: .{10,}")
        self.assertEqual(verdicts, {"unknown"})
        self.assert_verdict("intact", status=0)


if __name__ == "__main__":
    main()
