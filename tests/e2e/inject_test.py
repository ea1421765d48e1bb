"""The real program, broken at each call that touches its ledger: the call fails, or the program is killed in its place.

After each: what was acknowledged is there and verifies, nothing is cried over, a session cut short says so, and recording goes on.

tests/tools/inject.cc breaks the n-th call of a name, of all threads together, on any file below the ledger, temporary ones too. How many
there are is taken from a run that nothing breaks. The ordinary run tries the first, the last and those at each quarter of each name; STELE_TEST_EFFORT=2,
every one.
"""
import collections
import json
import os
import re
import shutil
import subprocess
import sys

from harness import INJECT, STELE, Ledger, LedgerTest, main, remove

EFFORT = int(os.environ.get("STELE_TEST_EFFORT", "1"))
SESSION = ("sh", "-c", "echo begun; head -c 40000 /dev/urandom | base64; echo ended")
MUST_OCCUR = {"openat", "newfstatat", "pread64", "getdents64", "writev", "fdatasync", "fsync", "renameat", "unlink", "flock", "mmap"}
NOT_FILE_WORK = {"close", "dup3", "execve"}  # they do nothing to the disk: a kill there is a kill at the next call


class Inject(LedgerTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.original = cls.make_folder()
        ledger = Ledger(cls.original)
        ledger.record("echo", "before")
        cls.before = ledger.sessions()[0]["id"]
        cls.counts = collections.Counter(call for call, _, _ in cls.trace(cls.copy(), "NONE", 0, "NONE")[1])

    def setUp(self):
        self.ledger = self.copy()

    @classmethod
    def copy(cls):
        """The same ledger for every run."""
        folder = cls.make_folder()
        for name in ("ledger", "home"):
            shutil.copytree(cls.original / name, folder / name)
        return Ledger(folder)

    @staticmethod
    def trace(ledger, call, number, fault):
        """Records SESSION; the finished process, and (call, file, whether it was broken) of each call below the ledger."""
        log = ledger.folder / "calls"
        done = subprocess.run([INJECT, ledger.path, log, call, str(number), fault, STELE, "record", "--", *SESSION],
                              stdin=subprocess.DEVNULL, capture_output=True, env=ledger.environment, timeout=120)
        return done, re.findall(r"^(\w+) (.*?)( BROKEN)?$", log.read_text(), re.M)

    def chosen(self, call):
        count = self.counts[call]
        return range(1, count + 1) if EFFORT > 1 else sorted({1 + (count - 1) * quarter // 4 for quarter in range(5)})

    def sweep(self, fault, check):
        """Breaks the calls, each in a ledger of its own; the verdicts of all sessions that did not end well."""
        verdicts, met = [], collections.Counter()
        for call in self.counts:
            for number in self.chosen(call):
                ledger = self.copy()
                done, calls = self.trace(ledger, call, number, fault)
                broken = [f"{name} {file}" for name, file, broken in calls if broken]
                with self.subTest(fault=fault, number=number, broken=broken or call):
                    self.assertLessEqual(len(broken), 1)
                    met[call] += len(broken)
                    check(done)
                    verdicts += self.assert_sound(ledger, done)
                remove(ledger.path)
        print(f"{fault}: {met.total()} calls broken: {dict(met)}", file=sys.stderr)
        self.assertEqual(set(+met), set(self.counts), "each kind of call was met")
        self.assertGreater(len(verdicts), 5)
        return verdicts

    def assert_sound(self, ledger, done):
        """Nobody cries wolf, nothing known is lost; after another session too. The verdict of the session, if it did not end well."""
        shown, ended, verdicts = done.stdout, done.returncode == 0, []
        for again in (False, True):
            status, report = ledger.verify()
            self.assertEqual(status, 0, (again, report))
            new = {s["stream"]: s["verdict"] for s in report["streams"] if s["kind"] == "session" and s["stream"] != self.before}
            self.assertLessEqual(len(new), 1 + again)
            self.assertEqual(ledger.export(self.before), b"before\r\n")
            if again:
                after = max(new)  # by time
                self.assertEqual((new.pop(after), ledger.export(after)), ("intact", b"after\r\n"))
            if shown:
                self.assertTrue(new, "nothing is shown before the opening segment is durable")
            for session, verdict in new.items():
                stored = ledger.export(session)
                self.assertTrue(stored.startswith(shown) or shown.startswith(stored), "only the end may be lost")
                self.assertIn(verdict, ("intact", "cut") if again else ("intact", "cut", "unsealed"))
                if ended:
                    self.assertEqual((verdict, stored), ("intact", shown), "what ended well is all there")
                else:
                    verdicts.append(verdict)
            if not again:
                after = ledger.record("echo", "after")
                self.assertEqual(after.returncode, 0, after.stderr)
        return verdicts

    def check_refused(self, done):
        self.assertIn(done.returncode, (0, 70), done.stderr)
        if done.returncode == 70:
            self.assertRegex(done.stderr, rb"stele: .{10,}")

    def test_no_call_goes_unseen(self):
        """What strace sees below the ledger, and what the calls are that can be broken."""
        log = self.ledger.folder / "strace"
        done = subprocess.run(["strace", "-f", "-y", "-qq", "-o", log, STELE, "record", "--", *SESSION], stdin=subprocess.DEVNULL,
                              capture_output=True, env=self.ledger.traced_environment, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [line for line in log.read_text().splitlines() if str(self.ledger.path) in line]
        seen = {m[1] for line in lines if (m := re.match(r"\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed)", line))}
        self.assertLessEqual(MUST_OCCUR, seen)
        self.assertEqual(seen - NOT_FILE_WORK, set(self.counts))

    def test_calls_that_fail(self):
        self.sweep("EIO", self.check_refused)

    def test_no_space(self):
        self.sweep("ENOSPC", self.check_refused)

    def test_killed_at_any_call(self):
        def check(done):
            self.assertIn(done.returncode, (0, 128 + 9), done.stderr)
        verdicts = self.sweep("KILL", check)
        # Unsealed: durable, and killed before a checkpoint covered it; the session after has it covered.
        self.assertIn("unsealed", verdicts)
        self.assertIn("cut", verdicts, "a session whose recorder was killed says so")

    def record_with(self, calls, what, when, *options, command=SESSION):
        # Only calls on files below the ledger count: those of the C library at the start are not what is tried here.
        paths = [word for p in self.ledger.path.rglob("*") for word in ("-P", str(p))]
        return subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", *paths, "-e", f"trace={calls}",
                               "-e", f"inject={calls}:{what}:when={when}", STELE, "record", *options, "--", *command],
                              stdin=subprocess.DEVNULL, capture_output=True, env=self.ledger.traced_environment, timeout=120)

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
                        if b"LeakSanitizer does not work under ptrace" in done.stderr:
                            continue  # a sanitized build's own start was hit: it could not read its options
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
