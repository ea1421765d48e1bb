"""The same as tamper_test.py on a ledger of some MiB: many full tiles, and volumes that are scanned in several blocks by several threads."""
import collections
import os
import random
import shutil
import subprocess

from forge import split
from harness import LEDGER_GENERATOR, Ledger, LedgerTest, flip_bit, main, unprotect

EFFORT = int(os.environ.get("STELE_TEST_EFFORT", "1"))
FLIPS = 200 * EFFORT
LEAF = 92
LEAVES, EARLIER = 4000, 3000
OUTPUT_BYTES = 1000  # of a leaf, not to be compressed: more than 1 MiB, a block of the scan, in 1000 leaves


class Large(LedgerTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.original = cls.make_folder()
        ledger = Ledger(cls.original)
        cls.generate(ledger, EARLIER)
        shutil.copytree(ledger.path / "vault/log", cls.original / "earlier-log")
        cls.generate(ledger, LEAVES - EARLIER)
        at, cls.records = 0, []  # (offset, size, stream)
        for record in split((ledger.path / "vault/volume/000000000000.vol").read_bytes()):
            cls.records.append((at, len(record), record[4:20].hex()))
            at += len(record)
        assert len(cls.records) == LEAVES and at > 4 << 20
        cls.honest = cls.verdicts(ledger.verify()[1])

    @staticmethod
    def generate(ledger, leaves):
        subprocess.run([LEDGER_GENERATOR, ledger.path, str(leaves), str(OUTPUT_BYTES)], check=True, capture_output=True, timeout=600)

    @staticmethod
    def verdicts(report):
        return {s["stream"].replace("-", ""): s["verdict"] for s in report["streams"]}

    def setUp(self):
        self.folder = self.make_folder()
        for name in ("ledger", "home"):
            shutil.copytree(self.original / name, self.folder / name)
        self.ledger = Ledger(self.folder)
        self.log = self.ledger.path / "vault/log"
        self.volume = self.ledger.path / "vault/volume/000000000000.vol"

    def faults(self, *, convicted=None):
        """The faults that verification names; nobody's verdict has changed but the one stream's that is convicted."""
        status, report = self.ledger.verify()
        self.assertEqual(status, 1, report["verdict"])
        found = self.verdicts(report)
        changed = {s: v for s, v in found.items() if v != self.honest.get(s)}
        self.assertEqual(changed, {convicted: "tampered"} if convicted else {})
        self.assertEqual(set(found), set(self.honest))
        return [(f["what"], f["where"]) for f in report["faults"] + [f for s in report["streams"] for f in s["faults"]]]

    def assert_one(self, faults, what, where):
        self.assertEqual(len(faults), 1, faults)
        self.assertEqual(faults[0][0], what)
        self.assertIn(where, faults[0][1])

    def flip_in_record(self, r, size):
        index = r.randrange(LEAVES)
        offset, bytes_, stream = self.records[index]
        within = r.randrange(LEAF) if size == LEAF else r.randrange(LEAF, bytes_)
        where = f"vault/volume/000000000000.vol, offset {offset}: leaf {index}, "
        with self.subTest(leaf=index, byte=within), flip_bit(self.volume, offset + within, 1 << r.randrange(8)):
            self.assert_one(self.faults(convicted=stream), "altered", where)

    def flip_in_tile(self, r):
        path = r.choice(sorted(p for name in ("0", "1") for p in (self.log / "tile" / name).rglob("*") if p.is_file()))
        offset = r.randrange(path.stat().st_size)
        name = path.relative_to(self.ledger.path)
        with self.subTest(tile=str(name), offset=offset), flip_bit(path, offset, 1 << r.randrange(8)):
            self.assert_one(self.faults(), "altered tile", f"{name}: wrong from byte {offset} on (hash {offset // 32})")

    def flip_in_bundle(self, r):
        path = r.choice(sorted(p for p in (self.log / "tile/entries").rglob("*") if p.is_file()))
        offset = r.randrange(path.stat().st_size)
        entry, byte = divmod(offset, LEAF + 2)
        name = path.relative_to(self.ledger.path)
        what = f": entry {entry} is not leaf " if byte >= 2 else ": a bundle that is not exactly "
        with self.subTest(bundle=str(name), offset=offset), flip_bit(path, offset, 1 << r.randrange(8)):
            self.assert_one(self.faults(), "altered bundle", f"{name}{what}")

    def test_untouched_it_is_intact(self):
        self.assert_verdict("intact", status=0)
        self.assertEqual(set(self.honest.values()), {"intact", "cut"})

    def test_any_bit_is_found_once_and_in_its_place(self):
        r = random.Random(3)
        for i in range(FLIPS):
            if i % 3 == 0:
                self.flip_in_record(r, LEAF)
            elif i % 3 == 1:
                self.flip_in_record(r, None)
            elif i % 6 == 2:
                self.flip_in_tile(r)
            else:
                self.flip_in_bundle(r)
        self.assert_verdict("intact", status=0)

    def test_several_bits_are_each_found(self):
        chosen = [17, 900, 901, 2500, LEAVES - 1]
        unprotect(self.volume)
        data = bytearray(self.volume.read_bytes())
        for index in chosen:
            data[self.records[index][0] + LEAF + 300] ^= 4
        self.volume.write_bytes(data)
        status, report = self.ledger.verify()
        self.assertEqual(status, 1)
        faults = [f for s in report["streams"] for f in s["faults"]]
        self.assertEqual(collections.Counter(f["what"] for f in faults), {"altered": len(chosen)})
        for index in chosen:
            self.assertTrue(any(f": leaf {index}, " in f["where"] for f in faults), (index, faults))

    def test_tiles_swapped_doubled_deleted(self):
        one, other = self.log / "tile/0/003", self.log / "tile/0/009"
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)
        self.assertEqual([(what, where.split(":")[0]) for what, where in self.faults()],
                         [("altered tile", "vault/log/tile/0/003"), ("altered tile", "vault/log/tile/0/009")])
        one.write_bytes(first)
        self.assert_one(self.faults(), "altered tile", "tile/0/009")  # the third a second time
        other.unlink()
        self.assert_one(self.faults(), "missing tile", "tile/0/009")
        other.write_bytes(second)
        self.assert_verdict("intact", status=0)

    def test_bundles_swapped_doubled_deleted(self):
        one, other = self.log / "tile/entries/003", self.log / "tile/entries/009"
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)
        faults = self.faults()
        self.assertEqual({what for what, _ in faults}, {"altered bundle"})
        self.assertEqual(collections.Counter(where.split(":")[0] for _, where in faults),
                         {"vault/log/tile/entries/003": 256, "vault/log/tile/entries/009": 256})
        one.write_bytes(first)
        self.assertEqual({where.split(":")[0] for _, where in self.faults()}, {"vault/log/tile/entries/009"})
        other.unlink()
        self.assert_one(self.faults(), "missing bundle", "tile/entries/009")

    def test_the_checkpoint_alone_rolled_back(self):
        """docs/threat-model.md: what a reader with a memory sees, and what a newcomer."""
        newcomer = Ledger(self.folder)
        newcomer.home = self.folder / "newcomer"
        self.assert_verdict("intact", status=0)  # and is remembered
        shutil.copy(self.original / "earlier-log/checkpoint", self.log / "checkpoint")
        self.assertIn(("rolled back", f"vault/log/checkpoint: {EARLIER} leaves; this reader saw {LEAVES} before"), self.reader_sees(self.ledger))
        # The partial tiles of that size went when the log grew.
        self.assertEqual({what for what, _ in self.reader_sees(newcomer)}, {"missing tile", "missing bundle"})

        shutil.rmtree(self.log)
        shutil.copytree(self.original / "earlier-log", self.log)  # somebody has kept them
        self.assertEqual([what for what, _ in self.reader_sees(self.ledger)], ["rolled back"])
        status, report = newcomer.verify()
        self.assertEqual(status, 0, "as of a log that is published a moment later")
        beyond = {stream for _, _, stream in self.records[EARLIER:]}
        self.assertEqual({s for s, v in self.verdicts(report).items() if v in ("unsealed", "cut", "open")} & beyond, beyond,
                         "never intact, what no checkpoint covers")
        self.assertEqual((report["covered"], report["leaves"]), (EARLIER, LEAVES), "and it is said how much that is")

    def reader_sees(self, reader):
        status, report = reader.verify()
        self.assertEqual(status, 1, report["verdict"])
        self.assertEqual({v for s, v in self.verdicts(report).items()} - {"unsealed"}, set(self.honest.values()), "no session is convicted")
        return [(f["what"], f["where"]) for f in report["faults"]]


if __name__ == "__main__":
    main()
