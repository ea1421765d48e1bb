"""A vault of each version of the formats, kept for ever: today's program reads it as it was written."""
import json
import shutil
import subprocess
import uuid

from forge import split
from harness import ROOT, Ledger, LedgerTest, main

GOLDEN = ROOT / "testdata" / "golden"
REKEY = 4  # in a leaf's flags


class Golden(LedgerTest):
    def setUp(self):
        self.folder = self.make_folder()

    def versions(self):
        names = sorted(p.name for p in GOLDEN.iterdir() if p.is_dir() and not p.name.startswith("_"))
        self.assertEqual(names, ["v1", "v1-fleet"])
        for name in names:
            with self.subTest(version=name):
                yield self.version(name)

    def version(self, name):
        """A copy of it, and what it must say."""
        shutil.copytree(GOLDEN / name, self.folder / name / "ledger")
        return Ledger(self.folder / name), json.loads((GOLDEN / name / "expected/ledger.json").read_text())

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

    def test_one_holds_a_session_that_was_cut(self):
        self.assertIn("cut", [s["verdict"] for s in self.version("v1")[1]["verify"]["streams"]])

    def test_one_holds_what_a_server_keeps_of_a_host(self):
        ledger, expected = self.version("v1-fleet")
        streams = expected["verify"]["streams"]
        self.assertLessEqual({"session", "host", "server", "grants"}, {s["kind"] for s in streams})
        events = {s["title"]: ledger.events(s["id"]) for s in expected["sessions"]}
        types = {title: [e["type"] for e in of_one] for title, of_one in events.items()}
        self.assertEqual(set(types), {"bytes", "a shell", "a gap", "a newcomer"})
        self.assertTrue(all("terms" in of_one for of_one in types.values()), "of a policy")
        gap = next(e for e in events["a gap"] if e["type"] == "gap")
        self.assertEqual(gap["output_bytes"], len("\r\ntwo\r\n"))
        self.assertEqual([s["gaps"] for s in streams if s["gaps"]], [1])

    def test_one_holds_several_volumes_a_torn_record_and_changes_of_key(self):
        ledger, expected = self.version("v1-fleet")
        first, *others = sorted((ledger.path / "vault/volume").glob("*.vol"))
        self.assertTrue(others)
        self.assertTrue(first.read_bytes().endswith(b"torn record"))
        flags = {}  # of each session's segments, in order
        whole = [record for volume in (first, *others) for record in split(volume.read_bytes().removesuffix(b"\1torn record" * 5))]
        for record in whole:
            flags.setdefault(str(uuid.UUID(bytes=record[4:20])), []).append(record[2])
        titles = {s["title"]: s["id"] for s in expected["sessions"]}
        for title in ("a gap", "a newcomer"):
            self.assertTrue(any(f & REKEY for f in flags[titles[title]][1:]), title)
        self.assertEqual(len(whole), expected["verify"]["leaves"])

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
