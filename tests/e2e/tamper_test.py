"""What somebody with every right on the machine could do to a ledger of real sessions: each is found, named, and placed.

src/ledger/tamper_test.cc does the same to every bit of a small simulated ledger; here are the real program and real files.
"""
import os
import random
import shutil

from harness import Ledger, LedgerTest, flip_bit, main, remove, unprotect

FLIPS = 150 * int(os.environ.get("STELE_TEST_EFFORT", "1"))


class Tamper(LedgerTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.original = cls.make_folder()
        ledger = Ledger(cls.original)
        ledger.record("sh", "-c", "echo one; sleep 1.1; echo more; sleep 1.1; seq 200")
        shutil.copytree(ledger.path, cls.original / "earlier")
        ledger.record("sh", "-c", "head -c 300000 /dev/urandom | base64")
        ledger.record("sh", "-c", "printf '\\033[31mthree\\033[m\\n'; exit 3")
        cls.records = records_of(ledger.path / "vault/volume/000000000000.vol")

    def setUp(self):
        self.folder = self.make_folder()
        for name in ("ledger", "earlier", "home"):
            shutil.copytree(self.original / name, self.folder / name)
        self.ledger = Ledger(self.folder)
        self.vault = self.ledger.path / "vault"
        self.volume = self.vault / "volume/000000000000.vol"

    def assert_found(self, what=None, where=""):
        """`stele verify` says tampered or missing, exit 1, with a fault of that name at that place."""
        status, report = self.ledger.verify()
        self.assertEqual(status, 1, report)
        self.assertIn(report["verdict"], ("tampered", "missing"))
        faults = report["faults"] + [f for s in report["streams"] for f in s["faults"]]
        self.assertTrue(faults, report)
        self.assertTrue(all(f["what"] and f["where"] for f in faults), faults)
        if what:
            self.assertTrue(any(f["what"] == what and where in f["where"] for f in faults), faults)

    def rewrite(self, parts):
        unprotect(self.volume)
        self.volume.write_bytes(b"".join(parts))

    def test_untouched_it_is_intact(self):
        self.assert_verdict("intact", status=0)

    def test_any_bit_of_any_file(self):
        files = [p for p in sorted(self.vault.rglob("*")) if p.is_file()] + [self.ledger.path / "state/head"]
        r = random.Random(1)
        for i in range(FLIPS):
            path = files[i % len(files)]
            offset, mask = r.randrange(path.stat().st_size), 1 << r.randrange(8)
            with self.subTest(path=str(path), offset=offset, mask=mask), flip_bit(path, offset, mask):
                self.assert_found()
        self.assert_verdict("intact", status=0)

    def test_a_bit_is_placed_exactly(self):
        offset, size = self.records[2]
        with flip_bit(self.volume, offset + size - 70):
            self.assert_found("altered", f"vault/volume/000000000000.vol, offset {offset}: leaf 2")
            self.assert_found("altered", "segment 2)")

    def test_files_cut_short_and_deleted(self):
        for path in [self.volume, self.vault / "log/checkpoint", *(self.vault / "log/tile").rglob(f"*.p/{len(self.records)}")]:
            whole = path.read_bytes()
            unprotect(path)
            for size in {0, 1, len(whole) // 2, len(whole) - 1}:
                path.write_bytes(whole[:size])
                with self.subTest(path=str(path), size=size):
                    self.assert_found()
            path.unlink()
            with self.subTest(path=str(path), deleted=True):
                self.assert_found()
            path.write_bytes(whole)
        self.assert_verdict("intact", status=0)

    def test_records_deleted_swapped_duplicated(self):
        data = self.volume.read_bytes()
        parts = [data[o:o + n] for o, n in self.records]
        for i in range(len(parts)):
            with self.subTest(deleted=i):
                self.rewrite(parts[:i] + parts[i + 1:])
                self.assert_found("missing", f"leaf {i}")
            with self.subTest(twice=i):
                self.rewrite(parts[:i] + [parts[i]] + parts[i:])
                self.assert_found("duplicate", f"leaf {i}")
        for i in range(len(parts) - 1):
            with self.subTest(swapped=i):
                self.rewrite(parts[:i] + [parts[i + 1], parts[i]] + parts[i + 2:])
                self.assert_found("reordered", "offset")

    def test_a_session_taken_out_altogether(self):
        data = self.volume.read_bytes()
        parts = [data[o:o + n] for o, n in self.records]
        stream = parts[-1][4:20]
        self.rewrite([p for p in parts if p[4:20] != stream])
        self.assert_found("missing", "leaf")

    def test_a_segment_of_another_session_in_its_place(self):
        data = self.volume.read_bytes()
        parts = [data[o:o + n] for o, n in self.records]
        parts[1], other = parts[-2], parts[1]
        self.assertNotEqual(parts[1][4:20], other[4:20])
        self.rewrite(parts)
        self.assert_found("missing", "leaf 1")

    def test_a_volume_from_nowhere(self):
        for name in ("000000000002.vol", "000000000000.1.vol", "000000000099.vol", "other"):
            stray = self.vault / "volume" / name
            stray.write_bytes(self.volume.read_bytes())
            with self.subTest(name=name):
                self.assert_found()
            stray.unlink()

    def test_the_vault_rolled_back(self):
        remove(self.vault)
        shutil.copytree(self.folder / "earlier/vault", self.vault)
        self.assert_found("rolled back", "state/head")
        done = self.ledger.record("echo", "on top")
        self.assertEqual(done.returncode, 70, "nothing is recorded on top of it")
        self.assertIn(b"rolled back", done.stderr)

    def test_everything_rolled_back_is_found_by_who_remembers(self):
        self.assert_verdict("intact")  # and is remembered
        remove(self.ledger.path)
        shutil.copytree(self.folder / "earlier", self.ledger.path)
        self.assert_found("rolled back", "this reader saw")
        newcomer = Ledger(self.folder)
        newcomer.home = self.folder / "newcomer"
        newcomer.home.mkdir()
        self.assertEqual(newcomer.verify()[0], 0, "docs/threat-model.md: what remains for witnesses")

    def test_another_ledger_in_its_place(self):
        self.assert_verdict("intact")
        origin = (self.vault / "log/checkpoint").read_text().splitlines()[0]
        remove(self.ledger.path)
        self.ledger.stele("init", "--no-recovery", "--origin", origin)
        self.ledger.record("echo", "nothing happened")
        self.assert_found("other log key", "log.vkey")

    def test_a_checkpoint_of_another_log(self):
        other = Ledger(self.folder / "other")
        other.record("echo", "x")
        (self.vault / "log/checkpoint").write_bytes((other.path / "vault/log/checkpoint").read_bytes())
        self.assert_found("bad checkpoint", "vault/log/checkpoint")

    def test_sessions_of_a_host_that_the_reader_does_not_trust(self):
        other = Ledger(self.folder / "other")
        shutil.copy(other.path / "host.vkey", self.ledger.path / "host.vkey")
        self.assert_found("unknown host key", "offset")


class Live(LedgerTest):
    def test_a_ledger_being_written_to_is_never_slandered(self):
        sessions = [self.recording("--", "sh", "-c", f"for i in $(seq 40); do echo {n} $i; sleep 0.05; done") for n in range(3)]
        seen = set()
        while any(s.status is None for s in sessions):
            status, report = self.ledger.verify()
            self.assertEqual(status, 0, report)
            seen.update(s["verdict"] for s in report["streams"])
            for s in sessions:
                if s.status is None and not s.read(0):
                    s.wait()
        self.assertIn("open", seen)
        report = self.assert_verdict("intact", status=0)
        self.assertEqual([s["verdict"] for s in report["streams"]], ["intact"] * 3)


def records_of(volume):
    """(offset, size) of each record: a leaf of 92 bytes says how long its segment is (docs/formats/volume.md)."""
    data, at, found = volume.read_bytes(), 0, []
    while at < len(data):
        size = 92 + int.from_bytes(data[at + 24:at + 28], "big")
        found.append((at, size))
        at += size
    return found


if __name__ == "__main__":
    main()
