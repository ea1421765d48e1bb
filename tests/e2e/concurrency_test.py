"""Many recorders, one ledger: everything is there, and a sync serves whoever waits for one."""
import re
import subprocess

from harness import STELE, LedgerTest, main

SESSIONS = 16
# As on a disk: long enough that others come to wait meanwhile, however slow this machine is.
SLOW_SYNC = ("-e", "inject=fdatasync:delay_exit=200000")


class Concurrency(LedgerTest):
    def test_sixteen_sessions_at_once_share_one_ledger(self):
        trace = self.folder / "trace"
        script = "for i in $(seq 30); do echo $0 says $i; sleep 0.05; done; head -c 50000 /dev/zero | tr '\\0' x"
        running = [subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=fdatasync", "-e", "signal=none", *SLOW_SYNC, "-o", f"{trace}.{n}",
                                     STELE, "record", "--title", str(n), "--", "sh", "-c", script, f"session-{n}"],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=self.ledger.traced_environment) for n in range(SESSIONS)]
        shown = [p.communicate(timeout=300)[0] for p in running]
        self.assertEqual([p.returncode for p in running], [0] * SESSIONS)

        report = self.assert_verdict("intact", status=0)
        self.assertEqual([s["verdict"] for s in report["streams"]], ["intact"] * SESSIONS)
        sessions = {s["title"]: s["id"] for s in self.ledger.sessions()}
        for n in range(SESSIONS):
            said = "".join(f"session-{n} says {i}\r\n" for i in range(1, 31)).encode() + b"x" * 50_000
            self.assertEqual(shown[n], said)
            self.assertEqual(self.ledger.export(sessions[str(n)]), said)

        segments = sum(s["segments"] for s in report["streams"])
        syncs = sum(len(re.findall(r"fdatasync\(", p.read_text())) for p in self.folder.glob("trace.*"))
        self.assertGreaterEqual(segments, SESSIONS * 3)
        self.assertLess(syncs, segments * 0.8, "several segments must share a sync")

    def test_sessions_that_begin_and_end_all_the_time(self):
        script = "for i in 1 2 3 4 5; do \"$0\" record -- echo $1-$i > /dev/null || exit 1; done"
        running = [subprocess.Popen(["sh", "-c", script, STELE, str(n)], stdin=subprocess.DEVNULL, env=self.ledger.traced_environment) for n in range(8)]
        self.assertEqual([p.wait(300) for p in running], [0] * 8)
        report = self.assert_verdict("intact", status=0)
        self.assertEqual(len(report["streams"]), 40)
        self.assertEqual({s["verdict"] for s in report["streams"]}, {"intact"})


if __name__ == "__main__":
    main()
