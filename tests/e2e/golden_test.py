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
                found = {s["id"]: s for s in json.loads(ledger.stele("sessions", "--json", "--identity", ledger.path / identity))}
                for session in expected["sessions"]:
                    now = found[session["id"]]
                    self.assertEqual({k: now[k] for k in session}, session)
                    raw = (ledger.path / "expected" / f"{session['id']}.raw").read_bytes()
                    args = (session["id"], "--format", "raw", "--identity", ledger.path / identity)
                    self.assertEqual(ledger.stele("export", *args), raw)

    def test_a_stranger_reads_it_too(self):
        for ledger, expected in self.versions():
            for session in expected["sessions"]:
                done = subprocess.run(["/usr/bin/python3", ROOT / "tools/without_stele.py", ledger.path, session["id"], ledger.path / "auditor.age"],
                                      capture_output=True)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout, (ledger.path / "expected" / f"{session['id']}.raw").read_bytes())


if __name__ == "__main__":
    main()
