"""`stele scrub`, and a server that reads what it stores again by itself: an altered bit is found without being asked for."""
import json
import re
import shutil
import subprocess

from fleet import FleetServer, Host, wait_until
from harness import LedgerTest, flip_bit, main


class Directory(LedgerTest):
    def setUp(self):
        super().setUp()
        for text in ("one", "two"):
            self.ledger.record("echo", text)
        (self.volume,) = (self.ledger.path / "vault/volume").iterdir()

    def scrub(self, *options, status=0):
        done = self.ledger.run("scrub", "--json", *options)
        self.assertEqual((done.returncode, done.stderr), (status, b""), done.stdout)
        return json.loads(done.stdout)

    def test_all_is_read_and_nothing_is_wrong(self):
        report = self.scrub()
        self.assertEqual((report["verdict"], report["volumes"], report["volumes_left"], report["faults"]), ("intact", 1, 0, []))
        self.assertEqual(report["bytes"], self.volume.stat().st_size)
        self.assertEqual(report["leaves"], self.ledger.verify()[1]["leaves"])
        text = self.ledger.stele("scrub").decode()
        self.assertRegex(text, r"^1 volumes, \d+ leaves, [\d.]+ KiB read\. Nothing is wrong with them\.\n$")

    def test_each_bit_counts_and_the_place_is_named(self):
        for offset in (3, 120, self.volume.stat().st_size - 1):
            with flip_bit(self.volume, offset):
                (fault,) = self.scrub(status=1)["faults"]
            self.assertEqual(fault["what"], "altered")
            self.assertRegex(fault["where"], r"^vault/volume/000000000000\.vol: offset \d+, leaf \d+: ")
        self.scrub()

    def test_what_was_read_is_remembered_and_a_volume_that_goes_is_missed(self):
        self.scrub()
        remembered = (self.ledger.path / "state/scrub").read_text()
        self.assertRegex(remembered, r"^stele-scrub-v1\n1 \d+ 1 \d+ \d+ 0\n000000000000\.vol 1 \d+ \d+ 0 (open|immutable)\n\S{44}\n$")
        (self.ledger.path / "state/scrub").write_text("torn")
        self.scrub()

    def test_an_identity_opens_sessions_by_chance(self):
        report = self.scrub("--identity", self.ledger.path / "auditor.age")
        self.assertEqual((report["opened"], report["sealed"]), (2, 0))
        report = self.scrub("--identity", self.ledger.path / "auditor.age", "--samples", "1")
        self.assertEqual(report["opened"], 1)
        other = self.ledger.folder / "other.age"
        other.write_bytes(subprocess.run(["age-keygen"], capture_output=True, check=True).stdout)
        other.chmod(0o600)
        report = self.scrub("--identity", other, status=2)
        self.assertEqual((report["verdict"], report["opened"], report["sealed"]), ("unknown", 0, 2))
        self.assertIn("this identity does not open its facts, output", report["faults"][0]["where"])

    def test_what_was_found_before_an_error_is_told(self):
        with flip_bit(self.volume, 120):
            done = self.ledger.run("scrub", "--json", "--identity", "/nowhere")
        self.assertEqual([fault["what"] for fault in json.loads(done.stdout)["faults"]], ["altered"])
        self.assertIn(b"/nowhere", done.stderr)
        self.assertEqual(done.returncode, 1)

    @LedgerTest.needs_root("to be two people")
    def test_who_does_not_own_it_leaves_nothing_there(self):
        shutil.chown(self.ledger.path, "nobody")
        done = self.ledger.run("scrub")
        self.assertEqual(done.returncode, 70)
        self.assertIn(b"belongs to nobody: run this as nobody", done.stderr)
        self.assertFalse((self.ledger.path / "state/scrub.lock").exists())

    def test_bad_options_say_what_is_wanted(self):
        for options, said in ((("--for", "soon"), b"--for: a time like 30m is wanted"), (("--server", "https://h:1"), b"--identity is wanted")):
            done = self.ledger.run("scrub", *options)
            self.assertEqual((done.returncode, done.stdout), (70, b""))
            self.assertIn(said, done.stderr)


class Server(LedgerTest):
    def setUp(self):
        folder = self.make_folder()
        self.server = FleetServer(folder, scrub_every="1s")
        self.addCleanup(lambda: self.server.stop())
        self.ledger = self.server.ledger
        self.host = Host("web01", self.server, folder).start()
        self.addCleanup(self.host.stop)
        self.host.record("echo", "kept")
        self.server.arrived(1)
        self.server.covered()

    def events(self, kind):
        streams = [s["stream"] for s in self.ledger.verify()[1]["streams"] if s["kind"] == "server"]
        events = [json.loads(line) for s in streams for line in self.ledger.run("export", s, "--format", "json").stdout.splitlines()]
        return [e for e in events if e["type"] == kind]

    def test_a_pass_is_told_in_its_own_stream_and_so_is_an_altered_bit(self):
        passed = wait_until(lambda: [e for e in self.events("scrub") if e["leaves"] > 0], "a pass that read something")
        self.assertEqual({e["faults"] for e in passed}, {0})
        self.assertEqual(self.events("finding"), [])
        (volume,) = (self.ledger.path / "vault/volume").iterdir()
        (session,) = [s for s in self.ledger.verify()[1]["streams"] if s["kind"] == "session"]
        content = volume.read_bytes()
        at = content.index(bytes.fromhex(session["stream"].replace("-", ""))) + 200
        with flip_bit(volume, at):
            said = wait_until(lambda: [f for f in self.events("finding") if f["rule"] == "scrub"], "a finding")
        self.assertRegex(said[0]["what"], r"^scrub: altered: vault/volume/000000000000\.vol: offset \d+, leaf \d+: ")

    def test_what_another_process_finds_is_told_too(self):
        self.server.stop()
        self.server.settings["scrub_every"] = "20s"
        self.server.configure(self.server.port)
        self.server.start()
        wait_until(lambda: len(self.events("scrub")) > 0, "a pass")
        (volume,) = (self.ledger.path / "vault/volume").iterdir()
        with flip_bit(volume, 120):
            self.assertEqual(self.ledger.run("scrub").returncode, 1)
        said = wait_until(lambda: [f["what"] for f in self.events("finding") if f["rule"] == "scrub"], "a finding")
        self.assertEqual(said, ["scrub: 1 faults were found by another process that reads; `stele scrub` names them"])

    def test_an_auditor_opens_sessions_from_afar(self):
        options = (*self.server.reader(), "--identity", self.ledger.path / "auditor.age")
        done = self.ledger.run("scrub", *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(re.fullmatch(rb"1 sessions opened, 0 not\. Nothing is wrong with them\.\n", done.stdout), done.stdout)


if __name__ == "__main__":
    main()
