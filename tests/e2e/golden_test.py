"""A vault of each version of the formats, kept for ever: today's program reads it as it was written."""
import json
import shutil
import subprocess

from harness import ROOT, Ledger, LedgerTest, main

GOLDEN = ROOT / "testdata" / "golden"


class Golden(LedgerTest):
    def setUp(self):
        self.folder = self.make_folder()

    def versions(self):
        for original in sorted(p for p in GOLDEN.iterdir() if p.is_dir()):
            shutil.copytree(original, self.folder / original.name / "ledger")
            ledger = Ledger(self.folder / original.name)
            with self.subTest(version=original.name):
                yield ledger, json.loads((original / "expected/ledger.json").read_text())

    def test_it_verifies_as_it_did(self):
        for ledger, expected in self.versions():
            status, report = ledger.verify()
            self.assertEqual(status, 0, report)
            kept = ("stream", "verdict", "kind", "segments", "bytes", "gaps")
            self.assertEqual([{k: s[k] for k in kept} for s in report["streams"]],
                             [{k: s[k] for k in kept} for s in expected["verify"]["streams"]])
            self.assertEqual(report["covered"], expected["verify"]["covered"])

    def test_its_sessions_say_what_they_said(self):
        for ledger, expected in self.versions():
            for identity in ("auditor.age", "newcomer.age"):
                listed = json.loads(ledger.stele("sessions", "--json", "--identity", ledger.path / identity))
                found = {s["id"]: s for s in listed}
                for session in expected["sessions"]:
                    now = found[session["id"]]
                    self.assertEqual({k: now[k] for k in session}, session)
                    raw = (ledger.path / "expected" / f"{session['id']}.raw").read_bytes()
                    args = (session["id"], "--format", "raw", "--identity", ledger.path / identity)
                    self.assertEqual(ledger.stele("export", *args), raw)

    def test_it_holds_what_a_reader_must_cope_with(self):
        for ledger, expected in self.versions():
            events = [e for s in expected["sessions"] for e in ledger.events(s["id"])]
            wanted = {"start", "output", "input", "resize", "redaction", "end"}
            self.assertLessEqual(wanted, {e["type"] for e in events})
            self.assertNotIn("golden-secret", repr(events))
            self.assertIn(("no-echo", 16), [(e["why"], e["bytes_rounded"]) for e in events if e["type"] == "redaction"])
            streams = expected["verify"]["streams"]
            self.assertIn("grants", [s["kind"] for s in streams])
            self.assertIn("cut", [s["verdict"] for s in streams])

    def test_reading_it_writes_nothing_there(self):
        for ledger, expected in self.versions():
            before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in ledger.path.rglob("*") if p.is_file()}
            ledger.verify()
            for session in expected["sessions"]:
                ledger.export(session["id"], "text")
            after = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in ledger.path.rglob("*") if p.is_file()}
            self.assertEqual(before, after)

    def test_a_stranger_reads_it_too(self):
        for ledger, expected in self.versions():
            for session in expected["sessions"]:
                script, identity = ROOT / "tools/without_stele.py", ledger.path / "auditor.age"
                argv = ["/usr/bin/python3", script, ledger.path, session["id"], identity]
                done = subprocess.run(argv, capture_output=True)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout, (ledger.path / "expected" / f"{session['id']}.raw").read_bytes())


if __name__ == "__main__":
    main()
